"""The config of the trained network that a command line names."""

import argparse
from pathlib import Path

from detectron2.config import CfgNode

from groupnet_det.checkpoint.checkpointer import read_checkpoint
from groupnet_det.checkpoint.folder import local_weights
from groupnet_det.config import load_config
from groupnet_det.inference.trained_predictor import trained_config

from .parser import WEIGHTS


def network_config(arguments: argparse.Namespace) -> CfgNode:
    """The config file that was named, else the config that ``MODEL.WEIGHTS`` carries; with the
    config keys of the command line.

    Args:
        arguments: Arguments from a parser with `CommandParser.add_network`.

    Raises:
        ConfigError: A file is missing, the checkpoint carries no config, or a key cannot be used.
        CheckpointError: The checkpoint is broken.
    """
    config, options = arguments.config_file, arguments.opts
    weights = dict(zip(options[::2], options[1::2], strict=True)).get(WEIGHTS, "")
    if config or not weights:
        return load_config(config, options)
    stored = read_checkpoint(weights) if Path(local_weights(weights)).exists() else {}
    return trained_config("", weights, options, stored)
