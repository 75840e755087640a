"""Base class of steps: the buffers that a step uses, its checks, and its size."""

import typing
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from .buffer_uses import BufferUser
from .checks import Checks
from .sizes import Shape, Sizes


@dataclass(frozen=True, kw_only=True)
class BaseStep(BufferUser, ABC):
    """The members of all steps; `op` names the kind in a file."""

    name: str

    op: typing.ClassVar[str]

    @abstractmethod
    def check(self, checks: Checks) -> None:
        """
        Raises:
            PackedFileError: The step does not fit its buffers, its tensors or the limits.
        """

    @abstractmethod
    def size(self, sizes: Sizes) -> Shape:
        """(N, H, W) of what it writes.

        Raises:
            DataError: The images are too small or too large for it.
            PackedFileError: Its maps do not fit each other.
        """

    def in_place(self) -> Iterator[tuple[int, int]]:
        """Pairs of a float buffer that is written and one that is read, which may be one buffer
        where nothing reads the second afterwards."""
        yield from ()
