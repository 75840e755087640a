"""Draw Cityscapes' masks of training labels, by cityscapesscripts; see datasets/README.md.

Interrupted, it goes on where it stopped.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from groupnet_det.data.cityscapes import SPLITS, prepare_train_ids
from groupnet_det.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--root", type=Path, help="folder (default: $DETECTRON2_DATASETS/cityscapes)"
    )
    parser.add_argument("--splits", nargs="+", default=list(SPLITS), help="default: %(default)s")
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
