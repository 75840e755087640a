"""Draw saved detections beside the ground truth, one drawing for each image; the flags are those of
Detectron2's tool."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from detectron2.data import MetadataCatalog
from tqdm import tqdm

from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import make_missing_datasets, register_datasets
from groupnet_det.errors import ConfigError, UserError
from groupnet_det.inference.image_files import files_in_folder, save_drawing
from groupnet_det.visualization.dataset_samples import load_records
from groupnet_det.visualization.prediction_sheets import draw_pair, load_results

from . import visualization_flags


def _draw_saved(arguments: argparse.Namespace) -> int:
    """Draw each image with results; returns how many could not be drawn.

    Raises:
        UserError: Nothing can be drawn.
    """
    name = arguments.dataset
    cfg = load_config(arguments.config_file, [*arguments.opts, "DATASETS.TEST", f"['{name}']"])
    results = load_results(arguments.results)
    register_datasets(cfg)
    make_missing_datasets([name])
    records = load_records(name)
    metadata = MetadataCatalog.get(name)
    if not metadata.get("thing_classes"):
        raise ConfigError(f"data set {name!r} is not for detection; see visualize_results.py")
    failed = 0
    used: set[str] = set()
    for record in tqdm(records, unit="image", disable=None):
        found = results.get(record["image_id"], [])
        if not any(result["score"] >= arguments.score_threshold for result in found):
            continue
        try:
            pair = draw_pair(
                record,
                found,
                metadata,
                results_file=arguments.results,
                threshold=arguments.score_threshold,
            )
            (target,) = files_in_folder([Path(record["file_name"])], arguments.output, used)
            save_drawing(np.asarray(pair), target)
        except UserError as error:
            tqdm.write(f"error: {error}", file=sys.stderr)
            failed += 1
    return failed


def main(argv: Sequence[str] | None = None) -> int:
    parser = visualization_flags.visualize_json_results()
    arguments = parser.parse_args(argv)
    try:
        failed = _draw_saved(arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(f"written into {arguments.output}")
    return 1 if failed else 0
