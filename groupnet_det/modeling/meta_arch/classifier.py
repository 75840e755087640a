"""Image classification under Detectron2's trainer."""

from typing import Any

import torch
import torch.nn.functional as F
from detectron2.config import CfgNode, configurable
from detectron2.modeling import META_ARCH_REGISTRY, Backbone, build_backbone
from detectron2.structures import ImageList
from torch import Tensor, nn

from groupnet_det.config import own_node
from groupnet_det.errors import ConfigError
from groupnet_det.layers.scripting import recorded


@META_ARCH_REGISTRY.register()
class ImageClassifier(nn.Module):
    """Any backbone, the average of its last feature over the image, and a float linear classifier.

    Call contract, as for Detectron2's meta-architectures: a list with a dict for each image,
    ``image`` (C, H, W) with values 0 to 255 and, in training, ``label``. In training it returns a
    dict of losses, else for each image a dict with ``logits`` (number of classes).
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    @configurable
    def __init__(
        self,
        *,
        backbone: Backbone,
        num_classes: int,
        pixel_mean: tuple[float, ...],
        pixel_std: tuple[float, ...],
        label_smoothing: float = 0.0,
    ) -> None:
        """
        Args:
            backbone: Its last feature is classified.
            num_classes: Size of the output.
            pixel_mean, pixel_std: Mean and deviation of each channel, in the range 0 to 255.
            label_smoothing: Share of the target that is spread over all classes, 0 to 1 (Szegedy
                et al., arXiv 1512.00567).

        Raises:
            ConfigError: Less than two classes.
        """
        super().__init__()
        if num_classes < 2:
            raise ConfigError(
                f"MODEL.CLASSIFIER.NUM_CLASSES is {num_classes}; set that of the data set, 2 or "
                "more: one class needs no classifier; add a folder of images of another, such as "
                "'other'"
            )
        self.backbone = backbone
        self.in_feature, shape = list(backbone.output_shape().items())[-1]
        self.fc = nn.Linear(shape.channels, num_classes)
        nn.init.normal_(self.fc.weight, std=0.01)
        nn.init.zeros_(self.fc.bias)
        self.label_smoothing = label_smoothing
        self.register_buffer("pixel_mean", torch.tensor(pixel_mean).view(-1, 1, 1), False)
        self.register_buffer("pixel_std", torch.tensor(pixel_std).view(-1, 1, 1), False)

    @classmethod
    def from_config(cls, cfg: CfgNode) -> dict[str, Any]:
        return {
            "backbone": build_backbone(cfg),
            "num_classes": own_node(cfg, "MODEL.CLASSIFIER").NUM_CLASSES,
            "pixel_mean": tuple(cfg.MODEL.PIXEL_MEAN),
            "pixel_std": tuple(cfg.MODEL.PIXEL_STD),
            "label_smoothing": own_node(cfg, "MODEL.CLASSIFIER").LABEL_SMOOTHING,
        }

    @property
    def device(self) -> torch.device:
        return self.fc.weight.device

    def forward(self, batched_inputs: list[dict[str, Any]]) -> Any:
        """See the class."""
        images = self.preprocess_image(batched_inputs)
        logits = self.classify(self.backbone(images.tensor))
        if not self.training:
            return [{"logits": row} for row in logits]
        labels = torch.tensor([item["label"] for item in batched_inputs], device=self.device)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # from autocast's half
        loss = F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        return {"loss_cls": loss}

    def preprocess_image(self, batched_inputs: list[dict[str, Any]]) -> ImageList:
        """Normalize; images of several sizes are padded at the right and below."""
        images = [
            (item["image"].to(self.device) - self.pixel_mean) / self.pixel_std
            for item in batched_inputs
        ]
        return ImageList.from_tensors(images, self.backbone.size_divisibility)

    def __prepare_scriptable__(self) -> nn.Module:
        """The module that ``torch.jit.script`` compiles: evaluation, with the same call contract.

        Raises:
            ConfigError: The model is in training.
        """
        return _ScriptableClassifier(self)

    def classify(self, features: dict[str, Tensor]) -> Tensor:
        """Features of the backbone -> logits (N, number of classes)."""
        return self.fc(features[self.in_feature].mean(dim=(2, 3)))


class _ScriptableClassifier(nn.Module):
    """`ImageClassifier` in evaluation, in what TorchScript reads."""

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, model: ImageClassifier) -> None:
        super().__init__()
        self.network = recorded(_Logits(model).train(model.training))
        self.size_divisibility = model.backbone.size_divisibility
        self.register_buffer("pixel_mean", model.pixel_mean, False)
        self.register_buffer("pixel_std", model.pixel_std, False)

    def forward(self, batched_inputs: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
        images: list[Tensor] = []
        for item in batched_inputs:
            image = item["image"].to(self.pixel_mean.device)
            images.append((image - self.pixel_mean) / self.pixel_std)
        batch = ImageList.from_tensors(images, self.size_divisibility)
        results: list[dict[str, Tensor]] = []
        for row in self.network(batch.tensor):
            results.append({"logits": row})
        return results


class _Logits(nn.Module):
    """Prepared images (N, C, H, W) -> logits (N, number of classes)."""

    def __init__(self, model: ImageClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model.classify(self.model.backbone(images))
