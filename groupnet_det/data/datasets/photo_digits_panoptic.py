"""photo-digits for Panoptic FPN: digits are things, all else is one kind of stuff."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from groupnet_det.data.catalog import datasets_root, register
from groupnet_det.data.checks.plain_coco_file import load_coco
from groupnet_det.files.json_text import parse_json
from groupnet_det.images.folder_files import without_system_files
from groupnet_det.images.label_images import read_labels

from .photo_digits_sources import CLASS_NAMES, PHOTO_DIGITS_SPLITS

PREFIX = "photo_digits_panoptic_"
# Labels of the semantic masks for Detectron2's Panoptic FPN: label 0 stands for all things.
STUFF_CLASSES = ("things", "background")
# In the ground truth of whole scenes, after the ids of the digits, 1 to 10.
BACKGROUND_ID = len(CLASS_NAMES) + 1
STUFF_COLOURS = ((0, 0, 0), (110, 130, 150))  # pale, for the digits to stand out


def _stuff_folder(root: Path, split: str) -> Path:
    return root / f"panoptic_stuff_{split}"


def write_stuff_masks(root: Path, split: str) -> None:
    """Make the masks of stuff from those of ``semantic_<split>``, where they are missing.

    Args:
        root: Folder of photo-digits, which is complete.

    Raises:
        DataError: A mask is broken.
    """
    folder = _stuff_folder(root, split)
    folder.mkdir(exist_ok=True)
    masks = root / f"semantic_{split}"
    for source in without_system_files(sorted(masks.glob("*.png")), masks):
        target = folder / source.name
        if not target.exists():
            background = (read_labels(source) == 0).astype(np.uint8)
            partial = target.with_suffix(".partial")
            Image.fromarray(background).save(partial, format="PNG")
            partial.replace(target)


def _panoptic_folder(root: Path, split: str) -> Path:
    return root / f"panoptic_{split}"


def panoptic_json(root: Path, split: str) -> Path:
    return root / "annotations" / f"panoptic_{split}.json"


def _write_panoptic(root: Path, split: str) -> None:
    """Make the ground truth of whole scenes in COCO's panoptic format, where it is missing: the
    digits' visible parts, and the background.

    Args:
        root: Folder of photo-digits, which is complete.
    """
    target = panoptic_json(root, split)
    instances = root / "annotations" / f"instances_{split}.json"
    if target.is_file() and target.stat().st_mtime >= instances.stat().st_mtime:
        return
    content = parse_json(instances.read_text())
    of_image: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in content["images"]}
    for annotation in content["annotations"]:
        of_image[annotation["image_id"]].append(annotation)
    folder = _panoptic_folder(root, split)
    folder.mkdir(exist_ok=True)
    scenes = [_write_scene(folder, image, of_image[image["id"]]) for image in content["images"]]
    things = [{**category, "isthing": 1} for category in content["categories"]]
    background = {"id": BACKGROUND_ID, "name": STUFF_CLASSES[1], "isthing": 0}
    gt = {
        "images": content["images"],
        "annotations": scenes,
        "categories": [*things, background],
    }
    partial_file = target.with_suffix(".partial")
    partial_file.write_text(json.dumps(gt))
    partial_file.replace(target)


def _write_scene(
    folder: Path, image: dict[str, Any], annotations: list[dict[str, Any]]
) -> dict[str, Any]:
    """Write the image of segment numbers, red + 256 green + ..., and return what they are."""
    numbers = np.ones((image["height"], image["width"]), dtype=np.uint8)  # 1 is the background
    categories = {1: BACKGROUND_ID}
    for number, annotation in enumerate(annotations, start=2):
        numbers[coco_mask.decode(annotation["segmentation"]) == 1] = number
        categories[number] = annotation["category_id"]
    name = Path(image["file_name"]).with_suffix(".png").name
    pixels = np.zeros((*numbers.shape, 3), dtype=np.uint8)
    pixels[..., 0] = numbers
    Image.fromarray(pixels).save(folder / name)
    segments = [_segment(numbers == n, n, category) for n, category in categories.items()]
    return {
        "image_id": image["id"],
        "file_name": name,
        "segments_info": [segment for segment in segments if segment["area"]],
    }


def _segment(mask: NDArray[np.bool_], number: int, category: int) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {
        "id": number,
        "category_id": category,
        "area": int(mask.sum()),
        "bbox": [float(side) for side in coco_mask.toBbox(rle)],
        "iscrowd": 0,
    }


def register_photo_digits_panoptic() -> None:
    """``photo_digits_panoptic_train`` and ``_val``: boxes and masks of digits, masks of stuff."""
    root = datasets_root() / "photo_digits"
    for split in PHOTO_DIGITS_SPLITS:
        annotations = str(root / "annotations" / f"instances_{split}.json")
        register(
            PREFIX + split,
            partial(_load, root, split, annotations),
            json_file=annotations,
            image_root=str(root / split),
            sem_seg_root=str(_stuff_folder(root, split)),
            evaluator_type="coco_panoptic_seg",
            thing_classes=list(CLASS_NAMES),
            # What Detectron2's own evaluators ask for besides.
            thing_dataset_id_to_contiguous_id={i + 1: i for i in range(len(CLASS_NAMES))},
            stuff_dataset_id_to_contiguous_id={0: 0, BACKGROUND_ID: 1},
            panoptic_json=str(panoptic_json(root, split)),
            panoptic_root=str(_panoptic_folder(root, split)),
            stuff_classes=list(STUFF_CLASSES),
            stuff_colors=[list(colour) for colour in STUFF_COLOURS],
            ignore_label=255,
            prepare_with="groupnet-det prepare-photo-digits",
        )


def _load(root: Path, split: str, annotations: str) -> list[dict[str, Any]]:
    write_stuff_masks(root, split)
    _write_panoptic(root, split)
    folder = _stuff_folder(root, split)
    records = load_coco(Path(annotations), root / split, PREFIX + split)
    for record in records:
        name = Path(record["file_name"]).with_suffix(".png").name
        record["sem_seg_file_name"] = str(folder / name)
    return records
