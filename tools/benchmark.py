#!/usr/bin/env python3
"""Runs `groupnet-det benchmark`, whose commands are in `groupnet_det.commands.benchmark`."""

import sys

from groupnet_det.cli import main

if __name__ == "__main__":
    sys.exit(main(["benchmark", *sys.argv[1:]]))
