"""The compiled engine: loaded when it is first asked for, and never replaced by anything else."""

import functools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import ExtensionError, PackedFileError
from groupnet_det.files.paths import PACKAGE

LIBRARY = PACKAGE / "_engine.so"
REMEDY = (
    "build it with `pip install --no-build-isolation .` (or `make setup`) in the checkout or the "
    "unpacked source distribution, which needs a C++ compiler and torch, or ask for "
    'backend="reference", which is slow'
)


@functools.cache
def load_extension() -> None:
    """Make ``torch.ops.groupnet_det`` and ``torch.classes.groupnet_det`` available.

    Raises:
        ExtensionError: The engine is missing, or was built for another torch.
    """
    if not LIBRARY.is_file():
        raise ExtensionError(f"the engine for packed models is not built ({LIBRARY}): {REMEDY}")
    try:
        torch.ops.load_library(str(LIBRARY))
    except OSError as error:
        raise ExtensionError(
            f"the engine for packed models does not fit torch {torch.__version__} ({error}): "
            f"{REMEDY}"
        ) from error
    _register_shapes()


def is_built() -> bool:
    """Whether the engine can be loaded."""
    try:
        load_extension()
    except ExtensionError:
        return False
    return True


def open_network(path: str | Path, bases: int | None = None) -> Any:
    """``torch.classes.groupnet_det.PackedNetwork`` of a packed file.

    The instruction set is the best of this machine, or that in ``GROUPNET_DET_ISA``.

    Args:
        path: The file.
        bases: The number of binary bases to run; None for the greatest.

    Raises:
        ExtensionError: The engine is missing, or ``GROUPNET_DET_ISA`` asks for what is impossible.
        PackedFileError: The file is missing, broken, or not what it should be.
    """
    load_extension()
    try:
        return torch.classes.groupnet_det.PackedNetwork(str(path), bases or 0)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        kind = ExtensionError if "GROUPNET_DET_ISA" in reason else PackedFileError
        raise kind(reason) from error


def _register_shapes() -> None:
    """Register the shapes of results for fake tensors, which torch.compile and export pass."""

    @torch.library.register_fake("groupnet_det::pack_signs")
    def _(x: Tensor) -> Tensor:
        return x.new_empty((*x.shape[:3], (x.shape[3] + 63) // 64 * 2), dtype=torch.int32)

    @torch.library.register_fake("groupnet_det::binary_conv2d")
    def _(
        words: Tensor,
        weight: Tensor,
        in_channels: int,
        stride: int,
        padding: int,
        dilation: int,
        pad_bit: int,
    ) -> Tensor:
        sides = [
            (words.shape[i] + 2 * padding - (weight.shape[i] - 1) * dilation - 1) // stride + 1
            for i in (1, 2)
        ]
        return words.new_empty((words.shape[0], *sides, weight.shape[0]))
