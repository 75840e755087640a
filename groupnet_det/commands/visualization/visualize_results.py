"""Draw saved predictions beside the ground truth, and the curves of the training."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog

from groupnet_det.commands.network_config import network_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import ConfigError, UserError, lookup
from groupnet_det.evaluation.evaluators import inference_dir
from groupnet_det.evaluation.saved.classification_scores import read_predictions_csv
from groupnet_det.evaluation.semantic_evaluator import LABEL_MAPS
from groupnet_det.files.output_files import IMAGE_SUFFIXES, PLOTS, check_output
from groupnet_det.visualization.class_sheets import render_classes
from groupnet_det.visualization.label_map_images import render_label_maps
from groupnet_det.visualization.prediction_sheets import render_results
from groupnet_det.visualization.training_curves import plot_training_curves

from . import visualization_flags


def main(argv: Sequence[str] | None = None) -> int:
    parser = visualization_flags.visualize_results()
    arguments = parser.parse_args(argv)
    if not (arguments.output or arguments.curves):
        parser.error("name a file to write: --output or --curves")
    try:
        check_output(arguments.output, "--output", IMAGE_SUFFIXES)
        check_output(arguments.curves, "--curves", PLOTS)
        cfg = network_config(arguments)
        if arguments.output:
            _draw_predictions(cfg, arguments)
        if arguments.curves:
            metrics = Path(cfg.OUTPUT_DIR) / "metrics.json"
            plot_training_curves([metrics], arguments.curves, title=cfg.OUTPUT_DIR)
    except UserError as error:
        sys.exit(f"error: {error}")
    for path in filter(None, (arguments.output, arguments.curves)):
        print(f"written: {path}")
    return 0


def _draw_detections(name: str, results_dir: Path, arguments: argparse.Namespace) -> None:
    render_results(
        name,
        arguments.results or results_dir / "coco_instances_results.json",
        arguments.output,
        num_images=arguments.num_images,
        threshold=arguments.score_threshold,
    )


def _draw_classes(name: str, results_dir: Path, arguments: argparse.Namespace) -> None:
    rows = read_predictions_csv(arguments.results or results_dir / "predictions.csv")
    render_classes(rows, arguments.output, num_images=arguments.num_images)


def _draw_masks(name: str, results_dir: Path, arguments: argparse.Namespace) -> None:
    label_maps = arguments.results or results_dir / LABEL_MAPS
    render_label_maps(name, label_maps, arguments.output, num_images=arguments.num_images)


# Sheets by the data set's ``evaluator_type``.
DRAWERS = {
    **dict.fromkeys(("coco", "coco_panoptic_seg", "pascal_voc"), _draw_detections),
    "classification": _draw_classes,
    **dict.fromkeys(("sem_seg", "cityscapes_sem_seg"), _draw_masks),
}


def _draw_predictions(cfg: CfgNode, arguments: argparse.Namespace) -> None:
    if not cfg.DATASETS.TEST:
        raise ConfigError("DATASETS.TEST is empty; nothing to draw")
    register_datasets(cfg)
    name = cfg.DATASETS.TEST[0]
    check_datasets(cfg, [name])
    evaluator_type = MetadataCatalog.get(name).get("evaluator_type", "coco")
    draw = lookup(DRAWERS, evaluator_type, f"evaluator type of data set {name!r}")
    draw(name, inference_dir(cfg, name), arguments)
