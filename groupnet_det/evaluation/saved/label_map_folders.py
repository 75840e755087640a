"""Scores of a folder of predicted masks, without a model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from detectron2.data import DatasetCatalog, MetadataCatalog
from numpy.typing import NDArray

from groupnet_det.data.catalog import register
from groupnet_det.data.datasets.mask_folders import is_image, read_names
from groupnet_det.errors import DataError
from groupnet_det.evaluation.semantic_evaluator import SemanticEvaluator
from groupnet_det.evaluation.semantic_scores import SemanticScores
from groupnet_det.images.folder_files import without_system_files
from groupnet_det.images.label_images import (
    NUM_LABELS,
    LabelOfValue,
    check_range,
    ignored_class_problem,
    read_labels,
)

DATASET = "predicted_label_maps"  # registered while scoring


def score_label_folders(
    predictions: Path,
    masks: Path,
    *,
    class_names: Sequence[str],
    ignore_label: int,
    list_file: Path | None = None,
    label_of_value: LabelOfValue | None = None,
) -> SemanticScores:
    """Score each predicted mask against the mask of the same name in `masks` or its subfolders.

    Args:
        predictions: Folder of PNG files with one label per pixel.
        masks: Folder of the ground-truth masks.
        class_names: Names of the classes with the labels 0, 1, ...
        ignore_label: Label of ground-truth pixels that do not count.
        list_file: Names, with or without file extension, that must have both masks; by default
            each prediction must have a ground-truth mask.
        label_of_value: Labels of all values of the ground truth; None if values are labels.

    Raises:
        DataError: A file is missing, not a mask, of another size, or contains invalid labels.
    """
    pairs = pair_masks(predictions, masks, list_file)
    register(
        DATASET,
        lambda: [{"file_name": str(p), "sem_seg_file_name": str(m)} for p, m in pairs],
        stuff_classes=list(class_names),
        ignore_label=ignore_label,
        label_of_value=label_of_value,
    )
    try:
        evaluator = SemanticEvaluator(DATASET, output_dir=None)
        evaluator.reset()
        pixels = np.zeros(NUM_LABELS, dtype=np.int64)
        for predicted, mask in pairs:
            labels = read_labels(predicted)
            gt = read_labels(mask, label_of_value=label_of_value)
            check_range(labels, predicted, num_classes=len(class_names), ignore_label=None)
            check_range(gt, mask, num_classes=len(class_names), ignore_label=ignore_label)
            _check_sizes(predicted, labels, mask, gt)
            pixels += np.bincount(gt.reshape(-1), minlength=NUM_LABELS)
            one_hot = to_one_hot(labels, len(class_names))
            evaluator.process([{"file_name": str(predicted)}], [{"sem_seg": one_hot}])
        if not evaluator.has_gt():
            raise DataError(
                f"no pixel of the masks in {masks} is labelled: all are {ignore_label}, which is "
                "ignored; are these the ground-truth masks, and is --ignore-label right?"
            )
        problem = ignored_class_problem(class_names, ignore_label, pixels)
        if problem:
            raise DataError(f"{masks}: {problem}")
        evaluator.evaluate()
    finally:
        DatasetCatalog.remove(DATASET)
        MetadataCatalog.remove(DATASET)
    assert evaluator.scores is not None  # there is one process
    return evaluator.scores


def pair_masks(
    predictions: Path, masks: Path, list_file: Path | None = None
) -> list[tuple[Path, Path]]:
    """Pairs of predicted and ground-truth masks of the same name, sorted by it.

    Raises:
        DataError: A folder is missing or empty, one of a pair is missing, or two have one name.
    """
    for folder in (predictions, masks):
        if not folder.is_dir():
            raise DataError(f"folder {folder} does not exist")
    predicted = without_system_files(sorted(predictions.glob("*.png")), predictions)
    found = {path.stem: path for path in predicted}
    wanted = list(found) if list_file is None else _listed(list_file)
    if not wanted:
        raise DataError(f"folder {predictions} contains no PNG file")
    true: dict[str, Path] = {}
    for path in without_system_files(masks.rglob("*.png"), masks):
        if true.setdefault(path.stem, path) is not path and path.stem in found:
            raise DataError(f"{masks} contains two masks of one name: {true[path.stem]}, {path}")
    for name in wanted:
        for folder, files in ((predictions, found), (masks, true)):
            if name not in files:
                raise DataError(f"{folder} has no {name}.png; each image needs both masks")
    return [(found[name], true[name]) for name in wanted]


def _listed(list_file: Path) -> list[str]:
    """The listed names without image file extensions."""
    names = [Path(name) for name in read_names(list_file, "check --list")]
    return [str(name.with_suffix("") if is_image(name) else name) for name in names]


def to_one_hot(labels: NDArray[np.uint8], num_classes: int) -> torch.Tensor:
    """Convert labels (H, W) to one-hot scores (C, H, W)."""
    return torch.from_numpy(labels == np.arange(num_classes)[:, None, None]).to(torch.uint8)


def _check_sizes(
    predicted: Path, labels: NDArray[np.uint8], mask: Path, gt: NDArray[np.uint8]
) -> None:
    if labels.shape != gt.shape:
        sizes = [f"{pixels.shape[1]}x{pixels.shape[0]}" for pixels in (labels, gt)]
        raise DataError(f"prediction {predicted} is {sizes[0]}, but mask {mask} is {sizes[1]}")
