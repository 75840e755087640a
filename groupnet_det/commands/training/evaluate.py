"""Score saved predictions without a model.

  python tools/evaluate.py --annotations instances_val.json \
      --results output/inference/coco_instances_results.json --csv scores.csv
  python tools/evaluate.py --voc VOC2007 --split test --voc-metric 07 \
      --results output/inference/coco_instances_results.json
  python tools/evaluate.py --predictions output/inference/predictions.csv
  python tools/evaluate.py --masks SegmentationClass --label-maps output/inference/label_maps \
      --classes classes.txt --csv scores.csv --confusion-matrix confusion.png
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from detectron2.data.datasets.pascal_voc import CLASS_NAMES
from tabulate import tabulate

from groupnet_det.data.mask_folders import read_names
from groupnet_det.errors import ConfigError, UserError
from groupnet_det.evaluation.classification_scores import score_predictions_csv
from groupnet_det.evaluation.coco_results import (
    IOU_TYPES,
    DetectionScores,
    score_coco_results,
    write_scores_csv,
)
from groupnet_det.evaluation.voc_scores import METRICS, score_voc_results
from groupnet_det.output_files import PLOTS, check_output

# What goes together: needed flags, and those that may be added.
MODES = {
    "detections": ({"annotations", "results"}, {"csv", "iou_type"}),
    "voc": ({"voc", "split", "results"}, {"csv", "classes", "voc_metric"}),
    "classes": ({"predictions"}, set()),
    "masks": (
        {"masks", "label_maps", "classes"},
        {"ignore_label", "list", "csv", "confusion_matrix"},
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--csv", type=Path, help="write the scores of each class to this file")
    parser.add_argument("--classes", help="file of class names, one a line; or name,name,...")
    group = parser.add_argument_group("detections")
    group.add_argument("--annotations", type=Path, help="COCO instances json")
    group.add_argument("--results", type=Path, help="COCO results json")
    group.add_argument("--iou-type", choices=list(IOU_TYPES), help="default: bbox")
    group.add_argument("--voc", type=Path, help="folder of VOC layout, instead of --annotations")
    group.add_argument("--split", help="of it, such as test")
    group.add_argument("--voc-metric", choices=list(METRICS), help="default: 12 (area); 07: points")
    group = parser.add_argument_group("classes of images")
    group.add_argument("--predictions", type=Path, help="predictions.csv of a classifier")
    group = parser.add_argument_group("masks")
    group.add_argument("--masks", type=Path, help="folder of true masks, also in folders below")
    group.add_argument("--label-maps", type=Path, help="folder of predicted masks")
    group.add_argument("--ignore-label", type=int, help="of true masks (default: 255)")
    group.add_argument(
        "--list", type=Path, help="file of names, with or without suffix: each must have both masks"
    )
    group.add_argument("--confusion-matrix", type=Path, help="PNG file to draw")
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


def score_detections(arguments: argparse.Namespace) -> None:
    iou_type = arguments.iou_type or "bbox"
    show_detections(
        score_coco_results(arguments.annotations, arguments.results, iou_type), arguments.csv
    )


def score_voc(arguments: argparse.Namespace) -> None:
    class_names = read_classes(arguments.classes) if arguments.classes else CLASS_NAMES
    scores = score_voc_results(
        arguments.voc, arguments.split, arguments.results, class_names, arguments.voc_metric or "12"
    )
    show_detections(scores, arguments.csv)


def read_classes(value: str) -> list[str]:
    names = value.split(",")
    if len(names) == 1:
        names = read_names(Path(value), "check --classes")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"--classes has {', '.join(twice)} twice; each class needs its own name")
    return names


def show_detections(scores: DetectionScores, csv: Path | None) -> None:
    print(tabulate([scores.summary], headers="keys", floatfmt=".2f"))
    rows = [(name, *values) for name, values in scores.per_class.items()]
    print("\n" + tabulate(rows, headers=["class", "AP", "AP50"], floatfmt=".2f"))
    if csv:
        write_scores_csv(scores, csv)
        print(f"\nwritten: {csv}")


def score_classes(arguments: argparse.Namespace) -> None:
    scores = score_predictions_csv(arguments.predictions)
    rows = [(name, *values) for name, values in scores.items()]
    print(tabulate(rows, headers=["class", "images", "top-1"], floatfmt=".2f"))


def score_masks(arguments: argparse.Namespace) -> None:
    from groupnet_det.evaluation.confusion_matrix import plot_confusion_matrix
    from groupnet_det.evaluation.label_folders import score_label_folders
    from groupnet_det.evaluation.semantic_scores import write_semantic_scores_csv

    class_names = read_classes(arguments.classes)
    ignore_label = 255 if arguments.ignore_label is None else arguments.ignore_label
    if not 0 <= ignore_label <= 255:
        raise ConfigError(f"--ignore-label is {ignore_label}; valid: 0 to 255, labels of 8 bits")
    scores = score_label_folders(
        arguments.label_maps,
        arguments.masks,
        class_names=class_names,
        ignore_label=ignore_label,
        list_file=arguments.list,
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
    "detections": score_detections,
    "voc": score_voc,
    "classes": score_classes,
    "masks": score_masks,
}
