"""Make one HTML page of a training: scores, curves, images, structure and costs of its network."""

import logging
import sys
from collections.abc import Sequence

from groupnet_det.errors import UserError
from groupnet_det.report.report_page import write_report

from . import training_flags


def main(argv: Sequence[str] | None = None) -> int:
    parser = training_flags.report()
    arguments = parser.parse_args(argv)
    logging.disable(logging.INFO)
    try:
        print(f"written: {write_report(arguments.output_dir, baseline=arguments.baseline)}")
    except UserError as error:
        sys.exit(f"error: {error}")
    return 0
