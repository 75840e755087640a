"""Programs of packed files, as values: buffers, and steps that go from some to others.

docs/reference/packed-format.md defines what each member means; `program_json` converts to JSON and
back. Tensors are named here; the file holds them.
"""

import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from numbers import Integral
from typing import Any

from torch import Tensor

from groupnet_det.errors import ConfigError

from .steps.conv import Conv
from .steps.float_maps import AnyFloatStep
from .steps.input_steps import Input, Stem
from .steps.parts import Buffer

Step = Stem | Input | Conv | AnyFloatStep
STEPS: dict[str, type] = {step.op: step for step in typing.get_args(Step)}


@dataclass(frozen=True, kw_only=True)
class Program:
    """The whole network, or a part that runs on regions of its maps.

    Attributes:
        input_channels: Channels of the image, or of the map that a part is given.
        outputs: Number of a float buffer by name.
        size_divisor: Height and width of the image are rounded up to multiples of it; the rest is
            as the stem's padding.
        parts: Programs of their own, by name, such as ``box`` for the head that sees regions.
        num_bases: The number of binary bases that it runs; None where the file does not say.
        fewer_bases: Programs of the same network with fewer bases, by their number.
    """

    input_channels: int
    buffers: tuple[Buffer, ...]
    steps: tuple[Step, ...]
    outputs: dict[str, int]
    size_divisor: int = 1
    parts: dict[str, "Program"] = field(default_factory=dict)
    num_bases: int | None = None
    fewer_bases: dict[str, "Program"] = field(default_factory=dict)

    def choices(self) -> list[int]:
        """The numbers of bases that can be chosen, rising; none where the file does not say."""
        return sorted([*map(int, self.fewer_bases), *filter(None, [self.num_bases])])

    def with_bases(self, number: int) -> "Program":
        """The program that runs so many bases, alone.

        Raises:
            ConfigError: There is none.
        """
        # True, 1.0 and a tensor are equal to 1, but name no program.
        is_whole = isinstance(number, Integral) and not isinstance(number, bool)
        if not is_whole or number not in self.choices():
            valid = ", ".join(map(str, self.choices())) or "none, as the file has one network"
            raise ConfigError(f"bases is {number!r}; valid: {valid}")
        number = int(number)
        return replace(self.fewer_bases.get(str(number), self), num_bases=number, fewer_bases={})


def named_tensors(program: Program, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that a program and those within it name."""
    named = set(_texts(program))
    return {name: tensor for name, tensor in tensors.items() if name in named}


def _texts(value: Any) -> Iterator[str]:
    """All strings in a tree of dataclasses."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for member in fields(value):
            yield from _texts(getattr(value, member.name))
    elif isinstance(value, tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
