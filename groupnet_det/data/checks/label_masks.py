"""Checks of the label masks of a segmentation data set before training."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog
from numpy.typing import NDArray
from tabulate import tabulate

from groupnet_det.errors import ConfigError, DataError
from groupnet_det.images.decoding import open_image, upright_size
from groupnet_det.images.folder_files import is_system_file
from groupnet_det.images.label_images import (
    NUM_LABELS,
    check_kind,
    check_range,
    count_labels,
    ignored_class_problem,
)

logger = logging.getLogger(__name__)

ENOUGH_MASKS = 20  # masks, enough to judge the data set by them
SEGMENTERS = ("SemanticSegmentor", "PanopticFPN")  # they learn a label per pixel


def check_ignore_label(cfg: CfgNode, name: str) -> None:
    """Check that the loss ignores the label that the data set ignores.

    Raises:
        ConfigError: The two labels differ.
    """
    ignore_label = MetadataCatalog.get(name).get("ignore_label")
    if cfg.MODEL.META_ARCHITECTURE not in SEGMENTERS or ignore_label is None:
        return
    if ignore_label != cfg.MODEL.SEM_SEG_HEAD.IGNORE_VALUE:
        raise ConfigError(
            f"MODEL.SEM_SEG_HEAD.IGNORE_VALUE is {cfg.MODEL.SEM_SEG_HEAD.IGNORE_VALUE}, but data "
            f"set {name!r} ignores label {ignore_label}; set MODEL.SEM_SEG_HEAD.IGNORE_VALUE "
            f"{ignore_label}"
        )


def check_masks(name: str, records: list[dict[str, Any]], num_decoded: int) -> None:
    """Check that each image has a mask of its size, and the labels of some masks.

    The labels of `num_decoded` masks, evenly spread, are counted and logged as a table.

    Raises:
        DataError: A mask is missing, cannot be read, has another size or invalid labels; or no
            counted pixel is labelled.
    """
    for record in records:
        check_mask_file(record["file_name"], record["sem_seg_file_name"])
    metadata = MetadataCatalog.get(name)
    class_names, ignore_label = metadata.stuff_classes, metadata.get("ignore_label")
    count = min(num_decoded, len(records))
    if not count:
        return
    pixels = np.zeros(NUM_LABELS, dtype=np.int64)
    masks = np.zeros(NUM_LABELS, dtype=np.int64)
    for index in np.linspace(0, len(records) - 1, count).astype(int):
        path = records[index]["sem_seg_file_name"]
        found = count_labels(records[index])
        check_range(
            np.flatnonzero(found), path, num_classes=len(class_names), ignore_label=ignore_label
        )
        pixels += found
        masks += found > 0
    table = _format_label_shares(class_names, ignore_label, pixels, masks)
    checked = (
        f"{count} of {len(records)} masks (DATASETS.CHECK_DECODE), of which all labels are valid"
    )
    logger.info(f"labels of {name}, of {checked}:\n{table}")
    _check_counts(name, class_names, pixels)
    problem = ignored_class_problem(class_names, ignore_label, pixels)
    if problem and count >= min(len(records), ENOUGH_MASKS):
        raise DataError(f"data set {name!r}: {problem}")


def check_mask_file(image_path: str, mask_path: str) -> None:
    """Check that a mask exists, is a label image, and has the size of the upright image.

    Raises:
        DataError: One of these is not the case.
    """
    if not Path(mask_path).is_file():
        raise DataError(f"mask {mask_path} does not exist; image {image_path} needs it")
    with open_image(mask_path) as mask:
        check_kind(mask, mask_path)
        mask_size = mask.size
    with open_image(image_path) as image:
        size = upright_size(image)
    check_sizes(image_path, size, mask_path, mask_size)


def check_sizes(
    image_path: str, image_size: tuple[int, int], mask_path: str, mask_size: tuple[int, int]
) -> None:
    """Check that a mask has the size of its image.

    Args:
        image_size, mask_size: (width, height).

    Raises:
        DataError: The sizes differ.
    """
    if image_size != mask_size:
        raise DataError(
            f"mask {mask_path} is {mask_size[0]}x{mask_size[1]}, but image {image_path} is "
            f"{image_size[0]}x{image_size[1]}; make the mask for the image in its upright position"
        )


def _format_label_shares(
    class_names: list[str],
    ignore_label: int | None,
    pixels: NDArray[np.int64],
    masks: NDArray[np.int64],
) -> str:
    """Format a table with each class's share of the labelled pixels and its number of masks.

    Args:
        pixels, masks: For each of the 256 labels, its number of pixels and of masks that have it.
    """
    number = len(class_names)
    labelled = max(int(pixels[:number].sum()), 1)
    rows = [
        [label, name, f"{100 * pixels[label] / labelled:.2f} %", masks[label]]
        for label, name in enumerate(class_names)
    ]
    if ignore_label is not None:
        share = pixels[ignore_label] / max(int(pixels.sum()), 1)
        rows.append([ignore_label, "(ignored)", f"{100 * share:.2f} % of all", masks[ignore_label]])
    return tabulate(rows, headers=["label", "class", "pixels", "masks"], disable_numparse=True)


def _check_counts(name: str, class_names: list[str], pixels: NDArray[np.int64]) -> None:
    missing = [
        class_name
        for class_name, number in zip(class_names, pixels[: len(class_names)], strict=True)
        if not number
    ]
    if len(missing) == len(class_names):
        raise DataError(f"data set {name!r}: all pixels of its masks are to be ignored")
    if missing:
        logger.warning(
            f"data set {name}: no pixel of the masks that were counted is {', '.join(missing[:12])}"
            + (" or another" if len(missing) > 12 else "")
        )


def check_cityscapes_layout(image_dir: Path, gt_dir: Path) -> None:
    """Check that the files that Detectron2's loader needs exist.

    Raises:
        DataError: A folder or file is missing.
    """
    for folder in (image_dir, gt_dir):
        if not folder.is_dir():
            raise DataError(
                f"folder {folder} does not exist; lay Cityscapes out as datasets/README.md says"
            )
    images = sorted(image_dir.glob("*/*"))
    for path in (*sorted(image_dir.iterdir()), *images):
        if is_system_file(path, image_dir):
            raise DataError(
                f"{path} is a hidden or system file, which Detectron2's loader of Cityscapes takes "
                "for one of the data set; delete it"
            )
    if not images:
        raise DataError(f"folder {image_dir} holds no image; see datasets/README.md")
    for image in images:
        stem = image.name.removesuffix("leftImg8bit.png")
        if stem == image.name:
            raise DataError(
                f"{image} is not named as Cityscapes' images, ..._leftImg8bit.png; move it away"
            )
        gt = gt_dir / image.parent.name / f"{stem}gtFine"
        for suffix in ("instanceIds.png", "labelIds.png", "polygons.json"):
            if not (path := gt.with_name(f"{gt.name}_{suffix}")).is_file():
                raise DataError(f"{path} does not exist; {image} needs it")
        if not (path := gt.with_name(f"{gt.name}_labelTrainIds.png")).is_file():
            raise DataError(f"{path} does not exist; make it with: groupnet-det prepare-cityscapes")
