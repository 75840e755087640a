"""Draws samples of a data set, and what a network sees of them in training."""

from typing import Any

import numpy as np
from detectron2.data import DatasetCatalog, Metadata
from detectron2.structures import Instances
from detectron2.utils.visualizer import Visualizer

from groupnet_det.data.checks.label_masks import check_mask_file
from groupnet_det.data.dataset_checks import check_files
from groupnet_det.errors import ConfigError, DataError, UserError, lookup
from groupnet_det.images.decoding import CHANNEL_ORDERS, read_rgb
from groupnet_det.images.label_images import read_mask

from .drawn_results import complete_metadata
from .instances import draw_instances
from .label_map_images import draw_segments
from .prediction_sheets import gt_to_instances


def load_records(name: str) -> list[dict[str, Any]]:
    """The records of a registered data set, checked or not.

    Raises:
        ConfigError: It is not registered.
        DataError: It cannot be loaded.
    """
    if name not in DatasetCatalog.list():
        raise ConfigError(
            f"data set {name!r} is not known; name it in DATASETS.CUSTOM of a --config-file, or "
            "choose one of Detectron2's or ours (datasets/README.md)"
        )
    check_files(name)
    try:
        return DatasetCatalog.get(name)
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"data set {name!r} cannot be loaded: {reason}") from error


def draw_record(record: dict[str, Any], metadata: Metadata) -> np.ndarray:
    """An image of a data set and its annotations, RGB.

    Raises:
        DataError: The image, or its mask, cannot be read, or they differ in size.
    """
    pixels = read_rgb(record["file_name"])
    if "sem_seg_file_name" in record:
        check_mask_file(record["file_name"], record["sem_seg_file_name"])
        pixels = _draw_labels(pixels, read_mask(record), metadata)
    if "annotations" in record:
        size = pixels.shape[0], pixels.shape[1]
        return draw_instances(pixels, gt_to_instances(record, size), metadata)
    return _draw_class(pixels, record.get("label"), metadata)


def draw_sample(sample: dict[str, Any], metadata: Metadata, image_format: str) -> np.ndarray:
    """Draw a sample of a training loader, RGB.

    Args:
        sample: With ``image`` (3, H, W) and ``instances``, ``sem_seg`` or ``label``.
        image_format: Order of the channels, ``RGB`` or ``BGR``.

    Raises:
        ConfigError: Unknown `image_format`.
    """
    channels = lookup(CHANNEL_ORDERS, image_format, "INPUT.FORMAT")  # each its own inverse
    pixels = np.ascontiguousarray(sample["image"].permute(1, 2, 0).numpy()[:, :, channels])
    if "sem_seg" in sample:
        pixels = _draw_labels(pixels, sample["sem_seg"].numpy(), metadata)
    if "instances" in sample:
        gt = sample["instances"]
        shown = Instances(gt.image_size, pred_boxes=gt.gt_boxes, pred_classes=gt.gt_classes)
        if gt.has("gt_masks"):
            shown.pred_masks = gt.gt_masks
        return draw_instances(pixels, shown, metadata)
    return _draw_class(pixels, sample.get("label"), metadata)


def _draw_labels(pixels: np.ndarray, labels: np.ndarray, metadata: Metadata) -> np.ndarray:
    complete = complete_metadata(
        stuff=metadata.get("stuff_classes") or (), stuff_colours=metadata.get("stuff_colors") or ()
    )
    return draw_segments(pixels, labels, complete)


def _draw_class(pixels: np.ndarray, label: int | None, metadata: Metadata) -> np.ndarray:
    if label is None:
        return pixels
    visualizer = Visualizer(pixels, metadata)
    margin = 0.02 * min(pixels.shape[:2])
    name = metadata.classes[label]
    drawn = visualizer.draw_text(name, (margin, margin), color="w", horizontal_alignment="left")
    return drawn.get_image()
