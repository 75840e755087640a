"""Semantic segmentation of images in windows, and at several scales, around any segmentation model.

C: classes, H and W: height and width in pixels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.modeling.postprocessing import sem_seg_postprocess
from torch import Tensor, nn
from torchvision.transforms import functional as F

from groupnet_det.config import own_node
from groupnet_det.errors import ConfigError, lookup
from groupnet_det.images.windows import windows

Inputs = list[dict[str, Any]]  # as `SemanticSegmentor` takes them
SegmentorOutputs = list[dict[str, Tensor]]

INFERENCE = {"whole": False, "slide": True}


class SlidingWindow(nn.Module):
    """Segment overlapping windows and take the mean of their scores."""

    def __init__(self, model: nn.Module, *, window: Sequence[int], stride: Sequence[int]) -> None:
        """
        Args:
            model: Called as `SemanticSegmentor`.
            window: Height and width of the windows in pixels.
            stride: Steps between them, at most as large.

        Raises:
            ConfigError: Values out of range.
        """
        super().__init__()
        _check_windows(window, stride)
        self.model = model
        self.window = (window[0], window[1])
        self.stride = (stride[0], stride[1])
        self.train(model.training)

    def forward(self, batched_inputs: Inputs) -> SegmentorOutputs:
        """
        Args:
            batched_inputs: Each with ``image`` (3, H, W), and ``height`` and ``width`` of the
                wanted scores, by default the image's.

        Returns:
            For each image ``{"sem_seg": (C, height, width)}``.
        """
        return [{"sem_seg": self._segment(record)} for record in batched_inputs]

    def _segment(self, record: dict[str, Any]) -> Tensor:
        image = record["image"]
        size = image.shape[1:]
        total: Tensor | None = None
        count = torch.zeros(size)
        for rows, columns in windows(size, self.window, self.stride):
            scores = self.model([{"image": image[:, rows, columns]}])[0]["sem_seg"]
            if total is None:
                total = scores.new_zeros(len(scores), *size)
            total[:, rows, columns] += scores
            count[rows, columns] += 1
        assert total is not None  # there is always a window
        mean = total / count.to(total.device)
        wanted = record.get("height", size[0]), record.get("width", size[1])
        return sem_seg_postprocess(mean, tuple(size), *wanted)


class MultiScaleFlip(nn.Module):
    """The mean of the probabilities at several scales of an image, and of its mirror image."""

    def __init__(self, model: nn.Module, *, scales: Sequence[float], flip: bool) -> None:
        """
        Args:
            model: Called as `SemanticSegmentor`.
            scales: Factors on the image's size.
            flip: Whether mirrored images are segmented too.

        Raises:
            ConfigError: There is no scale, or one that is not positive.
        """
        super().__init__()
        if not scales or min(scales) <= 0:
            raise ConfigError(f"TEST.SEMANTIC.SCALES is {list(scales)}; valid: factors > 0")
        self.model = model
        self.scales = list(scales)
        self.flips = [False, True] if flip else [False]
        self.train(model.training)

    def forward(self, batched_inputs: Inputs) -> SegmentorOutputs:
        """See `SlidingWindow`; the scores are probabilities."""
        return [{"sem_seg": self._segment(record)} for record in batched_inputs]

    def _segment(self, record: dict[str, Any]) -> Tensor:
        image = record["image"]
        height, width = image.shape[1:]
        wanted = {
            "height": record.get("height", height),
            "width": record.get("width", width),
        }
        total: Tensor | None = None
        for scale in self.scales:
            size = [max(1, round(scale * side)) for side in (height, width)]
            resized = F.resize(image, size, antialias=True)
            for flip in self.flips:
                seen = resized.flip(2) if flip else resized
                scores = self.model([{"image": seen, **wanted}])[0]["sem_seg"].softmax(dim=0)
                scores = scores.flip(2) if flip else scores
                total = scores if total is None else total + scores
        assert total is not None  # there is always a scale
        return total / (len(self.scales) * len(self.flips))


def _check_windows(window: Sequence[int], stride: Sequence[int]) -> None:
    """
    Raises:
        ConfigError: Not two positive numbers each, or gaps between the windows.
    """
    where = "TEST.SEMANTIC"
    for key, values in (("WINDOW", window), ("STRIDE", stride)):
        if len(values) != 2 or min(values) < 1:
            raise ConfigError(f"{where}.{key} is {list(values)}; valid: two numbers of pixels")
    if any(step > side for step, side in zip(stride, window, strict=True)):
        raise ConfigError(
            f"{where}.STRIDE {list(stride)} leaves gaps between windows of {list(window)}; lower it"
        )


def wrap_for_inference(cfg: CfgNode, model: nn.Module) -> nn.Module:
    """The model as ``TEST.SEMANTIC`` and ``TEST.AUG`` want it tested, in the mode that it is in.

    Raises:
        ConfigError: A value cannot work.
    """
    options = own_node(cfg, "TEST.SEMANTIC")
    if lookup(INFERENCE, options.INFERENCE, "TEST.SEMANTIC.INFERENCE"):
        model = SlidingWindow(model, window=options.WINDOW, stride=options.STRIDE)
    if cfg.TEST.AUG.ENABLED:
        model = MultiScaleFlip(model, scales=options.SCALES, flip=cfg.TEST.AUG.FLIP)
    return model
