#!/usr/bin/env python3
"""Runs ``groupnet_det/commands/install_detectron2.py``, before anything else is installed."""

import runpy
from pathlib import Path

COMMAND = Path(__file__).resolve().parent.parent / "groupnet_det/commands/install_detectron2.py"

if __name__ == "__main__":
    runpy.run_path(str(COMMAND), run_name="__main__")
