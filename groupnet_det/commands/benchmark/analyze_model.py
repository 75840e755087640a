"""Cost of each layer of a network: operations, parameters, bytes, time."""

import argparse
import datetime
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode

from groupnet_det.analysis.complexity import CONVENTION
from groupnet_det.analysis.config_networks import count_layers, pack, shapes_of
from groupnet_det.analysis.cost_table import cost_summary, format_costs
from groupnet_det.analysis.forward import default_size, region_parts
from groupnet_det.analysis.latency import backbone_path, time_steps, with_latency
from groupnet_det.analysis.layer_costs import LayerCost
from groupnet_det.analysis.precision_map import count_weights
from groupnet_det.benchmark.measure.table import write_rows
from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.benchmark.suites.num_bases import (
    BasesRow,
    compare_bases,
    format_bases,
    time_bases,
)
from groupnet_det.commands.network_config import network_config
from groupnet_det.errors import UserError
from groupnet_det.machine import processor
from groupnet_det.version import __version__
from groupnet_det.visualization.layer_cost_plot import plot_layer_costs
from groupnet_det.visualization.num_bases_plot import plot_bases

from . import benchmark_flags


def analyze(cfg: CfgNode, size: tuple[int, int], arguments: argparse.Namespace) -> list[LayerCost]:
    """The rows of all layers; prints the table.

    Raises:
        UserError: The network cannot be analyzed, or not be timed.
    """
    model = shapes_of(cfg)
    if "structure" in arguments.tasks:
        print(f"{model}\n")
    rows = count_layers(cfg, size)
    if "latency" in arguments.tasks:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.gnp"
            packed = pack(cfg, path)
            parts = region_parts(model)
            steps = time_steps(path, packed, size=size, parts=parts, runs=arguments.runs)
            print(f"packed file: {path.stat().st_size:,} bytes; threads: {arguments.threads}\n")
        rows = with_latency(rows, steps, backbone_path(model))
    print(format_costs(rows, arguments.tasks))
    for name, regions in region_parts(model).items():
        print(f"{name}: counted for {regions.number} regions")
    print("\n" + cost_summary(rows, count_weights(model)))
    return rows


def _compare_numbers_of_bases(
    cfg: CfgNode, size: tuple[int, int], arguments: argparse.Namespace
) -> list[BasesRow]:
    """The rows of all K; prints the table.

    Raises:
        UserError: A network cannot be analyzed, or not be timed.
    """
    rows = compare_bases(cfg, arguments.compare_bases, size)
    if "latency" in arguments.tasks:
        rows = time_bases(cfg, rows, size, Schedule(rounds=arguments.rounds))
    print(format_bases(rows))
    return rows


def gather(arguments: argparse.Namespace, size: tuple[int, int]) -> dict[str, str]:
    """Facts that each line of the CSV has."""
    return {
        "config": " ".join(filter(None, [arguments.config_file, *arguments.opts])),
        "size": "x".join(map(str, size)),
        "threads": str(arguments.threads),
        "device": processor(),
        "torch": torch.__version__,
        "groupnet_det": __version__,
        "date": datetime.date.today().isoformat(),
    }


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = benchmark_flags.analyze_model()
    return parser.parse_args(words)


def run(arguments: argparse.Namespace) -> None:
    """
    Raises:
        UserError: The config or a flag holds what cannot work.
    """
    cfg = network_config(arguments)
    size = arguments.size or default_size(cfg, shapes_of(cfg))
    torch.set_num_threads(arguments.threads)
    environment = gather(arguments, size)
    title = ", ".join(environment[name] for name in ("config", "size", "device", "date"))
    print(f"{CONVENTION}\n\n{title}\n")
    rows: Sequence[Any] = (_compare_numbers_of_bases if arguments.compare_bases else analyze)(
        cfg, size, arguments
    )
    if arguments.plot:
        (plot_bases if arguments.compare_bases else plot_layer_costs)(rows, arguments.plot, title)
        print(f"plot: {arguments.plot}")
    if arguments.csv:
        write_rows(arguments.csv, rows, environment)
        print(f"rows: {arguments.csv}")


def main(argv: Sequence[str] | None = None) -> int:
    try:
        run(parse_arguments(argv))
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    return 0
