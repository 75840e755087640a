#!/usr/bin/env python3
"""Score saved predictions without a model.

  python tools/evaluate.py --annotations instances_val.json \
      --results output/inference/coco_instances_results.json --csv scores.csv
  python tools/evaluate.py --predictions output/inference/predictions.csv
"""

import argparse
import sys
from pathlib import Path

from tabulate import tabulate

from groupnet_det.errors import UserError
from groupnet_det.evaluation.classification_scores import score_predictions_csv
from groupnet_det.evaluation.coco_results import IOU_TYPES, score_coco_results, write_scores_csv


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--annotations", type=Path, help="COCO instances json")
    parser.add_argument("--results", type=Path, help="COCO results json")
    parser.add_argument("--iou-type", choices=list(IOU_TYPES), default="bbox")
    parser.add_argument("--csv", type=Path, help="write AP and AP50 per class to this file")
    parser.add_argument("--predictions", type=Path, help="predictions.csv of a classifier")
    arguments = parser.parse_args()
    of_detections = arguments.annotations, arguments.results, arguments.csv
    if any(of_detections) if arguments.predictions else not all(of_detections[:2]):
        parser.error("give --annotations and --results (and --csv), or --predictions alone")
    try:
        (score_classes if arguments.predictions else score_detections)(arguments)
    except UserError as error:
        sys.exit(f"error: {error}")


def score_detections(arguments: argparse.Namespace) -> None:
    scores = score_coco_results(arguments.annotations, arguments.results, arguments.iou_type)
    print(tabulate([scores.summary], headers="keys", floatfmt=".2f"))
    rows = [(name, *values) for name, values in scores.per_class.items()]
    print("\n" + tabulate(rows, headers=["class", "AP", "AP50"], floatfmt=".2f"))
    if arguments.csv:
        write_scores_csv(scores, arguments.csv)
        print(f"\nwritten: {arguments.csv}")


def score_classes(arguments: argparse.Namespace) -> None:
    scores = score_predictions_csv(arguments.predictions)
    rows = [(name, *values) for name, values in scores.items()]
    print(tabulate(rows, headers=["class", "images", "top-1"], floatfmt=".2f"))


if __name__ == "__main__":
    main()
