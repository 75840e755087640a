"""Make the photo-digits detection data set; see datasets/README.md."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from groupnet_det.data.photo_digits import PhotoDigitsOptions, prepare_photo_digits
from groupnet_det.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    defaults = PhotoDigitsOptions()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output", type=Path, help="folder (default: $DETECTRON2_DATASETS/photo_digits)"
    )
    for name, value in vars(defaults).items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=int, default=value, help="%(default)s"
        )
    arguments = vars(parser.parse_args(argv))
    root = arguments.pop("output")
    if root is None:
        from groupnet_det.data.registration import photo_digits_root

        root = photo_digits_root()
    try:
        prepare_photo_digits(root, PhotoDigitsOptions(**arguments))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"photo-digits is complete in {root}")
    return 0
