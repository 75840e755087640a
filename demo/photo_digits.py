#!/usr/bin/env python3
"""Runs `groupnet_det.commands.development.photo_digits_demo`, where the code is."""

import sys

from groupnet_det.commands.development.photo_digits_demo import main

if __name__ == "__main__":
    sys.exit(main())
