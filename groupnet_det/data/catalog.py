"""Folders of data sets, and their registration with Detectron2."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from detectron2.data import DatasetCatalog, MetadataCatalog

# Tasks by the ``evaluator_type`` of a data set.
TASKS_BY_EVALUATOR: dict[str, str] = {
    **dict.fromkeys(
        ("coco", "pascal_voc", "lvis", "cityscapes_instance", "coco_panoptic_seg"), "detection"
    ),
    "classification": "classification",
    **dict.fromkeys(("sem_seg", "cityscapes_sem_seg"), "semantic segmentation"),
}


def datasets_root() -> Path:
    """The folder of data sets, as in Detectron2: ``$DETECTRON2_DATASETS``, else ``datasets``."""
    return Path(os.path.expanduser(os.getenv("DETECTRON2_DATASETS", "datasets")))


def register(name: str, load: Callable[[], list[dict[str, Any]]], **metadata: Any) -> None:
    """Register, or register again, what `load` returns."""
    if name in DatasetCatalog.list():
        DatasetCatalog.remove(name)
        MetadataCatalog.remove(name)
    DatasetCatalog.register(name, load)
    MetadataCatalog.get(name).set(name=name, **metadata)


def task_of(name: str) -> str:
    """The task of a registered data set, of `TASKS_BY_EVALUATOR`; "" for an unknown kind."""
    return TASKS_BY_EVALUATOR.get(MetadataCatalog.get(name).get("evaluator_type", "coco"), "")


def class_names_of(name: str) -> list[str] | None:
    """The names of the classes of the data set's task, where they are known."""
    keys = {"classification": "classes", "semantic segmentation": "stuff_classes"}
    return MetadataCatalog.get(name).get(keys.get(task_of(name), "thing_classes"))


def stuff_names_of(name: str) -> list[str] | None:
    """The names of the stuff that a data set for panoptic segmentation has besides its things."""
    metadata = MetadataCatalog.get(name)
    panoptic = metadata.get("evaluator_type") == "coco_panoptic_seg"
    return metadata.get("stuff_classes") if panoptic else None


def source_of(name: str) -> str:
    """The file or folder that a registered data set comes from, for messages."""
    metadata = MetadataCatalog.get(name)
    for key in ("json_file", "dirname", "image_folder", "source", "gt_dir", "sem_seg_root"):
        if key in metadata.as_dict():
            return metadata.get(key)
    return f"data set {name!r}"
