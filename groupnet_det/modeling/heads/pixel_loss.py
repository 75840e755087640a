"""The loss of semantic segmentation."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from detectron2.utils import comm
from torch import Tensor


def pixel_cross_entropy(logits: Tensor, targets: Tensor, *, ignore_value: int) -> Tensor:
    """The cross entropy averaged over all pixels that have a label; 0 where none has.

    The average is over the pixels of all processes, times the number of processes, over which
    gradients are averaged: several processes so have the gradient of one with the same batch.

    Args:
        logits: (N, number of classes, H, W).
        targets: (N, H, W), integers; `ignore_value` for no label.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # from autocast's half
    total = F.cross_entropy(logits, targets, ignore_index=ignore_value, reduction="sum")
    count = (targets != ignore_value).sum()
    if comm.get_world_size() > 1:
        dist.all_reduce(count)
    return total * comm.get_world_size() / count.clamp(min=1)
