"""Semantic segmentation data sets by name: VOC 2012, photo-digits, and the user's own masks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groupnet_det.config.load import expand_path
from groupnet_det.data.catalog import datasets_root, register
from groupnet_det.data.class_names import check_class_names, checked_text, checked_texts
from groupnet_det.errors import ConfigError
from groupnet_det.images.label_images import NUM_LABELS, LabelOfValue, voc_colours

from .mask_folders import load_mask_folders, read_names
from .photo_digits_sources import CLASS_NAMES, PHOTO_DIGITS_SPLITS

IGNORE_LABEL = 255
VOC_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
    *("chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant"),
    *("sheep", "sofa", "train", "tvmonitor"),
)
VOC_SPLITS = ("train", "val", "trainval")
# Of VOC and SBD together, as datasets/prepare_sbd.py writes them.
TRAINAUG = "trainaug"
TRAINAUG_MASKS = "SegmentationClassAug"


def voc_root() -> Path:
    return datasets_root() / "VOC2012"


def _register_masks(
    name: str,
    *,
    images: Path,
    masks: Path,
    class_names: Sequence[str],
    list_file: Path | None = None,
    ignore_label: int = IGNORE_LABEL,
    mask_suffix: str = ".png",
    label_of_value: LabelOfValue | None = None,
    fix: str = "check the path in the config",
    **metadata: Any,
) -> None:
    """Register images and masks that `load_mask_folders` pairs.

    Args:
        class_names: Names of the classes with the labels 0, 1, ...
        ignore_label: Label of pixels that neither training nor scores count.
        label_of_value: See `read_labels`.
        metadata: More of it, such as ``prepare_with``.
    """
    register(
        name,
        lambda: [
            record if label_of_value is None else {**record, "label_of_value": label_of_value}
            for record in load_mask_folders(
                images, masks, list_file=list_file, mask_suffix=mask_suffix, fix=fix
            )
        ],
        evaluator_type="sem_seg",
        stuff_classes=list(class_names),
        stuff_colors=voc_colours(len(class_names)).tolist(),
        ignore_label=ignore_label,
        label_of_value=label_of_value,
        image_root=str(images),
        sem_seg_root=str(masks),
        source=str(list_file or images),
        **metadata,
    )


def register_builtin_masks() -> None:
    """VOC 2012 with and without SBD, and photo-digits; Cityscapes and ADE20K are Detectron2's."""
    root = voc_root()
    for split in (*VOC_SPLITS, TRAINAUG):
        augmented = split == TRAINAUG
        fix = "lay VOC 2012 out as datasets/README.md says"
        if augmented:
            fix += ", then: groupnet-det prepare-sbd --sbd FOLDER"
        _register_masks(
            f"voc_2012_seg_{split}",
            images=root / "JPEGImages",
            masks=root / (TRAINAUG_MASKS if augmented else "SegmentationClass"),
            list_file=root / "ImageSets" / "Segmentation" / f"{split}.txt",
            class_names=VOC_CLASSES,
            fix=fix,
        )
    for split in PHOTO_DIGITS_SPLITS:
        _register_masks(
            f"photo_digits_seg_{split}",
            images=datasets_root() / "photo_digits" / split,
            masks=datasets_root() / "photo_digits" / f"semantic_{split}",
            class_names=("background", *CLASS_NAMES),
            fix="make it with: groupnet-det prepare-photo-digits",
        )


CUSTOM_MASKS_REQUIRED = {"NAME", "FORMAT", "IMAGES", "MASKS", "CLASSES"}
CUSTOM_MASKS_KEYS = CUSTOM_MASKS_REQUIRED | {"LIST", "IGNORE_LABEL", "MASK_SUFFIX", "LABELS"}


def register_custom_masks(name: str, entry: Mapping[str, Any], where: str) -> None:
    """Register an entry of ``DATASETS.CUSTOM`` of the format ``masks``.

    Raises:
        ConfigError: A key is missing or cannot work.
        DataError: The file of class names is missing or empty.
    """
    for key in sorted(CUSTOM_MASKS_REQUIRED - set(entry)):
        raise ConfigError(f"{where} lacks the key {key}")
    paths = {
        key: Path(expand_path(checked_text(entry[key], f"{where}.{key}"), f"{where}.{key}"))
        for key in ("IMAGES", "MASKS", "LIST")
        if key in entry
    }
    class_names = _class_names(entry["CLASSES"], f"{where}.CLASSES")
    ignore_label = entry.get("IGNORE_LABEL", IGNORE_LABEL)
    if ignore_label not in range(len(class_names), NUM_LABELS):
        raise ConfigError(
            f"{where}.IGNORE_LABEL is {ignore_label!r}; valid with {len(class_names)} classes: "
            f"{len(class_names)} to {NUM_LABELS - 1}"
        )
    _register_masks(
        name,
        images=paths["IMAGES"],
        masks=paths["MASKS"],
        class_names=class_names,
        list_file=paths.get("LIST"),
        ignore_label=ignore_label,
        mask_suffix=checked_text(entry.get("MASK_SUFFIX", ".png"), f"{where}.MASK_SUFFIX"),
        label_of_value=parse_label_of_value(
            entry.get("LABELS"), f"{where}.LABELS", len(class_names), ignore_label
        ),
    )


def parse_label_of_value(
    value: Any, key: str, num_classes: int, ignore_label: int
) -> dict[int, int] | None:
    """The labels of a mask's values, ``{0: 0, 255: 1}``; what is to be ignored stays so unless it
    is named.

    Args:
        value: A mapping, or None where values are labels.
        key: For messages.
        num_classes, ignore_label: Valid labels.

    Raises:
        ConfigError: It is no such mapping.
    """
    if value is None:
        return None
    valid = {*range(num_classes), ignore_label}
    if not (
        isinstance(value, Mapping)
        and value
        and all(type(one) is int for one in (*value, *value.values()))
        and set(value) <= set(range(NUM_LABELS))
        and set(value.values()) <= valid
    ):
        raise ConfigError(
            f"{key} is {value!r}; it must map the values of masks, 0 to {NUM_LABELS - 1}, to labels"
            f", 0 to {num_classes - 1} or {ignore_label}, such as {{0: 0, 255: 1}}"
        )
    return {ignore_label: ignore_label, **value}


def _class_names(value: Any, key: str) -> list[str]:
    """A list of names, or the lines of a file."""
    if isinstance(value, str):
        names = read_names(Path(expand_path(value, key)), f"check {key}")
    else:
        names = checked_texts(value, key) if isinstance(value, list) else []
    check_class_names(names, key, ConfigError)
    if not 2 <= len(names) < NUM_LABELS:
        raise ConfigError(
            f"{key} must be a list of 2 to {NUM_LABELS - 1} different class names, or a file of "
            f"one a line, not {value!r}"
        )
    return names
