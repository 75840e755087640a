#!/usr/bin/env python3
"""Runs `groupnet_det.commands.development.train_zoo`, where the code is."""

import sys

from groupnet_det.commands.development.train_zoo import main

if __name__ == "__main__":
    sys.exit(main())
