"""photo-digits for Panoptic FPN: digits are things, all else is one kind of stuff."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .catalog import datasets_root, register
from .coco_file import load_coco
from .folder_files import without_system_files
from .label_images import read_labels
from .photo_digits_sources import CLASS_NAMES, SPLITS

PREFIX = "photo_digits_panoptic_"
# Of the semantic masks, as Detectron2's Panoptic FPN wants them: label 0 stands for all things.
STUFF_CLASSES = ("things", "background")
STUFF_COLOURS = ((0, 0, 0), (110, 130, 150))  # pale, for the digits to stand out


def stuff_folder(root: Path, split: str) -> Path:
    return root / f"panoptic_stuff_{split}"


def write_stuff_masks(root: Path, split: str) -> None:
    """Make the masks of stuff from those of ``semantic_<split>``, where they are absent.

    Args:
        root: Of photo-digits, which is complete.

    Raises:
        DataError: A mask is broken.
    """
    folder = stuff_folder(root, split)
    folder.mkdir(exist_ok=True)
    masks = root / f"semantic_{split}"
    for source in without_system_files(sorted(masks.glob("*.png")), masks):
        target = folder / source.name
        if not target.exists():
            background = (read_labels(source) == 0).astype(np.uint8)
            partial = target.with_suffix(".partial")
            Image.fromarray(background).save(partial, format="PNG")
            partial.replace(target)


def register_photo_digits_panoptic() -> None:
    """``photo_digits_panoptic_train`` and ``_val``: boxes and masks of digits, masks of stuff."""
    root = datasets_root() / "photo_digits"
    for split in SPLITS:
        annotations = str(root / "annotations" / f"instances_{split}.json")
        register(
            PREFIX + split,
            partial(_load, root, split, annotations),
            json_file=annotations,
            image_root=str(root / split),
            sem_seg_root=str(stuff_folder(root, split)),
            evaluator_type="coco_panoptic_seg",
            thing_classes=list(CLASS_NAMES),
            stuff_classes=list(STUFF_CLASSES),
            stuff_colors=[list(colour) for colour in STUFF_COLOURS],
            ignore_label=255,
            prepare_with="groupnet-det prepare-photo-digits",
        )


def _load(root: Path, split: str, annotations: str) -> list[dict[str, Any]]:
    write_stuff_masks(root, split)
    folder = stuff_folder(root, split)
    records = load_coco(Path(annotations), root / split, PREFIX + split)
    for record in records:
        name = Path(record["file_name"]).with_suffix(".png").name
        record["sem_seg_file_name"] = str(folder / name)
    return records
