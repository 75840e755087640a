#!/usr/bin/env python3
"""Runs `groupnet_det.commands.visualization.app`, where the code is."""

import sys

from groupnet_det.commands.visualization.app import main

if __name__ == "__main__":
    sys.exit(main())
