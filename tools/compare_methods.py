#!/usr/bin/env python3
"""Runs `groupnet_det.commands.training.compare_methods`, where the code is."""

import sys

from groupnet_det.commands.training.compare_methods import main

if __name__ == "__main__":
    sys.exit(main())
