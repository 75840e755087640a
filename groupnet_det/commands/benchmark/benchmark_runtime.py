"""Time the packed engine side by side with other engines."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from tabulate import tabulate
from tqdm import tqdm

from groupnet_det.benchmark.engines.engine_registry import SIGNED_SIMULATION, TORCH
from groupnet_det.benchmark.engines.packed_engines import engine_isa
from groupnet_det.benchmark.measure.environment import gather_environment
from groupnet_det.benchmark.measure.table import OURS, Row, write_rows
from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.benchmark.measure.workload import LAYER_SHAPES, NetworkWorkload
from groupnet_det.benchmark.suites.core_scaling import measure_cores
from groupnet_det.benchmark.suites.file_and_startup import measure_file
from groupnet_det.benchmark.suites.model_memory import measure_memory
from groupnet_det.benchmark.suites.runtime_suites import (
    SUITES,
    Options,
    measure_item,
    model_workloads,
)
from groupnet_det.benchmark.suites.stages import measure_stages
from groupnet_det.benchmark.suites.targets import BODY_AVX2, NOT_MEASURED, targets_table
from groupnet_det.errors import UserError
from groupnet_det.files.csv_records import read_records
from groupnet_det.files.paths import results_folder
from groupnet_det.visualization.runtime_plot import plot_runtime

from . import benchmark_flags

# This command, in a process of its own.
COMMAND = ("-m", "groupnet_det", "benchmark", "runtime")
# Must be there before a library reads it, hence a process of its own.
AVX2_VARIABLES = {
    "GROUPNET_DET_ISA": "avx2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
AVX2_ENGINES = (OURS, TORCH, SIGNED_SIMULATION)  # those that heed these variables


def _measure_avx2(arguments: argparse.Namespace) -> list[Row]:
    """The rows of ``body`` in a process that is held to AVX2.

    Raises:
        UserError: It failed; its own output says why.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        command = [sys.executable, *COMMAND, "body", "--csv", str(path), "--no-plot"]
        command += ["--num-bases", *map(str, arguments.num_bases), "--engines", *AVX2_ENGINES]
        for name in ("threads", "rounds", "burst_ms", "pause_ms", "size", "width"):
            command += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
        environment = {**os.environ, **AVX2_VARIABLES}
        quiet = subprocess.DEVNULL  # the rows are printed here
        if subprocess.run(command, env=environment, stdout=quiet).returncode:
            raise UserError("the process that is held to AVX2 failed, see above")
        return [replace(row, what=BODY_AVX2) for row in read_records(path, Row, more_columns=True)]


def _measure_files(arguments: argparse.Namespace) -> list[Row]:
    """Rows of the packed file for each K."""
    return [
        row
        for k in arguments.num_bases
        for row in measure_file(
            NetworkWorkload(num_bases=k, size=arguments.size, width=arguments.width),
            arguments.threads,
            arguments.rounds,
        )
    ]


def _measure_memories(arguments: argparse.Namespace) -> list[Row]:
    """Rows of the peak memory of each model, packed and in full precision."""
    options = Options(num_bases=arguments.num_bases, threads=arguments.threads)
    return [
        row
        for workload in model_workloads(options)
        for row in measure_memory(workload, options.threads)
    ]


def _measure_suite(what: str, arguments: argparse.Namespace) -> list[Row]:
    """Rows of all items of a plan."""
    options = Options(
        num_bases=arguments.num_bases,
        threads=arguments.threads,
        size=arguments.size,
        batch=arguments.batch,
        width=arguments.width,
        shapes=arguments.shapes or LAYER_SHAPES,
        engines=arguments.engines,
    )
    schedule = _schedule(arguments)
    chosen = [item for item in SUITES[what](options) if arguments.only in item.workload.label]
    items = tqdm(chosen, desc=what, disable=None)
    return [row for item in items for row in measure_item(item, schedule)]


def _schedule(arguments: argparse.Namespace) -> Schedule:
    return Schedule(
        rounds=arguments.rounds,
        burst_seconds=arguments.burst_ms / 1000,
        pause_seconds=arguments.pause_ms / 1000,
    )


def _measure_all_stages(arguments: argparse.Namespace) -> list[Row]:
    """Rows of the stages of each model."""
    options = Options(num_bases=arguments.num_bases, threads=arguments.threads)
    workloads = tqdm(model_workloads(options), desc="stages", disable=None)
    return [
        row
        for workload in workloads
        for row in measure_stages(workload, options.threads, arguments.rounds)
    ]


def _measure_core_scaling(arguments: argparse.Namespace) -> list[Row]:
    """Rows of the model of more cores for each K."""
    return [
        row
        for k in arguments.num_bases
        for row in measure_cores(
            NetworkWorkload(num_bases=k, size=arguments.size, width=arguments.width),
            arguments.threads,
            _schedule(arguments),
        )
    ]


SPECIAL = {
    "avx2": _measure_avx2,
    "cores": _measure_core_scaling,
    "file": _measure_files,
    "stages": _measure_all_stages,
    "memory": _measure_memories,
}


def _measure_all(arguments: argparse.Namespace, environment: dict[str, str]) -> list[Row]:
    """Everything asked for; the CSV is written after each part."""
    rows: list[Row] = []
    for what in benchmark_flags.WHAT if "all" in arguments.what else arguments.what:
        special = SPECIAL.get(what)
        new = special(arguments) if special else _measure_suite(what, arguments)
        rows += new
        print(f"\n{what}\n" + tabulate([asdict(row) for row in new], headers="keys"))
        write_rows(arguments.csv, rows, environment)
    return rows


def _show_targets(rows: Sequence[Row]) -> None:
    """Print the targets that the rows can be compared with."""
    lines = targets_table(rows)
    measured = [line for line in lines if line["met"] != NOT_MEASURED]
    if measured:
        print("\nAims (AVX-512 VPOPCNTDQ, 2 threads, batch 1), and what these rows reach\n")
        print(tabulate(measured, headers="keys", disable_numparse=True))
    print(f"\n{len(lines) - len(measured)} of {len(lines)} targets were not measured in this run")


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = benchmark_flags.benchmark_runtime()
    return parser.parse_args(words)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    environment = gather_environment(
        {"isa": engine_isa(), "rounds": arguments.rounds, "machine_threads": os.cpu_count()}
    )
    arguments.csv = arguments.csv or results_folder() / "runtime/engines.csv"
    try:
        rows = _measure_all(arguments, environment)
    except UserError as error:
        sys.exit(f"error: {error}")
    _show_targets(rows)
    described = "; ".join(f"{name} {value}" for name, value in environment.items())
    print(f"\n{described}\nwritten: {arguments.csv}")
    if not arguments.no_plot:
        title = f"{environment['device']}, {environment['isa']}, {environment['date']}"
        for picture in plot_runtime(rows, arguments.csv.with_suffix(".png"), title):
            print(f"plot: {picture}")
    return 0
