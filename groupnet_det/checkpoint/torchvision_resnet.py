"""torchvision's ResNets under our names: the full-precision twin, or the start of a Group-Net."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import CheckpointError

from .conversion import (
    STEM_CHANNELS,
    STEM_KEY,
    Conversion,
    Depths,
    find_depth_of,
    stage_key,
    without_prefix,
)

DEPTHS: Depths = {
    ("basic", (2, 2, 2, 2)): 18,
    ("basic", (3, 4, 6, 3)): 34,
    ("bottleneck", (3, 4, 6, 3)): 50,
}
LAYER_PART = re.compile(r"(conv|bn)(\d)\.(\w+)")
DOWNSAMPLE_PART = re.compile(r"downsample\.([01])\.(\w+)")
UNIT_PARTS = {"conv": "conv", "bn": "norm.0"}
DOWNSAMPLE_PARTS = {"0": "conv", "1": "norm.0"}


def is_torchvision_layout(state: Mapping[str, Any]) -> bool:
    """Whether the keys are those of torchvision's ``resnet18``, ``resnet34`` or ``resnet50``."""
    names = {key.removeprefix("module.") for key in state}
    return {STEM_KEY, "bn1.weight", "layer1.0.conv1.weight", "layer4.0.bn1.weight"} <= names


def convert_torchvision(
    state: Mapping[str, Any], *, num_bases: int = 0, noise: float = 0.1
) -> Conversion:
    """Rename torchvision's weights.

    Args:
        state: Its ``state_dict``.
        num_bases: 0 for the full-precision twin, whose outputs are torchvision's; else K of the
            Group-Net that starts from these weights, each branch from a copy of them.
        noise: Standard deviation, in those of each layer's weights, of what is added to the copies.
            Branches that start equal and receive the same gradients would stay equal.

    Raises:
        CheckpointError: It is no ResNet-18, -34 or -50.
    """
    theirs = without_prefix(state)
    options: dict[str, Any] = {
        "MODEL.GROUPNET.METHOD": "group_net" if num_bases else "float",
        "MODEL.GROUPNET.DEPTH": find_depth_of(theirs, DEPTHS),
        "MODEL.GROUPNET.WIDTH": len(theirs[STEM_KEY]) / STEM_CHANNELS,
    }
    if num_bases:
        options["MODEL.GROUPNET.NUM_BASES"] = num_bases
    if "fc.weight" in theirs:
        options["MODEL.CLASSIFIER.NUM_CLASSES"] = len(theirs["fc.weight"])
    generator = torch.Generator().manual_seed(0)
    ours: dict[str, Tensor] = {}
    unused: list[str] = []
    for key, value in theirs.items():
        names = _rename(key, max(num_bases, 1))
        if not names:
            unused.append(key)
        for name in names:
            perturbed = num_bases > 1 and name.endswith(".conv.weight") and ".branches." in name
            ours[name] = _perturb(value, noise, generator) if perturbed else value.clone()
    return Conversion(source="torchvision ResNet", state=ours, options=options, unused=unused)


def _rename(key: str, num_branches: int) -> list[str]:
    """Our names of one of their keys: one for each branch within blocks."""
    if key.startswith("fc."):
        return [key]
    if key.startswith(("conv1.", "bn1.")):
        return [f"backbone.stem.{key}"]
    place = stage_key(key)
    if place is None:
        return []
    block, rest = place
    layer, downsample = LAYER_PART.fullmatch(rest), DOWNSAMPLE_PART.fullmatch(rest)
    if layer:
        part, unit, tensor = layer.groups()
        tail = f"unit{unit}.{UNIT_PARTS[part]}.{tensor}"
        return [f"backbone.{block}.branches.{number}.{tail}" for number in range(num_branches)]
    if downsample:
        return [f"backbone.{block}.downsample.{DOWNSAMPLE_PARTS[downsample[1]]}.{downsample[2]}"]
    return []


def _perturb(weight: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    if weight.numel() < 2:
        raise CheckpointError(f"a convolution of shape {tuple(weight.shape)} is no ResNet's")
    return weight + noise * weight.std() * torch.randn(weight.shape, generator=generator)
