"""A running average of the positive anchors that is the same in all processes and is saved."""

from typing import Any

import torch
import torch.distributed as dist
from detectron2.modeling.meta_arch.dense_detector import DenseDetector
from detectron2.utils import comm
from torch import Tensor


class SavedLossNormalizer(DenseDetector):
    """Base of dense detectors: their loss normalizer, a running average of the number of positive
    anchors, is a buffer.

    Detectron2 keeps it in a plain attribute, and a training resumed from a checkpoint would start
    with another one. It counts the anchors of all processes: Detectron2's normalizes in each
    process by that one's own number, so the loss depends on how images are shared out.

    To be named before the detector in the bases of a class.
    """

    num_classes: int
    num_positives: float

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Arguments as of the detector."""
        super().__init__(*arguments, **options)
        self.register_buffer("loss_normalizer", torch.tensor(-1.0, dtype=torch.float64))

    def losses(
        self, anchors: Any, pred_logits: Any, gt_labels: list[Tensor], *others: Any
    ) -> dict[str, Tensor]:
        """See the detector's method. Losses are float32 in mixed precision too, which its overlap
        of boxes needs."""
        self.num_positives = self._count_positives(gt_labels)
        predictions = map(_in_float32, (pred_logits, gt_labels, *others))
        with torch.autocast(pred_logits[0].device.type, enabled=False):
            return super().losses(anchors, *predictions)

    def _count_positives(self, gt_labels: list[Tensor]) -> float:
        """Positive anchors in all processes, at least 1."""
        labels = torch.stack(gt_labels)
        count = ((labels >= 0) & (labels != self.num_classes)).sum()
        if comm.get_world_size() > 1:
            dist.all_reduce(count)
        return max(count.item(), 1)

    def _ema_update(
        self, name: str, value: float, initial_value: float, momentum: float = 0.9
    ) -> float:
        """Ignores `value`, which knows this process only. The result is the share of one process,
        because losses and gradients are averaged over them."""
        average = getattr(self, name)
        if average < 0:  # nothing seen yet
            average.fill_(initial_value)
        average.mul_(momentum).add_(self.num_positives * (1 - momentum))
        return average.item() / comm.get_world_size()


def _in_float32(tensors: list[Tensor]) -> list[Tensor]:
    """The same, but none in half precision."""
    half = (torch.bfloat16, torch.float16)
    return [tensor.float() if tensor.dtype in half else tensor for tensor in tensors]
