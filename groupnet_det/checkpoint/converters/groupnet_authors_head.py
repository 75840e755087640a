"""Conversion of the decoder of the authors' segmentation networks to our DeepLabV3 head.

``head.aspp.b{0..3}.0.convs.k`` and ``head.aspp.b4.gap.1.convs.k`` are the bases of the ASPP's
convolutions, each group with a BN after; ``head.aspp.project`` and ``head.block`` are float.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import CheckpointError

HEAD = "head."
BASE = re.compile(r"(head\.aspp\.(?:b[0-3]\.0|b4\.gap\.1))\.convs\.(\d+)\.weight")
OURS = "sem_seg_head."
PLACES: dict[str, str] = {
    **{f"head.aspp.b{i}.0": f"{OURS}aspp.branches.{i}.conv" for i in range(4)},
    **{f"head.aspp.b{i}.1": f"{OURS}aspp.branches.{i}.norm" for i in range(4)},
    "head.aspp.b4.gap.1": f"{OURS}aspp.pooling.unit.conv",
    "head.aspp.b4.gap.2": f"{OURS}aspp.pooling.unit.norm",
    "head.aspp.project.0": f"{OURS}project.conv",
    "head.aspp.project.1": f"{OURS}project.norm",
    "head.block.0": f"{OURS}refine.conv",
    "head.block.1": f"{OURS}refine.norm",
    "head.block.3": f"{OURS}predictor",
}
FOLDED = ("project", "refine")  # convolutions before a BN; a bias only shifts its mean


def has_binary_aspp(state: Mapping[str, Tensor]) -> bool:
    """Whether `convert_head` supports the head."""
    return any(BASE.fullmatch(key) for key in state)


def convert_head(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The head's tensors under our names, and the config keys of our head.

    Args:
        state: The tensors ``head.*`` of the file.

    Raises:
        CheckpointError: A key has no counterpart in our head, or the tensors do not match.
    """
    ours = _join_bases(state)
    for key, value in state.items():
        if BASE.fullmatch(key):
            continue
        place, _, tensor = key.rpartition(".")
        if place not in PLACES:
            raise CheckpointError(f"{key} does not belong to a DeepLabV3 head with a binary ASPP")
        ours[f"{PLACES[place]}.{tensor}"] = value
    for part in FOLDED:
        _fold_bias(ours, f"{OURS}{part}")
    return ours, _head_options(ours)


def _join_bases(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Join the weights of the K bases of each convolution into a wide one."""
    bases: dict[str, dict[int, Tensor]] = {}
    for key, value in state.items():
        match = BASE.fullmatch(key)
        if match:
            bases.setdefault(match[1], {})[int(match[2])] = value
    for place, weights in bases.items():
        if len({value.shape for value in weights.values()}) > 1:
            raise CheckpointError(f"the weights {place}.convs.* have different shapes")
    return {
        f"{PLACES[place]}.weight": torch.cat([weights[k] for k in sorted(weights)])
        for place, weights in bases.items()
    }


def _fold_bias(ours: dict[str, Tensor], part: str) -> None:
    bias = ours.pop(f"{part}.conv.bias", None)
    if bias is None:
        return
    mean = ours.get(f"{part}.norm.running_mean")
    if mean is None or mean.shape != bias.shape:
        raise CheckpointError(f"{part}.conv has a bias, but no BN of its shape after it")
    ours[f"{part}.norm.running_mean"] = mean.double() - bias.double()


def _head_options(ours: Mapping[str, Tensor]) -> dict[str, Any]:
    sizes = {}
    for part in ("project.conv", "predictor"):
        weight = ours.get(f"{OURS}{part}.weight")
        if weight is None or weight.dim() != 4:
            raise CheckpointError(f"the file has no weight for the head's {part}; is it complete?")
        sizes[part] = len(weight)
    return {
        "MODEL.META_ARCHITECTURE": "SemanticSegmentor",
        "MODEL.SEM_SEG_HEAD.NAME": "GroupNetDeepLabV3Head",
        "MODEL.SEM_SEG_HEAD.IN_FEATURES": ["res5"],
        "MODEL.SEM_SEG_HEAD.CONVS_DIM": sizes["project.conv"],
        "MODEL.SEM_SEG_HEAD.NUM_CLASSES": sizes["predictor"],
    }
