#!/usr/bin/env python3
"""Score saved predictions without a model.

  python tools/evaluate.py --annotations instances_val.json \
      --results output/inference/coco_instances_results.json --csv scores.csv
"""

import argparse
import sys
from pathlib import Path

from tabulate import tabulate

from groupnet_det.errors import UserError
from groupnet_det.evaluation.coco_results import IOU_TYPES, score_coco_results, write_scores_csv


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--annotations", type=Path, required=True, help="COCO instances json")
    parser.add_argument("--results", type=Path, required=True, help="COCO results json")
    parser.add_argument("--iou-type", choices=list(IOU_TYPES), default="bbox")
    parser.add_argument("--csv", type=Path, help="write AP and AP50 per class to this file")
    arguments = parser.parse_args()
    try:
        scores = score_coco_results(arguments.annotations, arguments.results, arguments.iou_type)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(tabulate([scores.summary], headers="keys", floatfmt=".2f"))
    rows = [(name, *values) for name, values in scores.per_class.items()]
    print("\n" + tabulate(rows, headers=["class", "AP", "AP50"], floatfmt=".2f"))
    if arguments.csv:
        write_scores_csv(scores, arguments.csv)
        print(f"\nwritten: {arguments.csv}")


if __name__ == "__main__":
    main()
