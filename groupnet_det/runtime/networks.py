"""The two ways to run a packed file: the compiled engine, and the reference in PyTorch."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import Tensor

from groupnet_det.errors import DataError

from .packed_file import PackedFile
from .reference import run_reference, run_reference_part


class Network(Protocol):
    """A packed network, ready to run."""

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Images uint8 (N, H, W, C) -> outputs float32 (N, H', W', C') by name.

        Raises:
            DataError: The images cannot be used.
        """

    def run_part(self, name: str, maps: Tensor) -> dict[str, Tensor]:
        """As a call, of a part on maps float32 (N, H, W, C)."""


class NativeNetwork:
    """By the compiled engine."""

    def __init__(self, path: str | os.PathLike[str], packed: PackedFile) -> None:
        """
        Raises:
            ExtensionError: The engine is absent, or `GROUPNET_DET_ISA` is impossible.
            PackedFileError: The engine refuses the file.
        """
        from .extension import open_network

        self.engine = open_network(os.fspath(path))
        self.parts = {name: self.engine.part(name) for name in packed.program.parts}

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        return _run(self.engine, images)

    def run_part(self, name: str, maps: Tensor) -> dict[str, Tensor]:
        return _run(self.parts[name], maps)


def _run(engine: Any, values: Tensor) -> dict[str, Tensor]:
    try:
        outputs: dict[str, Tensor] = engine.run(values)
    except ValueError as error:  # what the engine says of images
        raise DataError(str(error).splitlines()[0]) from error
    return outputs


class ReferenceNetwork:
    """By PyTorch, slowly; the same bits."""

    def __init__(self, _: str | os.PathLike[str], packed: PackedFile) -> None:
        self.packed = packed

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        return run_reference(self.packed, images)

    def run_part(self, name: str, maps: Tensor) -> dict[str, Tensor]:
        return run_reference_part(self.packed, name, maps)


BACKENDS: Mapping[str, Callable[[Any, PackedFile], Network]] = {
    "native": NativeNetwork,
    "reference": ReferenceNetwork,
}
