"""Files that drawn images are written to."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from groupnet_det.errors import DataError

FALLBACK_SUFFIX = ".png"  # of an image whose own kind cannot be written


def output_paths(inputs: Sequence[Path], output: Path) -> list[Path]:
    """Paths of the drawings of `inputs`: the file `output` if there is one input and `output` has
    the suffix of an image, else files of the inputs' names in the folder `output`.

    Inputs of the same name get numbers.

    Raises:
        DataError: An input would be overwritten, or `output` is a file where a folder is needed.
    """
    if len(inputs) == 1 and not output.is_dir() and output.suffix.lower() in _writable_suffixes():
        paths = [output]
    elif output.is_file():
        raise DataError(
            f"{output} is a file; name a folder for the drawings of {len(inputs)} files"
        )
    else:
        paths = files_in_folder(inputs, output, set())
    originals = {path.resolve() for path in inputs}
    for path in paths:
        if path.resolve() in originals:
            raise DataError(f"{path} is an input and would be overwritten; name another --output")
    return paths


def files_in_folder(inputs: Sequence[Path], folder: Path, used: set[str]) -> list[Path]:
    """Files of the inputs' names, of a kind that can be written.

    Args:
        used: Names that are taken; those that are returned are added. A name that is taken gets a
            number.
    """
    paths = []
    for path in inputs:
        suffix = path.suffix if path.suffix.lower() in _writable_suffixes() else FALLBACK_SUFFIX
        names = (f"{path.stem}-{n}{suffix}" for n in itertools.count(2))
        name = next(n for n in itertools.chain([f"{path.stem}{suffix}"], names) if n not in used)
        used.add(name)
        paths.append(folder / name)
    return paths


def _writable_suffixes() -> set[str]:
    return {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.SAVE}


def save_drawing(pixels: np.ndarray, path: Path) -> None:
    """Write RGB pixels (H, W, 3); folders are made.

    Raises:
        DataError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    except (OSError, ValueError) as error:
        raise DataError(f"image {path} cannot be written: {error}") from error
