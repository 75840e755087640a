#!/usr/bin/env python3
"""Runs `groupnet_det.commands.training.evaluate`, where the code is."""

import sys

from groupnet_det.commands.training.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
