#!/usr/bin/env python3
"""Runs `groupnet_det.commands.visualization.visualize_json_results`, where the code is."""

import sys

from groupnet_det.commands.visualization.visualize_json_results import main

if __name__ == "__main__":
    sys.exit(main())
