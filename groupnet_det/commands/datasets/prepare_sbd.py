"""Make VOC 2012's "trainaug" of VOC and SBD, 10,582 masks; see datasets/README.md.

Interrupted, it goes on where it stopped.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from groupnet_det.data.sbd import NUM_TRAINAUG, prepare_trainaug
from groupnet_det.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sbd", type=Path, required=True, help="SBD's folder with cls/, train.txt and val.txt"
    )
    parser.add_argument("--voc", type=Path, help="folder (default: $DETECTRON2_DATASETS/VOC2012)")
    arguments = parser.parse_args(argv)
    voc = arguments.voc
    if voc is None:
        from groupnet_det.data.semantic_registration import voc_root

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
