"""Make VOC 2012's "trainaug" of VOC and SBD, 10,582 masks; see datasets/README.md."""

import sys
from collections.abc import Sequence

from groupnet_det.data.datasets.sbd import NUM_TRAINAUG, prepare_trainaug
from groupnet_det.errors import UserError

from . import datasets_flags


def main(argv: Sequence[str] | None = None) -> int:
    parser = datasets_flags.prepare_sbd()
    arguments = parser.parse_args(argv)
    voc = arguments.voc
    if voc is None:
        from groupnet_det.data.datasets.semantic_registration import voc_root

        voc = voc_root()
    try:
        number = prepare_trainaug(voc, arguments.sbd)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"trainaug is complete in {voc}: {number} images")
    if number != NUM_TRAINAUG:
        print(f"warning: of all of VOC and SBD there are {NUM_TRAINAUG}", file=sys.stderr)
    return 0
