"""Distillation losses between the dense heads of two detectors with the same levels.

Legend: N images, A anchors per position, C classes (1 for region proposals).
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from detectron2.modeling.meta_arch.dense_detector import DenseDetector
from detectron2.modeling.proposal_generator import RPN
from torch import Tensor, nn

BOX_DIM = 4


def distill_dense(
    student: Sequence[Sequence[Tensor]], teacher: Sequence[Sequence[Tensor]]
) -> tuple[Tensor, Tensor]:
    """The divergence of scores and the distance of boxes, over all levels.

    With p the teacher's probability of each class and c its highest one at an anchor:
    ``sum KL(Bernoulli(p) || Bernoulli(p_student)) / sum c`` and
    ``sum c * smooth_L1(deltas - deltas_student) / sum c``, where the sum of c, at least 1, stands
    for the number of objects' anchors. Where the teacher sees nothing, boxes are free.

    Args:
        student, teacher: Each first the levels' logits (N, A * C, H, W), then their box deltas
            (N, A * 4, H, W); what follows is not compared.
    """
    scores = boxes = confidence = torch.zeros((), device=student[0][0].device)
    for logits, deltas, their_logits, their_deltas in zip(*student[:2], *teacher[:2], strict=True):
        probability = torch.sigmoid(their_logits.float())
        divergence = F.binary_cross_entropy_with_logits(
            logits.float(), probability, reduction="none"
        ) - F.binary_cross_entropy_with_logits(their_logits.float(), probability, reduction="none")
        num_anchors = deltas.shape[1] // BOX_DIM
        weight = probability.unflatten(1, (num_anchors, -1)).amax(dim=2)
        distance = F.smooth_l1_loss(
            deltas.float(), their_deltas.float(), beta=0.1, reduction="none"
        ).unflatten(1, (num_anchors, BOX_DIM))
        scores = scores + divergence.sum()
        boxes = boxes + (weight * distance.sum(dim=2)).sum()
        confidence = confidence + weight.sum()
    count = confidence.clamp(min=1)
    return scores / count, boxes / count


def dense_head(model: nn.Module) -> tuple[Any, list[str]] | None:
    """The dense head of a detector and the names of its levels; nothing for other models.

    That of a dense detector, or the head of the region proposals.
    """
    if isinstance(model, DenseDetector):
        return model.head, list(model.head_in_features)
    proposals = getattr(model, "proposal_generator", None)
    return (proposals.rpn_head, list(proposals.in_features)) if isinstance(proposals, RPN) else None
