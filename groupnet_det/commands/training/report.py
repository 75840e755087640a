"""Make one HTML page of a training: scores, curves, pictures, what its network is and costs.

  python tools/report.py output/retinanet_groupnet_photo_digits

The page, OUTPUT_DIR/report.html, needs no other file and no network. What it shows lies in
OUTPUT_DIR already; where something is absent, the page names the command that makes it. Training
makes the page at its end with ``tools/train_net.py --report``. What is on it: docs/report.md.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from groupnet_det.errors import UserError
from groupnet_det.report.page import write_report


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output_dir", type=Path, help="OUTPUT_DIR of a training")
    arguments = parser.parse_args(argv)
    logging.disable(logging.INFO)
    try:
        print(f"written: {write_report(arguments.output_dir)}")
    except UserError as error:
        sys.exit(f"error: {error}")
    return 0
