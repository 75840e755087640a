#!/usr/bin/env python3
"""Runs `groupnet_det.commands.benchmark.benchmark_runtime`, where the code is."""

import sys

from groupnet_det.commands.benchmark.benchmark_runtime import main

if __name__ == "__main__":
    sys.exit(main())
