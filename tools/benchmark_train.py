#!/usr/bin/env python3
"""Runs `groupnet_det.commands.development.benchmark_train`, where the code is."""

import sys

from groupnet_det.commands.development.benchmark_train import main

if __name__ == "__main__":
    sys.exit(main())
