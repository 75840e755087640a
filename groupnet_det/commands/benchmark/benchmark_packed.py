"""Time a packed file beside its full-precision baseline and the trained network."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tabulate import tabulate

from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.benchmark.suites.trained_model import time_trained
from groupnet_det.commands.network_config import network_config
from groupnet_det.data.datasets.registration import make_missing_datasets, register_datasets
from groupnet_det.errors import ConfigError, UserError
from groupnet_det.files.output_files import check_output

from . import benchmark_flags


def main(argv: Sequence[str] | None = None) -> int:
    parser = benchmark_flags.benchmark_packed()
    arguments = parser.parse_args(argv)
    if arguments.threads is None:
        arguments.threads = torch.get_num_threads()  # as the web page does
    for name in ("threads", "rounds", "burst_ms"):
        if getattr(arguments, name) <= 0:
            parser.error(f"--{name.replace('_', '-')} must be positive")
    try:
        check_output(arguments.json, "--json")
        figures = _measure_packed_file(arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    _show_times(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
        print(f"written: {arguments.json}")
    return 0


def _measure_packed_file(arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of `time_trained`.

    Raises:
        UserError: Something is missing or does not fit.
    """
    cfg = network_config(arguments)
    cfg.MODEL.DEVICE = "cpu"
    cfg.freeze()
    if not cfg.DATASETS.TEST:
        raise ConfigError("DATASETS.TEST is empty; name a data set whose first image is taken")
    register_datasets(cfg)
    make_missing_datasets(cfg.DATASETS.TEST)
    schedule = Schedule(rounds=arguments.rounds, burst_seconds=arguments.burst_ms / 1000)
    return time_trained(cfg, Path(arguments.packed), schedule=schedule, threads=arguments.threads)


def _show_times(figures: dict[str, Any]) -> None:
    """Print the table, and what it depends on."""
    rows = [
        (name, of["least"], of["median"], figures["times_packed"].get(name, {}).get("median", 1.0))
        for name, of in figures["milliseconds"].items()
    ]
    print("\n" + tabulate(rows, headers=["", "least, ms", "median, ms", "x packed (median)"]))
    height, width = figures["image"]
    print(
        f"threads: {figures['threads']}, image of {width} x {height} pixels, {figures['isa']}, "
        f"torch {figures['torch']}, {figures['device']}, {figures['date']}; threads wait for each "
        f"other {figures['barriers']} times an image"
    )
