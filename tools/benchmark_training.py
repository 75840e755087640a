#!/usr/bin/env python3
"""Runs `groupnet_det.commands.benchmark.benchmark_training`, where the code is."""

import sys

from groupnet_det.commands.benchmark.benchmark_training import main

if __name__ == "__main__":
    sys.exit(main())
