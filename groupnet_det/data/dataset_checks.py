"""Look at a data set before hours of training: every complaint names the file and the fix."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, MetadataCatalog

from groupnet_det.config.dense_detectors import DENSE_BY_ARCHITECTURE
from groupnet_det.data.checks.boxes_and_masks import check_instances
from groupnet_det.data.checks.coco_json import check_coco_file
from groupnet_det.data.checks.image_sizes import check_announced_size
from groupnet_det.data.checks.label_masks import (
    check_cityscapes_layout,
    check_ignore_label,
    check_masks,
)
from groupnet_det.data.checks.panoptic_json import check_panoptic_file
from groupnet_det.data.datasets.image_folder import format_class_counts
from groupnet_det.data.datasets.voc_layout import read_split, split_file
from groupnet_det.errors import ConfigError, DataError
from groupnet_det.images.decoding import FULL_SIZE, decode_rgb, open_image, upright_size

from .catalog import class_names_of, source_of, stuff_names_of, task_of
from .class_names import checked_text

logger = logging.getLogger(__name__)

# Where each meta-architecture keeps its number of classes.
NUM_CLASSES_KEYS = {
    **{key: f"{dense.node}.NUM_CLASSES" for key, dense in DENSE_BY_ARCHITECTURE.items()},
    "PanopticFPN": "MODEL.ROI_HEADS.NUM_CLASSES",
    "GeneralizedRCNN": "MODEL.ROI_HEADS.NUM_CLASSES",
    "ImageClassifier": "MODEL.CLASSIFIER.NUM_CLASSES",
    "SemanticSegmentor": "MODEL.SEM_SEG_HEAD.NUM_CLASSES",
}
# Reasons why some of them need another data set than one for detection.
TASKS_BY_ARCHITECTURE = {
    "ImageClassifier": "classification",
    "SemanticSegmentor": "semantic segmentation",
}


def check_datasets(cfg: CfgNode, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Check each data set against itself and against the config.

    Returns:
        The records of each.

    Raises:
        ConfigError: A name is not registered, or the class count does not fit.
        DataError: A file is missing or broken, or an annotation cannot be right.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for position, name in enumerate(names):
        checked_text(name, "a name in DATASETS.TRAIN or TEST")
        if name not in DatasetCatalog.list():
            raise ConfigError(
                f"data set {name!r} is not known; name it in DATASETS.CUSTOM, or choose one of "
                f"Detectron2's or ours (datasets/README.md)"
            )
        metadata = MetadataCatalog.get(name)
        check_files(name, scores_masks=cfg.MODEL.MASK_ON and name in cfg.DATASETS.TEST)
        records = found[name] = DatasetCatalog.get(name)
        if not records:
            raise DataError(f"data set {name!r} holds no image; see {source_of(name)}")
        if "panoptic_json" in metadata.as_dict():  # evaluation alone reads it
            check_panoptic_file(Path(metadata.panoptic_json))
        check_same_classes(names[: position + 1])
        _check_class_count(cfg, name)
        if "image_folder" not in metadata.as_dict():  # those were just listed
            _check_presence(name, records)
        check_instances(cfg, name, records)
        if "sem_seg_file_name" in records[0]:
            check_ignore_label(cfg, name)
            check_masks(name, records, cfg.DATASETS.CHECK_DECODE)
        check_decoding(name, records, cfg.DATASETS.CHECK_DECODE)
        logger.info(f"data set {name}: {len(records)} images checked")
        if "classes" in metadata.as_dict():
            counts = format_class_counts(metadata.classes, [r["label"] for r in records])
            logger.info(f"images per class of {name}:\n{counts}")
    return found


def check_files(name: str, *, scores_masks: bool = False) -> None:
    """Check the files of a registered data set before it is loaded.

    Args:
        scores_masks: Whether masks of instances are evaluated against it.

    Raises:
        DataError: A file is missing or broken.
    """
    metadata = MetadataCatalog.get(name)
    if "json_file" in metadata.as_dict():
        path = Path(metadata.json_file)
        check_coco_file(path, metadata.get("prepare_with"), scores_masks=scores_masks)
    elif "dirname" in metadata.as_dict():
        check_voc_layout(Path(metadata.dirname), metadata.split)
    elif metadata.get("evaluator_type") == "cityscapes_sem_seg":
        check_cityscapes_layout(Path(metadata.image_dir), Path(metadata.gt_dir))


def check_voc_layout(root: Path, split: str) -> None:
    """The folders and the list of images of a VOC layout."""
    ids = read_split(root, split)
    for path in (root / "Annotations", root / "JPEGImages"):
        if not path.exists():
            raise DataError(f"{path} does not exist; the VOC layout of {root} needs it")
    for image_id in ids:
        path = root / "Annotations" / f"{image_id}.xml"
        if not path.is_file():
            raise DataError(f"{path}, listed in {split_file(root, split)}, is missing")


def _check_class_count(cfg: CfgNode, name: str) -> None:
    """The model's number of classes against the data set's."""
    architecture = cfg.MODEL.META_ARCHITECTURE
    key = NUM_CLASSES_KEYS.get(architecture)
    if key is None:
        return
    needed, task = TASKS_BY_ARCHITECTURE.get(architecture, "detection"), task_of(name)
    class_names = class_names_of(name)
    if task != needed:
        raise ConfigError(
            f"MODEL.META_ARCHITECTURE {architecture} is for {needed} and does not fit data set "
            f"{name!r}, which is for {task or 'another task'}; change one of the two"
        )
    if task == "classification" and class_names is not None and len(class_names) == 1:
        raise DataError(
            f"data set {name!r} has one class alone, {class_names[0]!r} ({source_of(name)}): one "
            "class needs no classifier; add a folder of images of another, such as 'other'"
        )
    _check_number(cfg, key, name, class_names, "classes")
    if architecture == "PanopticFPN":
        stuff = NUM_CLASSES_KEYS["SemanticSegmentor"]
        _check_number(cfg, stuff, name, stuff_names_of(name), "kinds of stuff")


def _check_number(
    cfg: CfgNode, key: str, name: str, class_names: Sequence[str] | None, kind: str
) -> None:
    if class_names is None:
        return
    node = cfg
    for part in key.split("."):
        node = node[part]
    if node != len(class_names):
        raise ConfigError(
            f"{key} is {node}, but data set {name!r} has {len(class_names)} {kind} "
            f"({', '.join(class_names[:12])}); set {key} {len(class_names)}"
        )


def check_same_classes(names: Sequence[str]) -> None:
    """Data sets used together name the same classes in the same order: a class is its position.

    Raises:
        DataError: They do not.
    """
    known = [(name, list(found)) for name in names if (found := class_names_of(name))]
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
                f"({source_of(first)}: {', '.join(expected)}; {source_of(name)}: "
                f"{', '.join(class_names)})"
            )


def _check_presence(name: str, records: list[dict[str, Any]]) -> None:
    """Every file is there.

    Raises:
        DataError: With the first one that is not, and their number.
    """
    missing = [r["file_name"] for r in records if not Path(r["file_name"]).is_file()]
    if missing:
        others = (
            f", as are {len(missing) - 1} more of {len(records)} that are missing; is "
            f"{Path(missing[0]).parent} the right folder?"
        )
        raise DataError(
            f"image {missing[0]} does not exist; it is named by {source_of(name)}"
            + (others if len(missing) > 1 else "; add the image, or take it out there")
        )


def check_decoding(name: str, records: list[dict[str, Any]], num_decoded: int) -> None:
    """`num_decoded` images, evenly spread, decode and have the size announced."""
    count = min(num_decoded, len(records))
    for index in np.linspace(0, len(records) - 1, count).astype(int) if count else []:
        record = records[index]
        try:
            with open_image(record["file_name"]) as image:
                size = upright_size(image)
                decode_rgb(image, FULL_SIZE)
        except DataError as error:
            raise DataError(f"{error}; replace it or take it out of {source_of(name)}") from error
        check_announced_size(name, record, size)
