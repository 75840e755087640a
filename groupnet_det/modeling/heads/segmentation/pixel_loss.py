"""The loss of semantic segmentation."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from detectron2.utils import comm
from torch import Tensor


def pixel_cross_entropy(
    logits: Tensor, targets: Tensor, *, ignore_value: int, hard_share: float = 1.0
) -> Tensor:
    """The cross entropy averaged over all pixels that have a label; 0 where none has.

    The average is over the pixels of all processes, times the number of processes, over which
    gradients are averaged: several processes so have the gradient of one with the same batch.

    Args:
        logits: (N, number of classes, H, W).
        targets: (N, H, W), integers; `ignore_value` for no label.
        hard_share: Of the pixels with a label, this share with the highest loss counts, chosen in
            each process. (Yang et al., DeeperLab, arXiv 1902.05093, section 3.3.)
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # from autocast's half
    losses = F.cross_entropy(logits, targets, ignore_index=ignore_value, reduction="none")
    count = (targets != ignore_value).sum()
    if hard_share < 1:
        count = (count * hard_share).ceil().long()
        losses = losses.flatten().topk(int(count)).values
    total = losses.sum()
    if comm.get_world_size() > 1:
        dist.all_reduce(count)
    return total * comm.get_world_size() / count.clamp(min=1)
