"""Folders of images with masks of the same names, for semantic segmentation."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from groupnet_det.data.datasets.mask_folders import read_names
from groupnet_det.errors import DataError
from groupnet_det.images.decoding import open_image
from groupnet_det.images.label_images import LABEL_MODES, NUM_LABELS, read_labels

from .found_data import (
    SPLIT_WORDS,
    TRAIN,
    DatasetEntry,
    FoundData,
    files_in,
    folders_below,
    images_in,
    several,
    split_of_path,
    split_word,
    with_validation,
)

# How folders of masks are mostly called, without the word of their split.
MASK_NAMES = {
    *("segmentationclass", "masks", "mask", "labels", "label", "annotations", "annotation"),
    *("semantic", "gt", "groundtruth"),
}
CLASS_FILES = ("classes.txt", "class_names.txt", "labels.txt", "names.txt")
MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")
OPENED = 5  # files that distinguish folders of images and of masks
MOST_VALUES = 64  # of a mask, by which it differs from a grey photograph
COUNTED = 500  # masks whose values are counted, evenly spread
IGNORED, WHITE = 255, 255


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A folder of images and one of masks; the mask of ``a.jpg`` is ``a<suffix>``."""

    images: Path
    masks: Path
    suffix: str


def find_masks(path: Path) -> FoundData | None:
    """Pairs of folders, by split, or one pair with lists of names.

    Raises:
        DataError: Several folders may be the masks, masks are missing, or their values no labels.
    """
    if path.is_file():
        return None
    folders = [folder for folder in folders_below(path) if images_in(folder)]
    label_folders = [folder for folder in folders if _holds_masks(folder)]
    pairs: dict[str | None, list[Pair]] = defaultdict(list)
    split_of = {folder: split_of_path(folder / "x", path) for folder in folders}
    for images in folders:
        near = [masks for masks in label_folders if split_of[masks] == split_of[images]]
        found = [pair for masks in near or label_folders if (pair := _pair(images, masks))]
        if images not in label_folders and found:
            pairs[split_of[images]].append(_named(found))
    if not pairs:
        return None
    chosen = {split or TRAIN: _one(of_split) for split, of_split in pairs.items()}
    if TRAIN not in chosen:
        return None
    _check_complete(chosen.values())
    said = _classes(path, chosen[TRAIN])
    entries = {split: _entry(pair, said) for split, pair in chosen.items()}
    if len(entries) == 1:
        entries = {s: {**entries[TRAIN], **named} for s, named in _lists(path).items()}
    splits, notes = with_validation(entries)
    return FoundData(
        layout="images and masks",
        tasks=("segment",),
        splits=splits,
        notes=(*notes, f"masks in {chosen[TRAIN].masks}", f"classes {', '.join(said['CLASSES'])}"),
    )


def _holds_masks(folder: Path) -> bool:
    files = files_in(folder, MASK_SUFFIXES)
    if len(files) < len(images_in(folder)):
        return False
    for file in files[:: max(1, len(files) // OPENED)][:OPENED]:
        with open_image(str(file)) as image:
            if image.mode not in LABEL_MODES:
                return False
        if len(np.unique(read_labels(file))) > MOST_VALUES:
            return False
    return True


def _pair(images: Path, masks: Path) -> Pair | None:
    """None where fewer than half of the images have a mask of one suffix."""
    files, names = images_in(images), {file.name for file in files_in(masks, MASK_SUFFIXES)}
    first = files[0].stem
    suffixes = [name[len(first) :] for name in names if name.startswith(first)]
    for suffix in sorted(suffixes, key=len):
        if 2 * sum(f"{file.stem}{suffix}" in names for file in files) >= len(files):
            return Pair(images=images, masks=masks, suffix=suffix)
    return None


def _named(pairs: Sequence[Pair]) -> Pair:
    """The one whose masks lie in a folder of a usual name."""
    if len(pairs) == 1:
        return pairs[0]
    usual = [pair for pair in pairs if _plain(pair.masks.name) in MASK_NAMES]
    if len(usual) != 1:
        raise several(
            f"the masks of {pairs[0].images}",
            [pair.masks for pair in usual or pairs],
            "call the right one 'masks', or name a folder that holds no other",
        )
    return usual[0]


def _plain(name: str) -> str:
    """In lower case, letters and figures alone, without words of splits."""
    words = re.findall(r"[a-z]+|[0-9]+", name.lower())
    return "".join(word for word in words if word not in SPLIT_WORDS)


def _one(pairs: Sequence[Pair]) -> Pair:
    if len(pairs) > 1:
        folders = [pair.images for pair in pairs]
        raise several("the images of one split", folders, "name a folder that holds no other")
    return pairs[0]


def _check_complete(pairs: Any) -> None:
    for pair in pairs:
        images = images_in(pair.images)
        missing = [
            mask for i in images if not (mask := pair.masks / f"{i.stem}{pair.suffix}").is_file()
        ]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(images)} images of {pair.images} have no mask; the first "
                f"is {missing[0]}: add it, or take its image out"
            )


def _lists(root: Path) -> dict[str, DatasetEntry]:
    """Lists of names by split, where there is one of training; else nothing but training."""
    folders = (root / "ImageSets" / "Segmentation", root / "ImageSets" / "Main", root)
    for folder in folders:
        files = files_in(folder, [".txt"]) if folder.is_dir() else []
        found = {
            split: {"LIST": str(file)}
            for file in files
            if (split := split_word(file.stem)) == file.stem.lower()
        }
        if TRAIN in found:
            return {str(split): entry for split, entry in found.items()}
    return {TRAIN: {}}


def _entry(pair: Pair, said: Mapping[str, Any]) -> DatasetEntry:
    paths = {"IMAGES": str(pair.images), "MASKS": str(pair.masks)}
    suffix = {} if pair.suffix == ".png" else {"MASK_SUFFIX": pair.suffix}
    return {"FORMAT": "masks", **paths, **suffix, **said}


def _classes(root: Path, pair: Pair) -> dict[str, Any]:
    """``CLASSES`` and, where values are not labels, ``LABELS`` of an entry.

    Values are labels where they are 0, 1, ... but for 255, which is then ignored; else their order
    gives labels.
    """
    values = _values(pair)
    file = next((root / name for name in CLASS_FILES if (root / name).is_file()), None)
    names = read_names(file, "write one name a line") if file else None
    if values == [0, WHITE]:
        return {"CLASSES": _checked(names, 2, file), "LABELS": {0: 0, WHITE: 1}}
    classes = [value for value in values if value != IGNORED]
    count = max(classes, default=0) + 1
    if names and len(names) >= count:
        return {"CLASSES": names}
    if len(classes) == count:
        return {"CLASSES": _checked(names, count, file)}
    labels = {value: label for label, value in enumerate(classes)}
    checked = _checked(names, len(classes), file, classes)
    return {"CLASSES": checked, "LABELS": {**labels, IGNORED: IGNORED}}


def _checked(
    names: list[str] | None, count: int, file: Path | None, values: Sequence[int] = ()
) -> list[str]:
    if names and len(names) != count:
        raise DataError(f"{file} has {len(names)} names, but the masks have {count} classes")
    if count < 2:
        raise DataError(
            "the masks have one value alone, so that there is nothing to learn; add others"
        )
    if names:
        return names
    if count == 2 and not values:
        return ["background", "object"]
    return [f"value {v}" for v in values] or [
        "background",
        *(f"class {i}" for i in range(1, count)),
    ]


def _values(pair: Pair) -> list[int]:
    """The values that occur in the masks."""
    files = [pair.masks / f"{image.stem}{pair.suffix}" for image in images_in(pair.images)]
    chosen = np.unique(np.linspace(0, len(files) - 1, min(COUNTED, len(files))).astype(int))
    counts = np.zeros(NUM_LABELS, dtype=np.int64)
    for index in chosen:
        counts += np.bincount(read_labels(files[index]).reshape(-1), minlength=NUM_LABELS)
    return [int(value) for value in np.flatnonzero(counts)]
