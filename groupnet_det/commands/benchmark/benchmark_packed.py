"""Time a packed file beside its float32 twin and the trained network, on an image of the data set.

  python tools/benchmark_packed.py --config-file configs/quick/classifier_groupnet_mnist5k.yaml \
      --packed digits.gnp --json latency.json \
      MODEL.WEIGHTS output/classifier_groupnet_mnist5k/model_final.pth

All three take turns in one process, from the pixels of the first image of DATASETS.TEST to boxes,
masks, labels or the class; ``least`` and ``median`` are those of the rounds. ``packed`` runs on the
compiled engine. ``float`` is the same network in full precision with one branch under PyTorch, with
random weights; R-CNNs are made to find as many objects as the packed network. ``simulation`` is the
trained network as PyTorch evaluates it. Other engines, and layers: tools/benchmark_runtime.py.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from groupnet_det.benchmark.timing import Schedule
from groupnet_det.benchmark.trained import time_trained
from groupnet_det.config import load_config
from groupnet_det.data.registration import make_absent_datasets, register_datasets
from groupnet_det.engine.comparison_training import usable_cores
from groupnet_det.errors import ConfigError, UserError


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--packed", type=Path, required=True, help="file to time, .gnp")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="(default: all cores)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--burst-ms", type=float, default=50, help="of one side in one round")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="config KEY VALUE pairs")
    arguments = parser.parse_args(argv)
    for name in ("threads", "rounds", "burst_ms"):
        if getattr(arguments, name) <= 0:
            parser.error(f"--{name.replace('_', '-')} must be positive")
    try:
        figures = measure(arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
        print(f"written: {arguments.json}")
    return 0


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of `time_trained`.

    Raises:
        UserError: Something is absent or does not fit.
    """
    cfg = load_config(arguments.config_file, arguments.opts)
    cfg.MODEL.DEVICE = "cpu"
    cfg.freeze()
    if not cfg.DATASETS.TEST:
        raise ConfigError("DATASETS.TEST is empty; name a data set whose first image is taken")
    register_datasets(cfg)
    make_absent_datasets(cfg.DATASETS.TEST)
    schedule = Schedule(rounds=arguments.rounds, burst_seconds=arguments.burst_ms / 1000)
    return time_trained(cfg, arguments.packed, schedule=schedule, threads=arguments.threads)


def show(figures: dict[str, Any]) -> None:
    """Print the table, and what it depends on."""
    rows = [
        (name, of["least"], of["median"], figures["times_packed"].get(name, {}).get("median", 1.0))
        for name, of in figures["milliseconds"].items()
    ]
    print("\n" + tabulate(rows, headers=["", "least, ms", "median, ms", "x packed (median)"]))
    height, width = figures["image"]
    print(
        f"{figures['threads']} threads, image of {width} x {height} pixels, {figures['isa']}, "
        f"torch {figures['torch']}, {figures['device']}, {figures['date']}"
    )
