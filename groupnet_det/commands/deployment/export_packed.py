"""Pack a trained network into one small file that runs without Detectron2."""

import sys
from collections.abc import Sequence
from pathlib import Path

from groupnet_det.analysis.precision_map import format_precision_map
from groupnet_det.commands.network_config import network_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import UserError
from groupnet_det.exporting.packed.checkpoint_export import ExportOptions, export_checkpoint
from groupnet_det.exporting.packed.summary import describe_file
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
        options = ExportOptions(
            predictors=arguments.predictors,
            float_convs=arguments.float_convs,
            calibration_images=arguments.calibration_images,
            score_threshold=arguments.score_threshold,
        )
        packed, model = export_checkpoint(cfg, options)
        output = Path(arguments.output)
        output.parent.mkdir(parents=True, exist_ok=True)
        write_packed(output, packed.program, packed.info, packed.tensors)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    print(format_precision_map(model))
    print("\n" + describe_file(packed, output.stat().st_size))
    print(f"\nwritten: {output}")
    return 0
