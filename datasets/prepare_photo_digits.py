#!/usr/bin/env python3
"""Runs `groupnet_det.commands.datasets.prepare_photo_digits`, where the code is."""

import sys

from groupnet_det.commands.datasets.prepare_photo_digits import main

if __name__ == "__main__":
    sys.exit(main())
