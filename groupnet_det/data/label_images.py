"""Masks: images of one 8-bit label a pixel, grey or with a palette, as VOC and Cityscapes have.

Detectron2's reader turns palettes into grey tones; here the label is the palette's index.
"""

from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from groupnet_det.errors import DataError

from .images import open_image

Labels = NDArray[np.uint8]  # (H, W)

NUM_LABELS = 256
# Modes of Pillow that hold labels, and how others are called in messages.
LABEL_MODES = ("L", "P", "1")
MODE_NAMES = {"I": "16-bit", "F": "floating-point", "RGB": "RGB", "RGBA": "RGB with alpha"}
MEND = "save it as an 8-bit grey or palette PNG of one label a pixel"


def check_kind(image: Image.Image, path: str | Path) -> None:
    """See that an opened image, not yet decoded, can be a mask.

    Raises:
        DataError: It has colours, an alpha channel or more than 8 bits.
    """
    if image.mode not in LABEL_MODES:
        kind = MODE_NAMES.get(image.mode.split(";")[0], f"of mode {image.mode}")
        raise DataError(f"mask {path} is {kind} instead of labels; {MEND}")


def read_labels(path: str | Path, dtype: DTypeLike = np.uint8) -> NDArray:
    """A mask's labels (H, W), in an array of its own.

    Raises:
        DataError: The file is absent, broken, or no mask.
    """
    with open_image(str(path)) as image:
        check_kind(image, path)
        return np.array(image).astype(dtype)


def count_labels(path: str | Path) -> NDArray[np.int64]:
    """Pixels of each of the 256 labels of a mask.

    Raises:
        DataError: The file is absent, broken, or no mask.
    """
    return np.bincount(read_labels(path).reshape(-1), minlength=NUM_LABELS)


def check_range(
    found: NDArray, path: str | Path, *, num_classes: int, ignore_label: int | None
) -> None:
    """See that all labels of a mask are classes, or the label to be ignored.

    Args:
        found: The labels, in any order and number.

    Raises:
        DataError: There are others.
    """
    foreign = found[(found >= num_classes) & (found != ignore_label)]
    if foreign.size:
        listed = ", ".join(map(str, np.unique(foreign)[:5]))
        ignored = "" if ignore_label is None else f", and {ignore_label}, which is ignored"
        raise DataError(
            f"mask {path} holds label {listed}, but valid are 0 to {num_classes - 1}, the classes"
            f"{ignored}; mend the mask, or the list of classes"
        )


def write_labels(path: Path, labels: NDArray, colours: NDArray[np.uint8]) -> None:
    """Write labels (H, W) as a PNG with a palette.

    The file appears at once, complete: what resumes may take its presence for that.

    Args:
        colours: (C, 3); labels beyond have those of `voc_colours`.
    """
    image = Image.fromarray(labels.astype(np.uint8))
    palette = voc_colours(NUM_LABELS)
    palette[: len(colours)] = colours
    image.putpalette(palette.tobytes())
    partial = path.with_name(f"{path.name}.partial")
    image.save(partial, format="PNG")
    partial.replace(path)


def voc_colours(number: int) -> NDArray[np.uint8]:
    """The first of PASCAL VOC's 256 colours: (number, 3).

    The bits of a label, from the least, go in turn to red, green and blue, from their highest.
    """
    labels = np.arange(number)
    colours = np.zeros((number, 3), dtype=np.uint8)
    for bit in range(8):
        colours[:, bit % 3] |= (((labels >> bit) & 1) << (7 - bit // 3)).astype(np.uint8)
    return colours
