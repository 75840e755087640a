"""Read the golden checkpoint into our network: what a reader of the layout needs, and no more."""

import re

import torch
from torch import Tensor


def rename_backbone(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The reference's backbone keys (``layer1.0.conv1.3.weight``) as ours, in float64."""
    ours: dict[str, Tensor] = {}
    scales: dict[str, dict[int, Tensor]] = {}
    for key, value in state.items():
        key = re.sub(r"^(module\.)?", "", key)
        if key.startswith("fc."):
            continue
        key = re.sub(r"^(conv1|bn1)\.", r"stem.\1.", key)
        key = re.sub(r"^layer(\d)\.", lambda match: f"res{int(match[1]) + 1}.", key)
        key = re.sub(r"\.(conv\d|bn\d)\.(\d)\.", r".branches.\2.\1.", key)
        key = key.replace(".block_gate", ".gate.gate")
        key = key.replace(".downsample.conv.", ".downsample.0.")
        key = key.replace(".downsample.batch_norm.", ".downsample.1.")
        scale = re.fullmatch(r"(.*)\.scales\.(\d)", key)
        if scale:
            scales.setdefault(f"{scale[1]}.merge.scales", {})[int(scale[2])] = value
        else:
            ours[key] = value.double() if value.is_floating_point() else value
    for key, values in scales.items():
        ours[key] = torch.cat([values[k].double() for k in sorted(values)])
    return ours


def backbone_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state that our network loads: renamed, and with the stem's bias folded away."""
    ours = rename_backbone(state)
    # A shift per channel passes through max-pooling, so the bias folds into the BN behind it.
    ours["stem.bn1.running_mean"] = ours["stem.bn1.running_mean"] - ours.pop("stem.conv1.bias")
    return ours
