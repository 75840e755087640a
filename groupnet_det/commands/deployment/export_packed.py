"""Pack a trained network into one small file that runs without Detectron2."""

import sys
from collections.abc import Sequence
from pathlib import Path

from groupnet_det.analysis.precision_map import format_precision_map
from groupnet_det.commands.network_config import network_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import UserError
from groupnet_det.exporting.packed.summary import describe_file
from groupnet_det.exporting.packed.trained import (
    export_trained,
    load_trained,
    make_float_convs,
    make_predictors,
)
from groupnet_det.modeling.heads.class_agnostic_nms import KEY
from groupnet_det.packed.packed_file import write_packed

from . import deployment_flags


def main(argv: Sequence[str] | None = None) -> int:
    parser = deployment_flags.export_packed()
    arguments = parser.parse_args(argv)
    try:
        if arguments.class_agnostic_nms:
            arguments.opts += [KEY, "True"]
        cfg = network_config(arguments)
        register_datasets(cfg)
        model, rest = load_trained(cfg)
        images = arguments.calibration_images
        predictors = make_predictors(cfg, model, arguments.predictors, images)
        float_convs = make_float_convs(cfg, model, arguments.float_convs, images)
        packed = export_trained(
            cfg, model, rest, predictors, float_convs, arguments.score_threshold
        )
        output = Path(arguments.output)
        output.parent.mkdir(parents=True, exist_ok=True)
        write_packed(output, packed.program, packed.info, packed.tensors)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    print(format_precision_map(model))
    print("\n" + describe_file(packed, output.stat().st_size))
    print(f"\nwritten: {output}")
    return 0
