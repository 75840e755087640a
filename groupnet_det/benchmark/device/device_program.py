"""``groupnet-benchmark``: one program that times the packed models inside it, on any device."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from groupnet_det.runtime.backends.native_build import (
    BuildTarget,
    compile_files,
    link_program,
    sources_of,
)

from .device_models import DeviceModel
from .embedding import embedding_source

PROGRAM = "groupnet-benchmark"
LINK_FLAGS = ("-static", "-s")  # runs where no library is installed


def build_device_program(
    target: BuildTarget, models: Sequence[DeviceModel], library: Path, folder: Path
) -> Path:
    """Compile the program into a folder; its path.

    Args:
        library: ``libgroupnet.a`` for the same target.

    Raises:
        ExtensionError: The compiler or the linker fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "embedded_models.cpp"
    source.write_text(embedding_source(models))
    sources = [*sources_of("device_benchmark"), source]
    objects = compile_files(target, sources, folder / "objects")
    program = folder / PROGRAM
    link_program(replace(target, link_flags=LINK_FLAGS), [*objects, library], program)
    return program
