"""Checks of a program's maps against what its file's postprocessing takes."""

from collections.abc import Iterable

from torch import Tensor

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.program import Program


def channels_of(program: Program, output: str) -> int:
    """
    Raises:
        PackedFileError: The program has no such output.
    """
    if output not in program.outputs:
        raise PackedFileError(f"it has no output {output!r}, only {list(program.outputs)}")
    return program.buffers[program.outputs[output]].channels


def expect_channels(program: Program, output: str, expected: int) -> None:
    """
    Raises:
        PackedFileError: The program has no such output, or it has another number of channels.
    """
    channels = channels_of(program, output)
    if channels != expected:
        raise PackedFileError(
            f"its output {output!r} has {channels} channels; its postprocessing takes {expected}"
        )


def expect_one_size(maps: dict[str, Tensor], names: Iterable[str]) -> None:
    """Check the sizes of maps (N, H, W, C), which depend on the image: they are known after a run.

    Raises:
        PackedFileError: Height or width differ.
    """
    sizes = {name: tuple(maps[name].shape[1:3]) for name in names}
    if len(set(sizes.values())) > 1:
        raise PackedFileError(f"its outputs have different sizes: {sizes}")
