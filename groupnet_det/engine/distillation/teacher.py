"""Knowledge distillation: a full-precision teacher beside any model that has a ``backbone``.

It works by hooks on the model, so every meta-architecture can be a student, and neither its
parameters nor its checkpoints change.
"""

import logging
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from detectron2.config import CfgNode
from detectron2.modeling import build_model
from torch import Tensor, nn

from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.config import load_config, own_node
from groupnet_det.errors import ConfigError

from .dense_heads_loss import dense_head, distill_dense
from .roi_heads_loss import RegionDistillation, check_region_heads, region_heads

logger = logging.getLogger(__name__)


def distill_logits(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """``T^2 KL(softmax(teacher / T) || softmax(student / T))``, averaged over the images.

    Source: Hinton et al., Distilling the Knowledge in a Neural Network (arXiv 1503.02531).

    Args:
        student, teacher: Logits, (N, number of classes).
        temperature: T; above 1 the wrong classes' probabilities count for more.
    """
    return temperature**2 * F.kl_div(
        F.log_softmax(student.float() / temperature, dim=1),
        F.log_softmax(teacher.float() / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )


def _attention_map(feature: Tensor) -> Tensor:
    """The strength of a feature at each pixel: the mean square over the channels, of unit length.

    Args:
        feature: (N, C, H, W).

    Returns:
        (N, H * W).
    """
    return F.normalize(feature.float().square().mean(dim=1).flatten(1), dim=1)


def distill_feature(student: Tensor, teacher: Tensor) -> Tensor:
    """Half the squared distance of the two attention maps, averaged over the images: 0 to 1.

    Source: Zagoruyko and Komodakis, Paying More Attention to Attention (arXiv 1612.03928). The
    numbers of channels may differ.

    Args:
        student, teacher: (N, C, H, W) and (N, C', H, W).
    """
    difference = _attention_map(student) - _attention_map(teacher)
    return difference.square().sum(dim=1).mean() / 2


class Distillation:
    """A teacher, and what a student's training step adds to its losses.

    `attach` hooks it to a model: the student's backbone hands its input and features over, its
    pyramid the levels, a classifier its logits, a dense head its outputs, box and mask heads their
    regions; the model's dict of losses then has ``loss_distill_<feature>``,
    ``loss_distill_logits``, ``loss_distill_scores`` and ``loss_distill_boxes``, and those of
    `RegionDistillation`, as asked for.
    """

    def __init__(
        self,
        teacher: nn.Module,
        *,
        logits_weight: float = 0.0,
        temperature: float = 4.0,
        head_weight: float = 0.0,
        region_weight: float = 0.0,
        features: tuple[str, ...] = (),
        features_weight: float = 1.0,
    ) -> None:
        """
        Args:
            teacher: A model with a ``backbone``; frozen here.
            logits_weight: Weight of `distill_logits`, for classifiers; 0 leaves it out.
            temperature: See `distill_logits`; also used for the classes of regions.
            head_weight: Weight of `distill_dense`, for detectors; 0 leaves it out.
            region_weight: Weight of `RegionDistillation`, for R-CNNs; 0 leaves it out.
            features: Names of features of backbone or pyramid for `distill_feature`.
            features_weight: Weight of each of these features.
        """
        self.teacher: Any = teacher.eval().requires_grad_(False)
        self.logits_weight = logits_weight
        self.temperature = temperature
        self.head_weight = head_weight
        self.region_weight = region_weight
        self._regions: RegionDistillation | None = None
        self.features = features
        self.features_weight = features_weight
        self._teacher_features: dict[str, Tensor] = {}
        self._losses: dict[str, Tensor] = {}
        inner = _inner_backbone(self.teacher)
        inner.register_forward_hook(lambda m, x, found: self._teacher_features.update(found))
        # The pyramid is computed where it is needed only.
        in_backbone = set(features) <= set(inner.output_shape())
        self._teacher_backbone: Any = (
            inner if in_backbone and not (head_weight or region_weight) else self.teacher.backbone
        )

    def attach(self, model: nn.Module) -> None:
        """Hook this to a student.

        Raises:
            ConfigError: Logits are asked for, but student or teacher is not a classifier, or their
                classes differ in number; head outputs, but one of them has no such head, or they
                differ in levels, stages or masks; or a feature is missing.
        """
        self._check_features(model)
        backbone: Any = _inner_backbone(model)
        backbone.register_forward_hook(self._see_features)
        pyramid: Any = model.backbone
        if pyramid is not backbone:
            pyramid.register_forward_hook(self._see_pyramid)
        if self.logits_weight:
            self._check_classes(model)
            model.get_submodule("fc").register_forward_hook(self._see_logits)
        if self.head_weight:
            head, self._teacher_head, self._teacher_levels = self._find_heads(model)
            head.register_forward_hook(self._see_head)
        if self.region_weight:
            check_region_heads(model, self.teacher)
            heads: list[Any] = [region_heads(network) for network in (model, self.teacher)]
            self._regions = RegionDistillation(*heads, temperature=self.temperature)
        model.register_forward_hook(self._add_losses)

    def _check_features(self, model: nn.Module) -> None:
        for name in self.features:
            for owner, network in (("student", model), ("teacher", self.teacher)):
                available = {**_inner_backbone(network).output_shape()}
                available.update(network.backbone.output_shape())  # type: ignore[operator,union-attr]
                if name not in available:
                    raise ConfigError(
                        f"MODEL.DISTILLATION.FEATURES names {name!r}, which the {owner}'s backbone "
                        f"does not return; it has {list(available)} (MODEL.GROUPNET.OUT_FEATURES)"
                    )

    def _check_classes(self, model: nn.Module) -> None:
        student, teacher = _num_classes(model), _num_classes(self.teacher)
        if student != teacher or not student:
            raise ConfigError(
                f"MODEL.DISTILLATION: the teacher has {teacher or 'no'} classes, the student "
                f"{student or 'none'}; set LOGITS_WEIGHT 0 to distill features alone"
            )

    def _find_heads(self, model: nn.Module) -> tuple[Any, Any, list[str]]:
        student, teacher = dense_head(model), dense_head(self.teacher)
        if student is None or teacher is None or len(student[1]) != len(teacher[1]):
            levels = [found[1] if found else "no dense head" for found in (student, teacher)]
            raise ConfigError(
                f"MODEL.DISTILLATION.HEAD_WEIGHT: the student has {levels[0]}, the teacher "
                f"{levels[1]}; both must be detectors of one kind with the same levels"
            )
        return student[0], *teacher

    def _see_features(self, backbone: nn.Module, inputs: tuple[Tensor], features: Any) -> None:
        if not backbone.training:
            return
        with torch.no_grad():
            self._teacher_features.update(self._teacher_backbone(inputs[0]))
        if self._regions:
            self._regions.features = self._teacher_features
        self._compare(features)

    def _see_pyramid(self, pyramid: nn.Module, inputs: tuple[Tensor], levels: Any) -> None:
        if pyramid.training:
            self._compare(levels)

    def _compare(self, found: Mapping[str, Tensor]) -> None:
        for name in self.features:
            if name in found:
                loss = distill_feature(found[name], self._teacher_features[name])
                self._losses[f"loss_distill_{name}"] = self.features_weight * loss

    def _see_logits(self, classifier: nn.Module, inputs: tuple[Tensor], logits: Tensor) -> None:
        if not classifier.training:
            return
        with torch.no_grad():
            wanted = self.teacher.classify(self._teacher_features)
        loss = distill_logits(logits, wanted, self.temperature)
        self._losses["loss_distill_logits"] = self.logits_weight * loss

    def _see_head(self, head: nn.Module, inputs: Any, outputs: Any) -> None:
        if not head.training:
            return
        with torch.no_grad():
            wanted = self._teacher_head([self._teacher_features[n] for n in self._teacher_levels])
        ours, theirs = ([tuple(y.shape) for maps in o[:2] for y in maps] for o in (outputs, wanted))
        if ours != theirs:
            raise ConfigError(
                f"MODEL.DISTILLATION.HEAD_WEIGHT: the student's head gives maps {ours}, the "
                f"teacher's {theirs}; classes, anchors and levels must be the same"
            )
        scores, boxes = distill_dense(outputs, wanted)
        self._losses["loss_distill_scores"] = self.head_weight * scores
        self._losses["loss_distill_boxes"] = self.head_weight * boxes

    def _add_losses(self, model: nn.Module, inputs: Any, losses: Any) -> Any:
        if not model.training:
            return None
        collected, self._losses, self._teacher_features = self._losses, {}, {}
        if self._regions:
            for name, loss in self._regions.collect().items():
                collected[name] = self.region_weight * loss
        return {**losses, **collected}


def _inner_backbone(model: nn.Module) -> Any:
    """The backbone of a model, without the pyramid around it."""
    return getattr(model.backbone, "bottom_up", model.backbone)


def _num_classes(model: nn.Module) -> int:
    """Number of classes of a classifier; 0 for other models."""
    classifier = getattr(model, "fc", None)
    return classifier.out_features if isinstance(classifier, nn.Linear) else 0


def attach_distillation(cfg: CfgNode, model: nn.Module) -> None:
    """Build the teacher of ``MODEL.DISTILLATION`` and attach it; nothing where none is named.

    Raises:
        ConfigError: The keys do not fit together, or the teacher not to the student.
        CheckpointError: The teacher's weights do not fit.
    """
    options = own_node(cfg, "MODEL.DISTILLATION")
    if not options.TEACHER_CONFIG:
        return
    if not options.TEACHER_WEIGHTS:
        raise ConfigError(
            "MODEL.DISTILLATION.TEACHER_WEIGHTS is empty; a random teacher teaches nothing"
        )
    weights = (options.LOGITS_WEIGHT, options.HEAD_WEIGHT, options.REGION_WEIGHT)
    if not any(weights) and not (options.FEATURES and options.FEATURES_WEIGHT):
        raise ConfigError(
            "MODEL.DISTILLATION has a teacher, but LOGITS_WEIGHT, HEAD_WEIGHT and REGION_WEIGHT "
            "are 0 and no FEATURES are named"
        )
    teacher_cfg = load_config(options.TEACHER_CONFIG, ["MODEL.DEVICE", cfg.MODEL.DEVICE])
    for key in ("PIXEL_MEAN", "PIXEL_STD"):
        if list(teacher_cfg.MODEL[key]) != list(cfg.MODEL[key]):
            raise ConfigError(
                f"MODEL.{key} differs between the student and its teacher "
                f"({options.TEACHER_CONFIG}), but both see the same normalized images"
            )
    teacher = build_model(teacher_cfg)
    Checkpointer(teacher, strict=True).load(options.TEACHER_WEIGHTS)
    Distillation(
        teacher,
        logits_weight=options.LOGITS_WEIGHT,
        temperature=options.TEMPERATURE,
        head_weight=options.HEAD_WEIGHT,
        region_weight=options.REGION_WEIGHT,
        features=tuple(options.FEATURES),
        features_weight=options.FEATURES_WEIGHT,
    ).attach(model)
    logger.info(f"Distillation from {options.TEACHER_WEIGHTS} ({options.TEACHER_CONFIG})")
