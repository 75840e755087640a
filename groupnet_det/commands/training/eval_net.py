"""Evaluate a trained network, or a packed file, on ``DATASETS.TEST``."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from groupnet_det.commands.network_config import network_config
from groupnet_det.commands.parser import WEIGHTS
from groupnet_det.errors import ConfigError, UserError
from groupnet_det.inference.packed_model import is_packed

from . import training_flags
from .train_net import start


def main(argv: Sequence[str] | None = None) -> int:
    arguments = training_flags.eval_net().parse_args(argv)
    arguments.eval_only, arguments.report = True, False
    try:
        if arguments.config_file:
            start(arguments)
            return 0
        weights = arguments.opts[arguments.opts.index(WEIGHTS) + 1]
        if is_packed(weights):
            raise ConfigError(
                f"{weights} is a packed file, which names no data sets; name the config too: "
                f"FILE.yaml {weights}"
            )
        with tempfile.TemporaryDirectory() as folder:  # the config that the checkpoint carries
            path = Path(folder) / "config.yaml"
            path.write_text(network_config(arguments).dump())
            arguments.config_file = str(path)
            start(arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    return 0
