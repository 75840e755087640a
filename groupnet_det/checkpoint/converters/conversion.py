"""Result of a conversion of foreign weights, and functions that all conversions share."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from groupnet_det.errors import CheckpointError
from groupnet_det.modeling.backbones.resnet_layout import DEPTHS, STAGE_CHANNELS

STEM_KEY = "conv1.weight"
LAYER = re.compile(r"layer(\d)\.(\d+)\.(.+)")
CONVOLUTIONS = {"basic": 2, "bottleneck": 3}  # per block


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Weights under our names.

    Attributes:
        source: Name of the recognised layout.
        state: State dict of a model whose backbone is under ``backbone.``.
        options: Config keys of the network of the weights.
        unused: Keys of the file without a counterpart in our models.
        new: Keys of `state` that the file lacks, with the values of a new network.
        notes: Further information for the user, in sentences.
    """

    source: str
    state: dict[str, Tensor]
    options: dict[str, Any]
    unused: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def tensors_by_name(state: Mapping[Any, Any]) -> dict[str, Tensor]:
    """The tensors by name, without the prefix ``module.`` of parallel training.

    Raises:
        CheckpointError: There are no tensors, there are other values, or a name occurs twice.
    """
    result: dict[str, Tensor] = {}
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise CheckpointError(f"{key} is a {type(value).__name__} instead of a tensor")
        add_once(result, str(key).removeprefix("module."), value, str(key))
    if not result:
        raise CheckpointError("the file contains no tensors")
    return result


def add_once(state: dict[str, Tensor], name: str, value: Tensor, key: str) -> None:
    """Set ``state[name]`` to the value of a file's `key`.

    Raises:
        CheckpointError: It is already set, because the file mixes two layouts.
    """
    if name in state:
        raise CheckpointError(f"the file contains {key} twice, with and without a prefix")
    state[name] = value


def find_network(state: Mapping[str, Tensor], depths: Sequence[int]) -> dict[str, Any]:
    """The config keys of the network's size: DEPTH, WIDTH, and NUM_CLASSES for a classifier.

    Args:
        state: ``conv1.weight``, ``layer1.0.conv1...`` and so on.
        depths: Depths that can be converted.

    Raises:
        CheckpointError: It is not a residual network of these depths.
    """
    options: dict[str, Any] = {"MODEL.GROUPNET.DEPTH": _find_depth(state, depths)}
    num_channels = _length(state, STEM_KEY)
    options["MODEL.GROUPNET.WIDTH"] = num_channels / STAGE_CHANNELS[0]
    if "fc.weight" in state:
        options["MODEL.CLASSIFIER.NUM_CLASSES"] = _length(state, "fc.weight")
    return options


def stage_key(key: str) -> tuple[str, str] | None:
    """``layer2.0.conv1.weight`` -> (``res3.0``, ``conv1.weight``); None for other keys."""
    match = LAYER.fullmatch(key)
    return (f"res{int(match[1]) + 1}.{match[2]}", match[3]) if match else None


def refuse_unknown_in_blocks(unused: Sequence[str]) -> None:
    """Refuse checkpoints with unexpected keys inside a block: they are another architecture.

    Raises:
        CheckpointError: There is such a key.
    """
    for key in unused:
        if LAYER.search(key):
            raise CheckpointError(f"{key} does not belong to a block of this network")


def _find_depth(keys: Mapping[str, Any], depths: Sequence[int]) -> int:
    """The depth, such as 18 for four stages of two blocks with two convolutions."""
    blocks = _blocks_per_stage(keys)
    kind = "bottleneck" if any(".conv3." in key for key in keys) else "basic"
    depth = 2 + CONVOLUTIONS[kind] * sum(blocks)
    if depth not in depths or DEPTHS[depth] != (kind, blocks):
        raise CheckpointError(
            f"the file is a ResNet-{depth} with {kind} blocks {blocks}; what can be converted is "
            + ", ".join(f"ResNet-{d} {DEPTHS[d][1]}" for d in depths)
        )
    return depth


def _blocks_per_stage(keys: Mapping[str, Any]) -> tuple[int, ...]:
    found: dict[int, set[int]] = {}
    for key in keys:
        match = LAYER.fullmatch(key)
        if match:
            found.setdefault(int(match[1]), set()).add(int(match[2]))
    if sorted(found) != [1, 2, 3, 4]:
        raise CheckpointError(
            f"the file has stages {sorted(found)}; expected: layer1 to layer4 of a ResNet"
        )
    return tuple(len(found[number]) for number in sorted(found))


def _length(state: Mapping[str, Tensor], key: str) -> int:
    """Number of output channels of the weight `key`."""
    if key not in state:
        raise CheckpointError(f"the file has no {key}; is the network complete?")
    if state[key].dim() < 2:
        raise CheckpointError(f"{key} has shape {tuple(state[key].shape)}, not that of a weight")
    return len(state[key])
