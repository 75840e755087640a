"""Make the photo-digits detection data set; see datasets/README.md."""

import sys
from collections.abc import Sequence

from groupnet_det.data.datasets.photo_digits import PhotoDigitsOptions, prepare_photo_digits
from groupnet_det.errors import UserError

from . import datasets_flags


def main(argv: Sequence[str] | None = None) -> int:
    parser = datasets_flags.prepare_photo_digits()
    arguments = vars(parser.parse_args(argv))
    root = arguments.pop("output")
    if root is None:
        from groupnet_det.data.datasets.registration import photo_digits_root

        root = photo_digits_root()
    try:
        prepare_photo_digits(root, PhotoDigitsOptions(**arguments))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"photo-digits is complete in {root}")
    return 0
