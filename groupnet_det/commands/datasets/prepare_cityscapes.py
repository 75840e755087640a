"""Draw Cityscapes' masks of training labels, by cityscapesscripts; see datasets/README.md."""

import sys
from collections.abc import Sequence

from groupnet_det.data.datasets.cityscapes_masks import prepare_train_ids
from groupnet_det.errors import UserError

from . import datasets_flags


def main(argv: Sequence[str] | None = None) -> int:
    parser = datasets_flags.prepare_cityscapes()
    arguments = parser.parse_args(argv)
    root = arguments.root
    if root is None:
        from groupnet_det.data.catalog import datasets_root

        root = datasets_root() / "cityscapes"
    try:
        number = prepare_train_ids(root, tuple(arguments.splits))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"cityscapes is complete in {root}: {number} masks")
    return 0
