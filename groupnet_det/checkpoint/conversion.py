"""What a conversion of foreign weights results in, and what is common to all of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from groupnet_det.errors import CheckpointError

STEM_KEY = "conv1.weight"
STEM_CHANNELS = 64  # at width 1
# Kind of block and blocks per stage -> depth.
Depths = Mapping[tuple[str, tuple[int, ...]], int]
LAYER = re.compile(r"layer(\d)\.(\d+)\.(.*)")


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Weights under our names.

    Attributes:
        source: What the file was recognised as.
        state: Of a model whose backbone is under ``backbone.``.
        options: Config keys of the network that the weights belong to.
        unused: Keys of the file that have no place in our models.
    """

    source: str
    state: dict[str, Tensor]
    options: dict[str, Any]
    unused: list[str] = field(default_factory=list)


def blocks_per_stage(keys: Mapping[str, Any]) -> tuple[int, ...]:
    """Number of blocks in ``layer1`` to ``layer4``.

    Raises:
        CheckpointError: They are no residual network of four stages.
    """
    found: dict[int, set[int]] = {}
    for key in keys:
        match = LAYER.match(key)
        if match:
            found.setdefault(int(match[1]), set()).add(int(match[2]))
    if sorted(found) != [1, 2, 3, 4]:
        raise CheckpointError(
            f"the file has stages {sorted(found)}, where layer1 to layer4 of a ResNet are expected"
        )
    return tuple(len(found[number]) for number in sorted(found))


def find_depth_of(keys: Mapping[str, Any], depths: Depths) -> int:
    """The depth of the network, from its kind of block and the number of its blocks.

    Raises:
        CheckpointError: It is none of `depths`.
    """
    kind = "bottleneck" if any(".conv3." in key for key in keys) else "basic"
    layout = (kind, blocks_per_stage(keys))
    if layout not in depths:
        raise CheckpointError(
            f"the file has {layout[0]} blocks {layout[1]}; known: {sorted(depths, key=str)}"
        )
    return depths[layout]


def stage_key(key: str) -> tuple[str, str] | None:
    """``layer2.0.conv1.weight`` -> (``res3.0``, ``conv1.weight``); nothing for other keys."""
    match = LAYER.match(key)
    return (f"res{int(match[1]) + 1}.{match[2]}", match[3]) if match else None


def without_prefix(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors without the ``module.`` that parallel training leaves.

    Raises:
        CheckpointError: There are none.
    """
    result = {
        str(key).removeprefix("module."): value
        for key, value in state.items()
        if isinstance(value, Tensor)
    }
    if not result:
        raise CheckpointError("the file holds no tensors by name; is it a state dict?")
    return result
