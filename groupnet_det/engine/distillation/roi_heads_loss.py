"""Distillation losses between the box and mask heads of two R-CNNs, on the student's regions.

Legend: R regions of all images, C classes without the background.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from detectron2.modeling.roi_heads import StandardROIHeads
from torch import Tensor, nn

from groupnet_det.errors import ConfigError

BOX_DIM = 4
Losses = dict[str, Tensor]


def distill_boxes(
    scores: Tensor, deltas: Tensor, their_scores: Tensor, their_deltas: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """The divergence of classes and the distance of boxes.

    With T the temperature, and c_r the teacher's probability (at T = 1) that region r is an object:
    ``T^2 KL(softmax(teacher / T) || softmax(student / T))``, averaged over the regions, and
    ``sum_r c_r smooth_L1(deltas - deltas_student) / sum_r c_r``, the sum of c at least 1. Deltas of
    each class count by that class's probability instead of c.

    Args:
        scores, their_scores: Logits of the student and the teacher, (R, C + 1), background last.
        deltas, their_deltas: (R, 4 * C), or (R, 4) where they do not depend on the class.
    """
    divergence = F.kl_div(
        F.log_softmax(scores.float() / temperature, dim=1),
        F.log_softmax(their_scores.float() / temperature, dim=1),
        reduction="sum",
        log_target=True,
    )
    weight = F.softmax(their_scores.float(), dim=1)[:, :-1]
    if deltas.shape[1] == BOX_DIM:
        weight = weight.sum(dim=1, keepdim=True)
    distance = F.smooth_l1_loss(deltas.float(), their_deltas.float(), beta=0.1, reduction="none")
    distance = distance.unflatten(1, (-1, BOX_DIM)).sum(dim=2)
    boxes = (weight * distance).sum() / weight.sum().clamp(min=1)
    return temperature**2 * divergence / max(len(scores), 1), boxes


def distill_masks(logits: Tensor, their_logits: Tensor, classes: Tensor) -> Tensor:
    """``KL(Bernoulli(p) || Bernoulli(p_student))`` of each pixel, averaged; 0 without regions.

    Args:
        logits, their_logits: Logits of student and teacher, (R, C, H, W), or (R, 1, H, W) if they
            do not depend on the class.
        classes: Classes of the regions, (R). The masks of other classes mean nothing.
    """
    if logits.shape[1] > 1:
        rows = torch.arange(len(logits), device=logits.device)
        logits, their_logits = logits[rows, classes], their_logits[rows, classes]
    ours, theirs = logits.float(), their_logits.float()
    probability = torch.sigmoid(theirs)
    divergence = F.binary_cross_entropy_with_logits(
        ours, probability, reduction="none"
    ) - F.binary_cross_entropy_with_logits(theirs, probability, reduction="none")
    return divergence.sum() / max(divergence.numel(), 1)


class RegionDistillation:
    """Let the teacher's box and mask heads look at the regions that a student trains on.

    It works by hooks on the student's poolers, which show the regions, on its box predictors and on
    its mask head. The stages of a cascade are compared each with its own, and averaged.
    """

    def __init__(
        self, student: StandardROIHeads, teacher: StandardROIHeads, *, temperature: float
    ) -> None:
        """
        Args:
            student, teacher: Heads of one kind, see `region_heads`.
            temperature: See `distill_boxes`.
        """
        self.teacher = teacher
        self.temperature = temperature
        self.features: Mapping[str, Tensor] = {}  # of the teacher's pyramid, for each step
        self._found: list[Losses] = []
        self._boxes: Any = None
        student.box_pooler.register_forward_hook(self._see_boxes)
        their_stages = zip(_stages(teacher.box_head), _stages(teacher.box_predictor), strict=True)
        predictors = _stages(student.box_predictor)
        self._num_stages = len(predictors)
        for predictor, (head, their_predictor) in zip(predictors, their_stages, strict=True):
            predictor.register_forward_hook(self._compare_boxes(head, their_predictor))
        if student.mask_on:
            student.mask_pooler.register_forward_hook(self._see_boxes)
            student.mask_head.register_forward_pre_hook(self._see_instances)
            student.mask_head.predictor.register_forward_hook(self._compare_masks)

    def collect(self) -> Losses:
        """The losses since the last call: ``loss_distill_box_scores``, ``loss_distill_box_deltas``
        and, with masks, ``loss_distill_masks``."""
        found, self._found = self._found, []
        self.features, self._boxes = {}, None
        total: Losses = {}
        for losses in found:
            for name, loss in losses.items():
                total[name] = total[name] + loss if name in total else loss
        return total

    def _see_boxes(self, pooler: nn.Module, inputs: tuple[Any, Any], pooled: Tensor) -> None:
        self._boxes = [type(boxes)(boxes.tensor.detach()) for boxes in inputs[1]]

    def _see_instances(self, head: nn.Module, inputs: tuple[Any, Any]) -> None:
        if head.training:
            self._classes = torch.cat([instances.gt_classes for instances in inputs[1]])

    def _pool(self, pooler: nn.Module, names: Sequence[str]) -> Tensor:
        return pooler([self.features[name] for name in names], self._boxes)

    def _compare_boxes(self, head: nn.Module, predictor: nn.Module) -> Callable[..., None]:
        def compare(module: nn.Module, inputs: Any, outputs: tuple[Tensor, Tensor]) -> None:
            if not module.training:
                return
            with torch.no_grad():
                pooled = self._pool(self.teacher.box_pooler, self.teacher.box_in_features)
                wanted = predictor(head(pooled))
            _check_shapes(outputs, wanted)
            scores, deltas = distill_boxes(
                outputs[0], outputs[1], wanted[0], wanted[1], self.temperature
            )
            self._found.append(
                {
                    "loss_distill_box_scores": scores / self._num_stages,
                    "loss_distill_box_deltas": deltas / self._num_stages,
                }
            )

        return compare

    def _compare_masks(self, predictor: nn.Module, inputs: Any, logits: Tensor) -> None:
        if not predictor.training:
            return
        with torch.no_grad():
            pooled = self._pool(self.teacher.mask_pooler, self.teacher.mask_in_features)
            wanted = self.teacher.mask_head.layers(pooled)
        _check_shapes([logits], [wanted])
        loss = distill_masks(logits, wanted, self._classes)
        self._found.append({"loss_distill_masks": loss})


def region_heads(model: nn.Module) -> StandardROIHeads | None:
    """The box and mask heads of an R-CNN whose heads share a pyramid; nothing for other models."""
    heads = getattr(model, "roi_heads", None)
    return heads if isinstance(heads, StandardROIHeads) else None


def check_region_heads(student: nn.Module, teacher: nn.Module) -> None:
    """
    Raises:
        ConfigError: One of the models has no such heads, or they differ in stages or masks.
    """
    kinds = []
    for model in (student, teacher):
        heads = region_heads(model)
        if heads is None:
            kinds.append("no box head")
        else:
            masks = "masks" if heads.mask_on else "no masks"
            kinds.append(f"{len(_stages(heads.box_predictor))} box head(s) and {masks}")
    if kinds[0] != kinds[1] or "no box head" in kinds:
        raise ConfigError(
            f"MODEL.DISTILLATION.REGION_WEIGHT: the student has {kinds[0]}, the teacher "
            f"{kinds[1]}; both must be R-CNNs of one kind"
        )


def _stages(module: Any) -> list[nn.Module]:
    return list(module) if isinstance(module, nn.ModuleList) else [module]


def _check_shapes(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> None:
    shapes = [[tuple(y.shape) for y in outputs] for outputs in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise ConfigError(
            f"MODEL.DISTILLATION.REGION_WEIGHT: the student's regions have outputs {shapes[0]}, "
            f"the teacher's {shapes[1]}; classes and the size of masks must be the same"
        )
