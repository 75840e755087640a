"""Score saved predictions without a model."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from detectron2.data.datasets.pascal_voc import CLASS_NAMES
from tabulate import tabulate

from groupnet_det.data.class_names import check_class_names
from groupnet_det.data.datasets.mask_folders import read_names
from groupnet_det.data.datasets.semantic_registration import parse_label_of_value
from groupnet_det.errors import ConfigError, UserError
from groupnet_det.evaluation.saved.classification_scores import score_predictions_csv
from groupnet_det.evaluation.saved.coco_scores import (
    DetectionScores,
    score_coco_results,
    write_scores_csv,
)
from groupnet_det.evaluation.saved.voc_scores import score_voc_results
from groupnet_det.files.output_files import PLOTS, check_output

from . import training_flags

# What goes together: needed flags, and those that may be added.
MODES = {
    "detections": ({"annotations", "results"}, {"csv", "iou_type"}),
    "voc": ({"voc", "split", "results"}, {"csv", "classes", "voc_metric"}),
    "classes": ({"predictions"}, set()),
    "masks": (
        {"masks", "label_maps", "classes"},
        {"ignore_label", "labels", "list", "csv", "confusion_matrix"},
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = training_flags.evaluate()
    arguments = parser.parse_args(argv)
    given = {key for key, value in vars(arguments).items() if value is not None}
    fitting = [
        mode for mode, (needed, optional) in MODES.items() if needed <= given <= needed | optional
    ]
    if not fitting:
        parser.error(
            "give --annotations and --results (and --csv), or --predictions alone, or --voc, "
            "--split and --results (and --csv, --voc-metric, --classes), or --masks, "
            "--label-maps and --classes (and --csv, --confusion-matrix)"
        )
    try:
        check_output(arguments.csv, "--csv")
        check_output(arguments.confusion_matrix, "--confusion-matrix", PLOTS)
        SCORERS[fitting[0]](arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    return 0


def _score_detections(arguments: argparse.Namespace) -> None:
    iou_type = arguments.iou_type or "bbox"
    _show_detections(
        score_coco_results(arguments.annotations, arguments.results, iou_type), arguments.csv
    )


def _run_voc(arguments: argparse.Namespace) -> None:
    class_names = _read_classes(arguments.classes) if arguments.classes else CLASS_NAMES
    scores = score_voc_results(
        arguments.voc, arguments.split, arguments.results, class_names, arguments.voc_metric or "12"
    )
    _show_detections(scores, arguments.csv)


def _read_classes(value: str) -> list[str]:
    names = value.split(",")
    if len(names) == 1:
        names = read_names(Path(value), "check --classes")
    check_class_names(names, "--classes", ConfigError)
    return names


def _read_labels_flag(value: str | None) -> dict[int, int] | None:
    """``0=0,255=1`` as a mapping."""
    if value is None:
        return None
    try:
        pairs = (part.split("=") for part in value.split(","))
        return {int(found): int(label) for found, label in pairs}
    except ValueError as error:
        raise ConfigError(f"--labels is {value!r}; expected is VALUE=LABEL,...") from error


def _show_detections(scores: DetectionScores, csv: Path | None) -> None:
    print(tabulate([scores.summary], headers="keys", floatfmt=".2f"))
    rows = [(name, *values) for name, values in scores.per_class.items()]
    print("\n" + tabulate(rows, headers=["class", "AP", "AP50"], floatfmt=".2f"))
    if csv:
        write_scores_csv(scores, csv)
        print(f"\nwritten: {csv}")


def _score_classes(arguments: argparse.Namespace) -> None:
    scores = score_predictions_csv(arguments.predictions)
    rows = [(name, *values) for name, values in scores.items()]
    print(tabulate(rows, headers=["class", "images", "top-1"], floatfmt=".2f"))


def _score_masks(arguments: argparse.Namespace) -> None:
    from groupnet_det.evaluation.confusion_matrix import plot_confusion_matrix
    from groupnet_det.evaluation.saved.label_map_folders import score_label_folders
    from groupnet_det.evaluation.semantic_scores import write_semantic_scores_csv

    class_names = _read_classes(arguments.classes)
    ignore_label = 255 if arguments.ignore_label is None else arguments.ignore_label
    if not 0 <= ignore_label <= 255:
        raise ConfigError(f"--ignore-label is {ignore_label}; valid: 0 to 255, labels of 8 bits")
    scores = score_label_folders(
        arguments.label_maps,
        arguments.masks,
        class_names=class_names,
        ignore_label=ignore_label,
        list_file=arguments.list,
        label_of_value=parse_label_of_value(
            _read_labels_flag(arguments.labels), "--labels", len(class_names), ignore_label
        ),
    )
    print(tabulate([scores.summary], headers="keys", floatfmt=".2f"))
    print("\n" + tabulate(scores.rows(), headers="keys", floatfmt=".2f"))
    if arguments.csv:
        write_semantic_scores_csv(scores, arguments.csv)
    if arguments.confusion_matrix:
        plot_confusion_matrix(
            scores.confusion, class_names, arguments.confusion_matrix, unit="pixels"
        )
    for path in filter(None, (arguments.csv, arguments.confusion_matrix)):
        print(f"\nwritten: {path}")


SCORERS = {
    "detections": _score_detections,
    "voc": _run_voc,
    "classes": _score_classes,
    "masks": _score_masks,
}
