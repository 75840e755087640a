#!/usr/bin/env python3
"""Runs `groupnet_det.commands.visualization.visualize_data`, where the code is."""

import sys

from groupnet_det.commands.visualization.visualize_data import main

if __name__ == "__main__":
    sys.exit(main())
