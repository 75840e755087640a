#!/usr/bin/env python3
"""Runs `groupnet_det.commands.training.convert_checkpoint`, where the code is."""

import sys

from groupnet_det.commands.training.convert_checkpoint import main

if __name__ == "__main__":
    sys.exit(main())
