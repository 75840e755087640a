"""Pack a trained network into one small file that runs without Detectron2.

  python tools/export_packed.py --config-file configs/quick/classifier_groupnet_mnist5k.yaml \
      --output digits.gnp MODEL.WEIGHTS output/classifier_groupnet_mnist5k/model_final.pth

Classifiers, detectors, segmenters and Panoptic FPN. Binary weights take one bit each. What cannot
be computed with bits is listed with the reason. The last layers of all but classifiers, which are
not binary, can be given 8 bits: --predictors int8.
What is in the file: docs/packed-format.md.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from groupnet_det.analysis.precision_map import format_precision_map
from groupnet_det.config import load_config
from groupnet_det.data.registration import register_datasets
from groupnet_det.deploy.export import (
    PREDICTORS,
    export_trained,
    load_trained,
    make_predictors,
)
from groupnet_det.deploy.report import describe
from groupnet_det.deploy.samples import DEFAULT_IMAGES
from groupnet_det.errors import UserError
from groupnet_det.runtime.packed_file import write_packed


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--output", type=Path, required=True, help="file to write, .gnp")
    parser.add_argument(
        "--predictors", choices=PREDICTORS, default="float", help="the layers that are not binary"
    )
    parser.add_argument(
        "--calibration-images",
        type=int,
        default=DEFAULT_IMAGES,
        metavar="N",
        help="of --predictors int8: the first N of DATASETS.TEST (%(default)s)",
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="config KEY VALUE pairs")
    arguments = parser.parse_args(argv)
    try:
        cfg = load_config(arguments.config_file, arguments.opts)
        register_datasets(cfg)
        model, rest = load_trained(cfg)
        predictors = make_predictors(cfg, model, arguments.predictors, arguments.calibration_images)
        packed = export_trained(cfg, model, rest, predictors)
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        write_packed(arguments.output, packed.program, packed.info, packed.tensors)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    print(format_precision_map(model))
    print("\n" + describe(packed, arguments.output.stat().st_size))
    print(f"\nwritten: {arguments.output}")
    return 0
