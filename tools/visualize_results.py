#!/usr/bin/env python3
"""Draw saved predictions beside the ground truth.

  python tools/visualize_results.py --config-file configs/... --output sheet.png

The results are those of the last evaluation in the config's OUTPUT_DIR, or ``--results``.
"""

import argparse
import sys
from pathlib import Path

from groupnet_det.config import load_config
from groupnet_det.data.check import check_datasets
from groupnet_det.data.registration import register_datasets
from groupnet_det.errors import ConfigError, UserError
from groupnet_det.evaluation.evaluators import inference_dir
from groupnet_det.visualization.predictions import render_results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--results", type=Path, help="COCO results json")
    parser.add_argument("--output", type=Path, required=True, help="PNG file")
    parser.add_argument("--num-images", type=int, default=6)
    parser.add_argument("--threshold", type=float, default=0.5, help="least score drawn")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="config KEY VALUE pairs")
    arguments = parser.parse_args()
    try:
        draw(arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(f"written: {arguments.output}")


def draw(arguments: argparse.Namespace) -> None:
    cfg = load_config(arguments.config_file, arguments.opts)
    if not cfg.DATASETS.TEST:
        raise ConfigError("DATASETS.TEST is empty; nothing to draw")
    register_datasets(cfg)
    name = cfg.DATASETS.TEST[0]
    check_datasets(cfg, [name])
    results = arguments.results or inference_dir(cfg, name) / "coco_instances_results.json"
    render_results(
        name,
        results,
        arguments.output,
        num_images=arguments.num_images,
        threshold=arguments.threshold,
    )


if __name__ == "__main__":
    main()
