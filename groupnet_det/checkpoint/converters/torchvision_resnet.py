"""Conversion of torchvision's ResNets to full-precision baselines or initial Group-Nets."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import CheckpointError, ConfigError
from groupnet_det.layers import MAX_BASES

from .conversion import (
    STEM_KEY,
    Conversion,
    find_network,
    refuse_unknown_in_blocks,
    stage_key,
    tensors_by_name,
)

DEPTHS = (18, 34, 50)
LAYER_PART = re.compile(r"(conv|bn)([123])\.(\w+)")
DOWNSAMPLE_PART = re.compile(r"downsample\.([01])\.(\w+)")
UNIT_PARTS = {"conv": "conv", "bn": "norm.0"}
DOWNSAMPLE_PARTS = {"0": "conv", "1": "norm.0"}
FIRST_BLOCK = "res2.0"


def is_torchvision_layout(state: Mapping[Any, Any]) -> bool:
    """Whether the keys are those of torchvision's ResNets."""
    names = {str(key).removeprefix("module.") for key in state}
    return {STEM_KEY, "layer1.0.conv1.weight"} <= names


def convert_torchvision(
    state: Mapping[str, Any], *, num_bases: int = 0, noise: float = 0.1
) -> Conversion:
    """Rename torchvision's weights.

    Args:
        state: Its ``state_dict``.
        num_bases: 0 for the full-precision baseline, which has torchvision's outputs; otherwise K
            of a Group-Net whose branches start from copies of these weights. Its gates start as in
            a new network.
        noise: Standard deviation of the noise on the copies, relative to that of each layer's
            weights. Without noise, branches would receive equal gradients and stay equal.

    Raises:
        CheckpointError: It is not a ResNet-18, -34 or -50.
        ConfigError: K is out of range, or there are several branches and no noise.
    """
    if not 0 <= num_bases <= MAX_BASES:
        raise ConfigError(f"--num-bases (K) is {num_bases}; valid: 0, for float, to {MAX_BASES}")
    if num_bases > 1 and noise <= 0:
        raise ConfigError(f"--noise is {noise}; it must be above 0, or all branches stay equal")
    theirs = tensors_by_name(state)
    options: dict[str, Any] = {
        "MODEL.GROUPNET.METHOD": "group_net" if num_bases else "float",
        **find_network(theirs, DEPTHS),
    }
    num_branches = max(num_bases, 1)
    generator = torch.Generator().manual_seed(0)
    ours: dict[str, Tensor] = {}
    unused: list[str] = []
    for key, value in theirs.items():
        names = _rename(key, num_branches)
        if not names:
            unused.append(key)
        for name in names:
            perturbed = len(names) > 1 and name.endswith(".conv.weight")
            ours[name] = _perturb(key, value, noise, generator) if perturbed else value.clone()
    refuse_unknown_in_blocks(unused)
    gates: dict[str, Tensor] = {}
    if num_bases:
        options |= {"MODEL.GROUPNET.NUM_BASES": num_bases, "MODEL.GROUPNET.GATES": True}
        gates = _new_gates(theirs)
    return Conversion(
        source="torchvision ResNet",
        state={**ours, **gates},
        options=options,
        unused=unused,
        new=list(gates),
    )


def _rename(key: str, num_branches: int) -> list[str]:
    """Our names for one of their keys: inside blocks, one per branch."""
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


def _perturb(key: str, weight: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    if weight.numel() < 2 or not weight.is_floating_point():
        raise CheckpointError(f"{key}, {tuple(weight.shape)} of {weight.dtype}, is not a ResNet's")
    normal = torch.randn(weight.shape, generator=generator).to(weight.dtype)
    return weight + noise * weight.std() * normal


def _new_gates(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gates of value sigmoid(0) for every block except the first."""
    blocks = {place[0] for place in map(stage_key, theirs) if place} - {FIRST_BLOCK}
    return {f"backbone.{block}.connect.gate": torch.zeros(1) for block in sorted(blocks)}
