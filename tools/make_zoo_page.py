#!/usr/bin/env python3
"""Runs `groupnet_det.commands.development.make_zoo_page`, where the code is."""

import sys

from groupnet_det.commands.development.make_zoo_page import main

if __name__ == "__main__":
    sys.exit(main())
