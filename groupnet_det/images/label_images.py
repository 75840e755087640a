"""Masks: images with one 8-bit label per pixel, grey or with a palette, as in VOC and Cityscapes.

The label of a palette image is the palette's index; Detectron2's reader takes its grey tone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, TiffImageFile

from groupnet_det.errors import DataError

from .decoding import open_image

Labels = NDArray[np.uint8]  # (H, W)
LabelOfValue = Mapping[int, int]

NUM_LABELS = 256
WHITE = 255  # of grey images, as Pillow gives them
# Pillow's modes of labels, and names of other modes for messages.
LABEL_MODES = ("L", "P", "1")
MODE_NAMES = {"I": "16-bit", "F": "floating-point", "RGB": "RGB", "RGBA": "RGB with alpha"}
REMEDY = "save it as an 8-bit grey or palette PNG with one label per pixel"


def check_kind(image: Image.Image, path: str | Path) -> None:
    """Check that an opened image, not decoded yet, can be a mask.

    Raises:
        DataError: It has colours, an alpha channel or more than 8 bits.
    """
    if image.mode not in LABEL_MODES:
        kind = MODE_NAMES.get(image.mode.split(";")[0], f"of mode {image.mode}")
        raise DataError(f"mask {path} is {kind} instead of labels; {REMEDY}")


def read_labels(
    path: str | Path, dtype: DTypeLike = np.uint8, *, label_of_value: LabelOfValue | None = None
) -> NDArray:
    """Read a mask's labels (H, W) into a new array.

    Args:
        path: The file.
        dtype: Type of the array.
        label_of_value: Labels of all values that the mask may contain; None if values are labels.

    Raises:
        DataError: The file is missing, broken or not a mask, or contains a value without a label.
    """
    with open_image(str(path)) as image:
        check_kind(image, path)
        greatest = _greatest_value(image)
        values = np.array(image).astype(np.uint8)
    if greatest < WHITE:
        values = np.rint(values * (greatest / WHITE)).astype(np.uint8)
    if label_of_value is not None:
        values = _mapped(values, path, label_of_value)
    return values.astype(dtype)


def read_mask(record: Mapping[str, Any]) -> Labels:
    """The labels of a record's mask by its ``label_of_value``, see `read_labels`."""
    return read_labels(record["sem_seg_file_name"], label_of_value=record.get("label_of_value"))


def count_labels(record: Mapping[str, Any]) -> NDArray[np.int64]:
    """The number of pixels of each of the 256 labels of a record's mask, see `read_mask`."""
    return np.bincount(read_mask(record).reshape(-1), minlength=NUM_LABELS)


def _greatest_value(image: Image.Image) -> int:
    """The greatest value that the file of a mask can contain.

    Pillow scales grey values so that this one, white, becomes 255: those of 2 or 4 bits, and those
    of PGM files, which name it.
    """
    if image.mode != "L":
        return WHITE
    if isinstance(image, TiffImageFile):
        return 2 ** int(image.tag_v2.get(BITSPERSAMPLE, (8,))[0]) - 1
    arguments = image.tile[0].args if isinstance(image, ImageFile) and image.tile else ""
    if isinstance(image, PpmImageFile):
        return int(arguments[1]) if isinstance(arguments, tuple) else WHITE
    return {"L;2": 3, "L;4": 15}.get(str(arguments), WHITE)  # of PNG files


def _mapped(values: Labels, path: str | Path, label_of_value: LabelOfValue) -> Labels:
    table = np.full(NUM_LABELS, -1, dtype=np.int16)
    table[list(label_of_value)] = list(label_of_value.values())
    labels = table[values]
    if (labels < 0).any():
        unknown = ", ".join(map(str, np.unique(values[labels < 0])[:5]))
        raise DataError(
            f"mask {path} contains value {unknown}, which LABELS of its data set does not name; "
            "name every value there, or correct the mask"
        )
    return labels.astype(np.uint8)


def check_range(
    found: NDArray, path: str | Path, *, num_classes: int, ignore_label: int | None
) -> None:
    """Check that all labels of a mask are classes, or the label to ignore.

    Args:
        found: The labels, in any order and number.

    Raises:
        DataError: There are other labels.
    """
    foreign = found[(found >= num_classes) & (found != ignore_label)]
    if foreign.size:
        listed = ", ".join(map(str, np.unique(foreign)[:5]))
        ignored = "" if ignore_label is None else f", and {ignore_label}, which is ignored"
        raise DataError(
            f"mask {path} contains label {listed}, but valid are 0 to {num_classes - 1}, the "
            f"classes{ignored}; correct the mask or the list of classes, or name the labels of its "
            "values in LABELS of the data set"
        )


def ignored_class_problem(
    class_names: Sequence[str], ignore_label: int | None, pixels: NDArray[np.int64]
) -> str | None:
    """Describe the problem if the ignored label hides a class, as in masks of 0 and 255: only one
    class has pixels, and all others are ignored.

    Args:
        pixels: The number of pixels of each of the 256 labels.
    """
    found = np.flatnonzero(pixels)
    classes = found[found != ignore_label]
    if len(class_names) < 2 or len(found) != 2 or len(classes) != 1:
        return None
    (label,) = classes.tolist()
    if label > 1:  # not a mask of an object and its background
        return None
    other = next(n for n in range(len(class_names)) if n != label)
    return (
        f"all masks contain only {label} and {ignore_label}, and {ignore_label} is ignored, so "
        f"that only class {class_names[label]!r} can be learned or scored; if {ignore_label} "
        f"means {class_names[other]!r}, give it that label: LABELS "
        f"{{{label}: {label}, {ignore_label}: {other}}} of the data set in DATASETS.CUSTOM, or "
        f"--labels {label}={label},{ignore_label}={other} of evaluate; if not, add masks with other"
        " classes"
    )


def write_labels(path: Path, labels: NDArray, colours: NDArray[np.uint8]) -> None:
    """Write labels (H, W) as a PNG with a palette.

    The file is written atomically, so that its presence means that it is complete.

    Args:
        colours: (C, 3); further labels have those of `voc_colours`.
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

    The bits of a label, from the lowest, go to red, green and blue in turn, from their highest.
    """
    labels = np.arange(number)
    colours = np.zeros((number, 3), dtype=np.uint8)
    for bit in range(8):
        colours[:, bit % 3] |= (((labels >> bit) & 1) << (7 - bit // 3)).astype(np.uint8)
    return colours
