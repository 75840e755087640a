"""Result of a conversion of foreign weights, and what all conversions share."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from groupnet_det.errors import CheckpointError
from groupnet_det.modeling.backbones.resnet_layout import DEPTHS, STAGE_CHANNELS

STEM_KEY = "conv1.weight"
LAYER = re.compile(r"layer(\d)\.(\d+)\.(.+)")
CONVOLUTIONS = {"basic": 2, "bottleneck": 3}  # of a block


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Weights under our names.

    Attributes:
        source: What the file was recognised as.
        state: Of a model whose backbone is under ``backbone.``.
        options: Config keys of the network that the weights belong to.
        unused: Keys of the file that have no place in our models.
        new: Keys of `state` that the file lacks, with the values of a new network.
        notes: What the user should know besides, in sentences.
    """

    source: str
    state: dict[str, Tensor]
    options: dict[str, Any]
    unused: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def named_tensors(state: Mapping[Any, Any]) -> dict[str, Tensor]:
    """The tensors without the ``module.`` that parallel training leaves.

    Raises:
        CheckpointError: There are none, something else stands among them, or a name stands twice.
    """
    result: dict[str, Tensor] = {}
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise CheckpointError(f"{key} is a {type(value).__name__}, where a tensor is expected")
        add_once(result, str(key).removeprefix("module."), value, str(key))
    if not result:
        raise CheckpointError("the file holds no tensors")
    return result


def add_once(state: dict[str, Tensor], name: str, value: Tensor, key: str) -> None:
    """Set ``state[name]``, which came from the `key` of a file.

    Raises:
        CheckpointError: It is set already: the file is a mixture of two.
    """
    if name in state:
        raise CheckpointError(f"{key} stands twice in the file, with a prefix and without")
    state[name] = value


def find_network(state: Mapping[str, Tensor], depths: Sequence[int]) -> dict[str, Any]:
    """The config keys of the network's size: DEPTH, WIDTH, and NUM_CLASSES where it classifies.

    Args:
        state: ``conv1.weight``, ``layer1.0.conv1...`` and so on.
        depths: Those that can be converted.

    Raises:
        CheckpointError: It is no residual network of these depths.
    """
    options: dict[str, Any] = {"MODEL.GROUPNET.DEPTH": _find_depth(state, depths)}
    num_channels = _length(state, STEM_KEY)
    options["MODEL.GROUPNET.WIDTH"] = num_channels / STAGE_CHANNELS[0]
    if "fc.weight" in state:
        options["MODEL.CLASSIFIER.NUM_CLASSES"] = _length(state, "fc.weight")
    return options


def stage_key(key: str) -> tuple[str, str] | None:
    """``layer2.0.conv1.weight`` -> (``res3.0``, ``conv1.weight``); nothing for other keys."""
    match = LAYER.fullmatch(key)
    return (f"res{int(match[1]) + 1}.{match[2]}", match[3]) if match else None


def refuse_unknown_in_blocks(unused: Sequence[str]) -> None:
    """What stands within a block and has no place there makes it another network.

    Raises:
        CheckpointError: There is such a key.
    """
    for key in unused:
        if LAYER.search(key):
            raise CheckpointError(f"{key} has no place in the blocks of this network")


def _find_depth(keys: Mapping[str, Any], depths: Sequence[int]) -> int:
    """18 for two blocks of two convolutions in each of four stages, and so on."""
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
            f"the file has stages {sorted(found)}, where layer1 to layer4 of a ResNet are expected"
        )
    return tuple(len(found[number]) for number in sorted(found))


def _length(state: Mapping[str, Tensor], key: str) -> int:
    """Number of output channels of the weight `key`."""
    if key not in state:
        raise CheckpointError(f"the file has no {key}; is it a whole network?")
    if state[key].dim() < 2:
        raise CheckpointError(f"{key} has shape {tuple(state[key].shape)}, which is no weight's")
    return len(state[key])
