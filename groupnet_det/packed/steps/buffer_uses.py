"""Annotations of members that hold the number of a buffer, from which follows what a step reads and
writes, and how its buffers are renamed."""

import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

READ, WRITTEN = "read", "written"
# Number of a buffer whose values, or whose size, are needed.
Read = typing.Annotated[int, READ]
# Number of a buffer that is written.
Written = typing.Annotated[int, WRITTEN]

_User = TypeVar("_User", bound="BufferUser")


@dataclass(frozen=True, kw_only=True)
class BufferUser:
    """Base of all that names buffers: in members of the types `Read` and `Written`, or these with
    ``| None``, or in members that are `BufferUser` themselves, or tuples of such."""

    _use_of: typing.ClassVar[dict[str, str]] = {}  # by member

    def __init_subclass__(cls) -> None:
        hints = typing.get_type_hints(cls, include_extras=True)
        uses = {name: _metadata(hint, *typing.get_args(hint)) for name, hint in hints.items()}
        cls._use_of = {name: use[0] for name, use in uses.items() if use}

    def reads(self) -> list[int]:
        """Numbers of the buffers that are read, in the order of the members."""
        return [number for use, number in self._uses() if use == READ]

    def writes(self) -> list[int]:
        """Numbers of the buffers that are written, in the order of the members."""
        return [number for use, number in self._uses() if use == WRITTEN]

    def renamed(self: _User, numbers: Mapping[int, int]) -> _User:
        """A copy with other buffers.

        Args:
            numbers: New ones by old ones; those that are missing stay as they are.
        """
        changed = {}
        for member in fields(self):
            value = getattr(self, member.name)
            if member.name not in self._use_of:
                changed[member.name] = _renamed(value, numbers)
            elif value is not None:
                changed[member.name] = numbers.get(value, value)
        return replace(self, **changed)

    def _uses(self) -> Iterator[tuple[str, int]]:
        for member in fields(self):
            value = getattr(self, member.name)
            if member.name in self._use_of:
                if value is not None:
                    yield self._use_of[member.name], value
                continue
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, BufferUser):
                    yield from part._uses()


def _renamed(value: Any, numbers: Mapping[int, int]) -> Any:
    if isinstance(value, tuple):
        return tuple(_renamed(part, numbers) for part in value)
    return value.renamed(numbers) if isinstance(value, BufferUser) else value


def _metadata(*hints: Any) -> tuple[str, ...]:
    return tuple(use for hint in hints for use in getattr(hint, "__metadata__", ()))
