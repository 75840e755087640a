"""Look at a data set before hours of training: every complaint names the file and the mend."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.structures import BoxMode
from PIL import Image

from groupnet_det.errors import ConfigError, DataError

from .catalog import class_names_of, task_of
from .image_folder import format_class_counts
from .semantic_check import check_cityscapes_layout, check_ignore_label, check_masks

logger = logging.getLogger(__name__)

# Where each meta-architecture keeps its number of classes.
NUM_CLASSES_KEYS = {
    "GroupNetRetinaNet": "MODEL.RETINANET.NUM_CLASSES",
    "RetinaNet": "MODEL.RETINANET.NUM_CLASSES",
    "GeneralizedRCNN": "MODEL.ROI_HEADS.NUM_CLASSES",
    "ImageClassifier": "MODEL.CLASSIFIER.NUM_CLASSES",
    "SemanticSegmentor": "MODEL.SEM_SEG_HEAD.NUM_CLASSES",
}
# Of those, what they need another data set for than one for detection.
TASKS = {"ImageClassifier": "classification", "SemanticSegmentor": "semantic segmentation"}
BOX_TOLERANCE = 1.0  # pixels; annotation tools round


def check_datasets(cfg: CfgNode, names: Sequence[str]) -> None:
    """Check each data set against itself and against the config.

    Raises:
        ConfigError: A name is not registered, or the class count does not fit.
        DataError: A file is absent or broken, or an annotation cannot be right.
    """
    for position, name in enumerate(names):
        if name not in DatasetCatalog.list():
            raise ConfigError(
                f"data set {name!r} is not known; name it in DATASETS.CUSTOM, or choose one of "
                f"Detectron2's or ours (datasets/README.md)"
            )
        metadata = MetadataCatalog.get(name)
        if "json_file" in metadata.as_dict():
            check_coco_file(Path(metadata.json_file), metadata.get("prepare_with"))
        elif "dirname" in metadata.as_dict():
            check_voc_layout(Path(metadata.dirname), metadata.split)
        elif metadata.get("evaluator_type") == "cityscapes_sem_seg":
            check_cityscapes_layout(Path(metadata.image_dir), Path(metadata.gt_dir))
        records = DatasetCatalog.get(name)
        if not records:
            raise DataError(f"data set {name!r} holds no image; see {_source(name)}")
        check_same_classes(names[: position + 1])
        check_class_count(cfg, name)
        check_boxes(name, records)
        if "image_folder" not in metadata.as_dict():  # those were just listed
            check_presence(name, records)
        if task_of(name) == "semantic segmentation":
            check_ignore_label(cfg, name)
            check_masks(name, records, cfg.DATASETS.CHECK_DECODE)
        check_decoding(name, records, cfg.DATASETS.CHECK_DECODE)
        logger.info(f"data set {name}: {len(records)} images checked")
        if "classes" in metadata.as_dict():
            counts = format_class_counts(metadata.classes, [r["label"] for r in records])
            logger.info(f"images per class of {name}:\n{counts}")


def check_coco_file(path: Path, prepare_with: str | None = None) -> None:
    """The json file itself: readable, complete, and its ids consistent."""
    if not path.is_file():
        mend = f"make it with: {prepare_with}" if prepare_with else "check the path in the config"
        raise DataError(f"annotation file {path} does not exist; {mend}")
    try:
        content = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"annotation file {path} is not valid JSON: {error}") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise DataError(f"{path} has no list {key!r}; a COCO instances file needs one")
    _check_ids(path, content)


def _check_ids(path: Path, content: dict[str, Any]) -> None:
    ids = {key: [item["id"] for item in content[key]] for key in ("images", "categories")}
    for key, values in ids.items():
        if len(set(values)) != len(values):
            raise DataError(f"{path}: two {key} share an id; make the ids unique")
    known_images, known_categories = set(ids["images"]), set(ids["categories"])
    for annotation in content["annotations"]:
        if annotation["image_id"] not in known_images:
            raise DataError(
                f"{path}: annotation {annotation.get('id')} names image {annotation['image_id']}, "
                "which is not among the images; remove it or add the image"
            )
        if annotation["category_id"] not in known_categories:
            raise DataError(
                f"{path}: annotation {annotation.get('id')} names category "
                f"{annotation['category_id']}; the categories have ids {sorted(known_categories)}"
            )
    if sorted(ids["categories"]) != list(range(1, len(known_categories) + 1)):
        logger.warning(
            f"{path}: category ids are not 1 ... {len(known_categories)}; they are mapped to "
            "classes 0, 1, ... in the order of their ids, and back in results"
        )


def check_voc_layout(root: Path, split: str) -> None:
    """The folders and the list of images of a VOC layout."""
    split_file = root / "ImageSets" / "Main" / f"{split}.txt"
    for path in (split_file, root / "Annotations", root / "JPEGImages"):
        if not path.exists():
            raise DataError(f"{path} does not exist; the VOC layout of {root} needs it")
    for image_id in split_file.read_text().split():
        if not (root / "Annotations" / f"{image_id}.xml").is_file():
            raise DataError(f"{root}/Annotations/{image_id}.xml, listed in {split_file}, is absent")


def check_class_count(cfg: CfgNode, name: str) -> None:
    """The model's number of classes against the data set's."""
    architecture = cfg.MODEL.META_ARCHITECTURE
    key = NUM_CLASSES_KEYS.get(architecture)
    if key is None:
        return
    needed, task = TASKS.get(architecture, "detection"), task_of(name)
    if task != needed:
        raise ConfigError(
            f"MODEL.META_ARCHITECTURE {architecture} is for {needed} and does not fit data set "
            f"{name!r}, which is for {task or 'another task'}; change one of the two"
        )
    class_names = class_names_of(name)
    if class_names is None:
        return
    node = cfg
    for part in key.split("."):
        node = node[part]
    if node != len(class_names):
        raise ConfigError(
            f"{key} is {node}, but data set {name!r} has {len(class_names)} classes "
            f"({', '.join(class_names[:12])}); set {key} {len(class_names)}"
        )


def check_same_classes(names: Sequence[str]) -> None:
    """Data sets used together name the same classes where a label means its position: all but
    those for detection.

    Raises:
        DataError: They do not.
    """
    known = [
        (name, class_names)
        for name in names
        if task_of(name) != "detection" and (class_names := class_names_of(name))
    ]
    for name, class_names in known[1:]:
        first, expected = known[0]
        if class_names != expected:
            differing = sorted(set(class_names) ^ set(expected))
            how = (
                f"only one of them has {', '.join(differing[:12])}"
                if differing
                else "their order differs"
            )
            raise DataError(
                f"data sets {first!r} and {name!r} must have the same classes; {how} "
                f"({_source(first)}, {_source(name)})"
            )


def check_boxes(name: str, records: list[dict[str, Any]]) -> None:
    """Boxes that have an area and lie inside their images."""
    overhanging: list[str] = []
    for record in records:
        width, height = record.get("width", np.inf), record.get("height", np.inf)
        for annotation in record.get("annotations", []):
            box = BoxMode.convert(annotation["bbox"], annotation["bbox_mode"], BoxMode.XYXY_ABS)
            x0, y0, x1, y1 = box
            if not (x1 > x0 and y1 > y0):
                raise DataError(
                    f"{record['file_name']}: box {_rounded(box)} has no area; remove it from "
                    f"{_source(name)}"
                )
            if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
                raise DataError(
                    f"{record['file_name']}: box {_rounded(box)} lies outside its image of "
                    f"{width}x{height}; mend it in {_source(name)}"
                )
            low, high = -BOX_TOLERANCE, BOX_TOLERANCE
            if x0 < low or y0 < low or x1 > width + high or y1 > height + high:
                overhanging.append(f"{record['file_name']} {_rounded(box)}")
    if overhanging:
        logger.warning(
            f"data set {name}: {len(overhanging)} boxes reach over the border of their images and "
            f"are clipped; the first: {overhanging[0]}"
        )


def check_presence(name: str, records: list[dict[str, Any]]) -> None:
    """Every file is there."""
    for record in records:
        if not Path(record["file_name"]).is_file():
            raise DataError(
                f"image {record['file_name']} does not exist; it is named by {_source(name)}"
            )


def check_decoding(name: str, records: list[dict[str, Any]], num_decoded: int) -> None:
    """`num_decoded` images, evenly spread, decode and have the size announced."""
    count = min(num_decoded, len(records))
    for index in np.linspace(0, len(records) - 1, count).astype(int) if count else []:
        record = records[index]
        try:
            with Image.open(record["file_name"]) as image:
                image.load()
                size = image.size
        except (OSError, SyntaxError, ValueError) as error:
            raise DataError(
                f"image {record['file_name']} cannot be read ({error}); replace it or take it out "
                f"of {_source(name)}"
            ) from error
        announced = (record.get("width", size[0]), record.get("height", size[1]))
        # Detectron2 turns images as their EXIF orientation says, so either order may be right.
        if sorted(size) != sorted(announced):
            raise DataError(
                f"image {record['file_name']} is {size[0]}x{size[1]}, but {_source(name)} says "
                f"{announced[0]}x{announced[1]}"
            )


def _source(name: str) -> str:
    metadata = MetadataCatalog.get(name)
    for key in ("json_file", "dirname", "image_folder", "source", "gt_dir", "sem_seg_root"):
        if key in metadata.as_dict():
            return metadata.get(key)
    return f"data set {name!r}"


def _rounded(box: Sequence[float]) -> list[float]:
    return [round(float(side), 1) for side in box]
