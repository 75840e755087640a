"""Semantic segmentation data sets by name: VOC 2012, photo-digits, and the user's own masks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groupnet_det.config.load import expand_path
from groupnet_det.errors import ConfigError

from .catalog import datasets_root, register
from .label_images import NUM_LABELS, voc_colours
from .mask_folders import load_mask_folders, read_names
from .photo_digits_sources import CLASS_NAMES, SPLITS

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


def register_masks(
    name: str,
    *,
    images: Path,
    masks: Path,
    class_names: Sequence[str],
    list_file: Path | None = None,
    ignore_label: int = IGNORE_LABEL,
    mask_suffix: str = ".png",
    mend: str = "check the path in the config",
    **metadata: Any,
) -> None:
    """Register images and masks that `load_mask_folders` pairs.

    Args:
        class_names: Of labels 0, 1, ...
        ignore_label: Of pixels that neither training nor scores count.
        metadata: More of it, such as ``prepare_with``.
    """
    register(
        name,
        lambda: load_mask_folders(
            images, masks, list_file=list_file, mask_suffix=mask_suffix, mend=mend
        ),
        evaluator_type="sem_seg",
        stuff_classes=list(class_names),
        stuff_colors=voc_colours(len(class_names)).tolist(),
        ignore_label=ignore_label,
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
        mend = "lay VOC 2012 out as datasets/README.md says"
        if augmented:
            mend += ", then: groupnet-det prepare-sbd --sbd FOLDER"
        register_masks(
            f"voc_2012_seg_{split}",
            images=root / "JPEGImages",
            masks=root / (TRAINAUG_MASKS if augmented else "SegmentationClass"),
            list_file=root / "ImageSets" / "Segmentation" / f"{split}.txt",
            class_names=VOC_CLASSES,
            mend=mend,
        )
    for split in SPLITS:
        register_masks(
            f"photo_digits_seg_{split}",
            images=datasets_root() / "photo_digits" / split,
            masks=datasets_root() / "photo_digits" / f"semantic_{split}",
            class_names=("background", *CLASS_NAMES),
            mend="make it with: groupnet-det prepare-photo-digits",
        )


CUSTOM_MASKS_REQUIRED = {"NAME", "FORMAT", "IMAGES", "MASKS", "CLASSES"}
CUSTOM_MASKS_KEYS = CUSTOM_MASKS_REQUIRED | {"LIST", "IGNORE_LABEL", "MASK_SUFFIX"}


def register_custom_masks(name: str, entry: Mapping[str, Any], where: str) -> None:
    """Register an entry of ``DATASETS.CUSTOM`` of the format ``masks``.

    Raises:
        ConfigError: A key is absent or cannot work.
        DataError: The file of class names is absent or empty.
    """
    for key in sorted(CUSTOM_MASKS_REQUIRED - set(entry)):
        raise ConfigError(f"{where} lacks the key {key}")
    paths = {
        key: Path(expand_path(str(entry[key]), f"{where}.{key}"))
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
    register_masks(
        name,
        images=paths["IMAGES"],
        masks=paths["MASKS"],
        class_names=class_names,
        list_file=paths.get("LIST"),
        ignore_label=ignore_label,
        mask_suffix=str(entry.get("MASK_SUFFIX", ".png")),
    )


def _class_names(value: Any, key: str) -> list[str]:
    """A list of names, or the lines of a file."""
    if isinstance(value, str):
        names = read_names(Path(expand_path(value, key)), f"check {key}")
    else:
        names = [str(name) for name in value] if isinstance(value, list) else []
    if not 2 <= len(names) < NUM_LABELS or len(set(names)) < len(names):
        raise ConfigError(
            f"{key} must be a list of 2 to {NUM_LABELS - 1} different class names, or a file of "
            f"one a line, not {value!r}"
        )
    return names
