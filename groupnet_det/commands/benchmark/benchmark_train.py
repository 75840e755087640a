"""Time a training iteration of configs against that of their full-precision baselines."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from detectron2.config import CfgNode
from tabulate import tabulate
from tqdm import tqdm

from groupnet_det.analysis.memory import peak_mib
from groupnet_det.benchmark.measure.environment import gather_environment
from groupnet_det.benchmark.measure.own_process import number_from_process
from groupnet_det.benchmark.measure.table import write_rows
from groupnet_det.benchmark.measure.timing import alternate_single_runs
from groupnet_det.benchmark.suites.training_steps import NETWORKS, TrainingRow, size_of, step_row
from groupnet_det.config import load_config
from groupnet_det.engine.memory.random_steps import BatchSize, TrainingSteps
from groupnet_det.errors import ConfigError, UserError
from groupnet_det.files.paths import results_folder

from . import benchmark_flags

# This command, in a process of its own.
COMMAND = ("-m", "groupnet_det", "benchmark", "train")
MEMORY_STEPS = 3


def _read_config(path: str, arguments: argparse.Namespace) -> CfgNode:
    """
    Raises:
        ConfigError: It cannot be read, or is itself a baseline.
    """
    cfg = load_config(path, ["MODEL.DEVICE", arguments.device, *arguments.opts])
    if cfg.MODEL.GROUPNET.METHOD == "float":
        raise ConfigError(f"{path} is full-precision itself; name the binary config")
    cfg.freeze()
    return cfg


def batch_size(cfg: CfgNode, arguments: argparse.Namespace) -> BatchSize:
    height, width = arguments.size
    return size_of(cfg, num_images=arguments.batch, height=height, width=width)


def _measure_step_memory(path: str, arguments: argparse.Namespace) -> float:
    """MiB that this process grows by, at most, in some steps of ``--memory-of``."""
    cfg = _read_config(path, arguments)
    device = torch.device(cfg.MODEL.DEVICE)
    before = peak_mib(device)
    steps = TrainingSteps(NETWORKS[arguments.memory_of](cfg), batch_size(cfg, arguments))
    for _ in range(MEMORY_STEPS):
        steps()
    return peak_mib(device) - before


def _memory_in_process(path: str, network: str, arguments: argparse.Namespace) -> float:
    """`_measure_step_memory` in a process of its own.

    Raises:
        UserError: It failed, such as for want of memory.
    """
    height, width = arguments.size
    command = [*COMMAND, path, "--memory-of", network]
    for name in ("batch", "threads", "device"):
        command += [f"--{name}", str(getattr(arguments, name))]
    command += [*(("--size", f"{height}x{width}") if height else ()), "--opts", *arguments.opts]
    try:
        return number_from_process(command)
    except UserError as error:
        raise UserError(
            f"{path}: the process that measures memory ({network}) failed: {error}"
        ) from error


def _measure_steps(path: str, arguments: argparse.Namespace) -> TrainingRow:
    """The row of a config."""
    cfg = _read_config(path, arguments)
    size = batch_size(cfg, arguments)
    networks = {name: TrainingSteps(make(cfg), size) for name, make in NETWORKS.items()}
    seconds = alternate_single_runs(networks, arguments.rounds)
    del networks
    memory = {}
    if not arguments.no_memory:
        memory = {name: _memory_in_process(path, name, arguments) for name in NETWORKS}
    return step_row(_name_of(path), size, seconds, memory)


def _name_of(path: str) -> str:
    """Such as ``quick/retinanet_groupnet_photo_digits``."""
    return "/".join(Path(path).with_suffix("").parts[-2:])


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = benchmark_flags.benchmark_train()
    return parser.parse_args(words)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    arguments.device = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(arguments.threads)
    try:
        if arguments.memory_of:
            print(_measure_step_memory(arguments.configs[0], arguments))
            return 0
        environment = _describe_run(arguments)
        arguments.csv = arguments.csv or results_folder() / "training/configs.csv"
        rows: list[TrainingRow] = []
        for path in tqdm(arguments.configs, desc="configs", disable=None):
            rows.append(_measure_steps(path, arguments))
            write_rows(arguments.csv, rows, environment)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(tabulate([asdict(row) for row in rows], headers="keys"))
    print("; ".join(f"{name} {value}" for name, value in environment.items()))
    print(f"written: {arguments.csv}")
    return 0


def _describe_run(arguments: argparse.Namespace) -> dict[str, str]:
    environment = gather_environment(
        {
            "threads": arguments.threads,
            "rounds": arguments.rounds,
            "options": " ".join(arguments.opts),
        }
    )
    if arguments.device.startswith("cuda"):
        environment["device"] = torch.cuda.get_device_name(arguments.device)
    return environment
