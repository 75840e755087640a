"""Data sets by name: ours, and the user's own from ``DATASETS.CUSTOM``."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog

from groupnet_det.config.load import expand_path
from groupnet_det.data.catalog import datasets_root, register
from groupnet_det.data.checks.plain_coco_file import load_coco
from groupnet_det.data.class_names import check_class_names, checked_text, checked_texts
from groupnet_det.errors import ConfigError, lookup

from . import mnist5k, photo_digits
from .image_folder import load_image_folder
from .photo_digits_panoptic import register_photo_digits_panoptic
from .semantic_registration import CUSTOM_MASKS_KEYS, register_builtin_masks, register_custom_masks
from .voc_layout import load_voc
from .yolo_layout import load_yolo, read_yolo


def photo_digits_root() -> Path:
    return datasets_root() / "photo_digits"


def register_coco(name: str, annotations: str, images: str, **metadata: Any) -> None:
    """Register a COCO json file; its categories give the class names."""
    register(
        name,
        lambda: load_coco(Path(annotations), Path(images), name),
        json_file=annotations,
        image_root=images,
        evaluator_type="coco",
        **metadata,
    )


# How a data set in the VOC layout is scored: as COCO, which converts it, or as VOC did until 2009
# and since 2010.
VOC_METRICS: dict[str, dict[str, Any]] = {
    "coco": {"evaluator_type": "coco"},
    "voc07": {"evaluator_type": "pascal_voc", "year": 2007},
    "voc12": {"evaluator_type": "pascal_voc", "year": 2012},
}


def register_voc(
    name: str, root: str, split: str, class_names: list[str], *, metric: str = "coco"
) -> None:
    """Register a folder in the VOC layout.

    Args:
        metric: A key of `VOC_METRICS`.
    """
    register(
        name,
        lambda: load_voc(Path(root), split, class_names),
        thing_classes=class_names,
        dirname=root,
        split=split,
        **VOC_METRICS[metric],
    )


def register_yolo(name: str, data: str, split: str) -> None:
    """Register a split of a ``data.yaml``; it is scored as COCO.

    Raises:
        DataError: The file is missing or broken.
    """
    register(
        name,
        lambda: load_yolo(Path(data), split),
        thing_classes=list(read_yolo(Path(data)).class_names),
        source=data,
        evaluator_type="coco",
    )


def register_image_folder(
    name: str,
    root: str,
    *,
    list_file: str | None = None,
    fix: str = "check ROOT in the config",
) -> None:
    """Register one folder of images for each class; the folders' names, sorted, are the classes.

    As with COCO files, the metadata hold them (``classes``) once the data set was loaded.

    Args:
        list_file: See `load_image_folder`.
    """
    register(
        name,
        lambda: _load_image_folder(name, root, fix, list_file),
        image_folder=root,
        evaluator_type="classification",
    )


def _load_image_folder(
    name: str, root: str, fix: str, list_file: str | None
) -> list[dict[str, Any]]:
    listed = None if list_file is None else Path(list_file)
    class_names, records = load_image_folder(Path(root), fix, listed)
    MetadataCatalog.get(name).classes = class_names
    return records


def register_builtin_datasets() -> None:
    """Ours and ImageNet, VOC's masks; COCO and others come with Detectron2."""
    register_builtin_masks()
    register_photo_digits_panoptic()
    root = photo_digits_root()
    for split in photo_digits.PHOTO_DIGITS_SPLITS:
        for folder, fix in (
            ("mnist5k", "make it with: groupnet-det prepare-mnist5k"),
            ("imagenet", "lay ImageNet out as datasets/README.md says"),
        ):
            register_image_folder(
                f"{folder}_{split}", str(datasets_root() / folder / split), fix=fix
            )
        register_coco(
            f"photo_digits_{split}",
            str(root / "annotations" / f"instances_{split}.json"),
            str(root / split),
            thing_classes=list(photo_digits.CLASS_NAMES),
            prepare_with="groupnet-det prepare-photo-digits",
        )


def _register_custom_coco(name: str, entry: Mapping[str, Any], where: str) -> None:
    register_coco(name, _path(entry, "ANNOTATIONS", where), _path(entry, "IMAGES", where))


def _register_custom_voc(name: str, entry: Mapping[str, Any], where: str) -> None:
    classes = _required(entry, "CLASSES", where)
    if not isinstance(classes, list) or not classes:
        raise ConfigError(f"{where}.CLASSES must be a list of class names, not {classes!r}")
    split = checked_text(_required(entry, "SPLIT", where), f"{where}.SPLIT")
    metric = str(entry.get("METRIC", "coco"))
    lookup(VOC_METRICS, metric, f"{where}.METRIC")
    names = checked_texts(classes, f"{where}.CLASSES")
    check_class_names(names, f"{where}.CLASSES", ConfigError)
    register_voc(name, _path(entry, "ROOT", where), split, names, metric=metric)


def _register_custom_yolo(name: str, entry: Mapping[str, Any], where: str) -> None:
    split = checked_text(_required(entry, "SPLIT", where), f"{where}.SPLIT")
    register_yolo(name, _path(entry, "DATA", where), split)


def _register_custom_image_folder(name: str, entry: Mapping[str, Any], where: str) -> None:
    list_file = _path(entry, "LIST", where) if "LIST" in entry else None
    register_image_folder(name, _path(entry, "ROOT", where), list_file=list_file)


CUSTOM_FORMATS: dict[str, Callable[[str, Mapping[str, Any], str], None]] = {
    "coco": _register_custom_coco,
    "voc": _register_custom_voc,
    "yolo": _register_custom_yolo,
    "image_folder": _register_custom_image_folder,
    "masks": register_custom_masks,
}
CUSTOM_KEYS: dict[str, set[str]] = {
    "coco": {"NAME", "FORMAT", "ANNOTATIONS", "IMAGES"},
    "voc": {"NAME", "FORMAT", "ROOT", "SPLIT", "CLASSES", "METRIC"},
    "yolo": {"NAME", "FORMAT", "DATA", "SPLIT"},
    "image_folder": {"NAME", "FORMAT", "ROOT", "LIST"},
    "masks": CUSTOM_MASKS_KEYS,
}


def register_custom_datasets(cfg: CfgNode) -> None:
    """Register the entries of ``DATASETS.CUSTOM`` that the config trains or tests on.

    Raises:
        ConfigError: An entry lacks a key, has an unknown one, or names an unset variable.
    """
    used = {*cfg.DATASETS.TRAIN, *cfg.DATASETS.VAL, *cfg.DATASETS.TEST}
    for index, entry in enumerate(cfg.DATASETS.CUSTOM):
        where = f"DATASETS.CUSTOM[{index}]"
        name = checked_text(_required(entry, "NAME", where), f"{where}.NAME")
        data_format = str(_required(entry, "FORMAT", where))
        register_entry = lookup(CUSTOM_FORMATS, data_format, f"{where}.FORMAT")
        unknown = set(entry) - CUSTOM_KEYS[data_format]
        if unknown:
            raise ConfigError(
                f"{where} has unknown keys {sorted(unknown)}; valid for {data_format}: "
                f"{sorted(CUSTOM_KEYS[data_format])}"
            )
        if name in used:
            register_entry(name, entry, where)


def register_datasets(cfg: CfgNode) -> None:
    """Make all data sets that `cfg` may name known; safe to repeat."""
    register_builtin_datasets()
    register_custom_datasets(cfg)


# Data sets that are made on the spot, by folder: how, at the default sizes.
MAKERS: dict[str, Callable[[Path], None]] = {
    "photo_digits": lambda root: photo_digits.prepare_photo_digits(
        root, photo_digits.PhotoDigitsOptions()
    ),
    "mnist5k": lambda root: mnist5k.prepare_mnist5k(root),
}


def make_missing_datasets(names: Iterable[str]) -> None:
    """Make photo-digits and MNIST-5k where they are asked for and their folders are missing."""
    for folder, make in MAKERS.items():
        root = datasets_root() / folder
        wanted = {
            f"{folder}{task}_{s}"
            for task in ("", "_seg", "_panoptic")
            for s in photo_digits.PHOTO_DIGITS_SPLITS
        }
        if wanted & set(names) and not root.exists():
            make(root)


def _required(entry: Mapping[str, Any], key: str, where: str) -> Any:
    if key not in entry:
        raise ConfigError(f"{where} lacks the key {key}")
    return entry[key]


def _path(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = checked_text(_required(entry, key, where), f"{where}.{key}")
    return expand_path(value, f"{where}.{key}")
