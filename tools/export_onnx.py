#!/usr/bin/env python3
"""Runs `groupnet_det.commands.deployment.export_onnx`, where the code is."""

import sys

from groupnet_det.commands.deployment.export_onnx import main

if __name__ == "__main__":
    sys.exit(main())
