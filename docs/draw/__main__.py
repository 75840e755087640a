"""Write all drawings into docs/images/drawings: ``python docs/draw``."""

from __future__ import annotations

import argparse
from pathlib import Path

import bpac
import branch
import decomposition
import detector
import gates
import path
import xnor

DRAWINGS = (decomposition, branch, gates, xnor, bpac, detector, path)
FOLDER = Path(__file__).resolve().parent.parent / "images" / "drawings"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder (%(default)s)")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    for module in DRAWINGS:
        canvas = module.draw()
        (output / f"{canvas.name}.svg").write_text(canvas.svg())


if __name__ == "__main__":
    main()
