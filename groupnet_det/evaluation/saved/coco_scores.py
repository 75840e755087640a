"""Scores of saved COCO results against annotations, without a model."""

import contextlib
import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from groupnet_det.data.checks.coco_json import check_polygons, is_box, read_coco_file
from groupnet_det.data.checks.coco_values import is_finite_number, is_id, renumber_annotations
from groupnet_det.data.checks.compressed_masks import run_length_problem
from groupnet_det.data.text_files import read_json
from groupnet_det.errors import DataError, lookup

IOU_TYPES = {"bbox": "bbox", "segm": "segmentation"}
# Checks of the members of a result.
CHECKS: dict[str, Callable[[Any], bool]] = {
    "image_id": is_id,
    "category_id": is_id,
    "score": is_finite_number,
    "bbox": is_box,
    "segmentation": lambda mask: isinstance(mask, dict),
}
MAX_QUOTED = 60  # characters of a bad value
SUMMARY_NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl")


@dataclass(frozen=True, kw_only=True)
class DetectionScores:
    """Average precision in per cent; nan without ground truth.

    Attributes:
        summary: Scores by (some of) the names in `SUMMARY_NAMES`.
        per_class: Class name -> (AP, AP50).
    """

    summary: dict[str, float]
    per_class: dict[str, tuple[float, float]]


def score_coco_results(annotations: Path, results: Path, iou_type: str = "bbox") -> DetectionScores:
    """Run pycocotools' evaluation.

    Args, Raises: See `evaluate_coco_results`.
    """
    evaluation = evaluate_coco_results(annotations, results, iou_type)
    return DetectionScores(
        summary=dict(zip(SUMMARY_NAMES, map(_per_cent, evaluation.stats[:6]), strict=True)),
        per_class=_per_class(evaluation, evaluation.cocoGt),
    )


def evaluate_coco_results(annotations: Path, results: Path, iou_type: str = "bbox") -> COCOeval:
    """Run pycocotools' evaluation and return it with all of its results.

    Args:
        annotations: COCO instances file.
        results: List of COCO results, such as Detectron2's ``coco_instances_results.json``.
        iou_type: ``bbox`` or ``segm``.

    Raises:
        DataError: A file is missing or invalid, or they do not belong together.
        ConfigError: Unknown `iou_type`.
    """
    needed = lookup(IOU_TYPES, iou_type, "IoU type")
    loaded = load_result_list(results, needed)
    content = read_coco_file(annotations)
    for key, kind in (("image_id", "images"), ("category_id", "categories")):
        foreign = {result[key] for result in loaded} - {item["id"] for item in content[kind]}
        if foreign:
            raise DataError(
                f"{results} names {len(foreign)} {kind}, such as {min(foreign, key=str)}, that "
                f"{annotations} lacks; do the two belong together?"
            )
    if iou_type == "segm":
        check_polygons(annotations, content, scored=True)
    renumber_annotations(content)
    content.setdefault("info", {})  # loadRes requires it
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            gt = COCO()
            gt.dataset = content
            gt.createIndex()
            if iou_type == "segm":
                _check_masks(annotations, gt, gt.anns.values())
                _check_masks(results, gt, loaded)
            # An empty list is valid: nothing was detected.
            found = gt.loadRes(loaded) if loaded else COCO()
            evaluation = COCOeval(gt, found, iou_type)
            if not loaded:
                evaluation.params.imgIds = sorted(gt.getImgIds())
                evaluation.cocoDt.createIndex()
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        except (KeyError, IndexError, TypeError) as error:
            raise DataError(f"{annotations} and {results} cannot be scored: {error!r}") from error
    return evaluation


def write_scores_csv(scores: DetectionScores, path: Path) -> None:
    """Write one row per class with AP and AP50, and a last row ``all``."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["class", "AP", "AP50"])
        for name, values in scores.per_class.items():
            writer.writerow([name, *(f"{value:.3f}" for value in values)])
        writer.writerow(["all", f"{scores.summary['AP']:.3f}", f"{scores.summary['AP50']:.3f}"])


def load_result_list(path: Path, needed: str) -> list[dict[str, Any]]:
    """Read COCO results without unneeded members: pycocotools would take the size of an object
    from a mask's box.

    Args:
        path: JSON file.
        needed: Member that each result must have: ``bbox`` or ``segmentation``.

    Raises:
        DataError: The file is missing or is not such a list.
    """
    if not path.is_file():
        raise DataError(f"results file {path} does not exist")
    loaded = read_json(path, "results file", "write it again: evaluation does")
    keys = ["category_id", "image_id", "score", needed]
    if not isinstance(loaded, list) or not all(
        isinstance(result, dict) and set(keys) <= set(result) for result in loaded
    ):
        raise DataError(f"results file {path} must be a list of mappings with {sorted(keys)}")
    for number, result in enumerate(loaded):
        for key in keys:
            if not CHECKS[key](result[key]):
                value = f"{result[key]!r}"[:MAX_QUOTED]
                raise DataError(f"results file {path}: result {number} has {key} {value}")
    return [{key: result[key] for key in keys} for result in loaded]


def _check_masks(path: Path, gt: COCO, objects: Iterable[dict[str, Any]]) -> None:
    """Check that run-length encodings match their images; pycocotools would access memory beyond.

    Raises:
        DataError: One does not match.
    """
    for item in objects:
        mask, image = item.get("segmentation"), gt.imgs[item["image_id"]]
        size = image["height"], image["width"]
        problem = run_length_problem(mask, size) if isinstance(mask, dict) else None
        if problem:
            raise DataError(f"{path}: a mask of image {item['image_id']} {problem}")


def _per_cent(value: float) -> float:
    """Convert to per cent; nan for -1, which pycocotools uses for undefined scores."""
    return float("nan") if value < 0 else 100 * float(value)


def _per_class(evaluation: COCOeval, gt: COCO) -> dict[str, tuple[float, float]]:
    # precision: IoU thresholds x recalls x classes x areas x detections per image
    precision = evaluation.eval["precision"]
    scores = {}
    for index, category_id in enumerate(evaluation.params.catIds):
        values = [precision[:, :, index, 0, -1], precision[:1, :, index, 0, -1]]
        means = [float(np.mean(v[v > -1])) if np.any(v > -1) else -1.0 for v in values]
        scores[gt.cats[category_id]["name"]] = (_per_cent(means[0]), _per_cent(means[1]))
    return scores
