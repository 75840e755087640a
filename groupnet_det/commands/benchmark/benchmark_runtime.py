"""Time the packed engine side by side with other engines.

  python tools/benchmark_runtime.py network --rounds 15
  python tools/benchmark_runtime.py all --csv results/runtime_2026-12-01.csv
  python tools/benchmark_runtime.py layers --shapes 64@56x56 --sides ours "torch eager"

What can be measured:
  layers   3x3 convolutions, alone and fused with BN, ReLU, residual and packing. A chain of six
           with weights of their own is timed, and divided by six; ours by the engine's own clock of
           each step, which leaves out the stem that makes its bits.
  threads  Our layers with one thread, and with more.
  network  Group-Net ResNet-18 with gates, from bytes of an image to the most probable class; the
           float sides compute torchvision's ResNet-18 from the same bytes.
  body     The residual blocks of these alone.
  scaling  How the time grows: K 1 to 8, 128 to 1024 pixels, threads, images.
  avx2     body, in a process in which all sides are held to AVX2.
  file     Bytes of the packed file, and the time from the file to the first result.
  models   Detectors and a segmenter, full width, from an image to boxes or labels; the float side
           is the same network in full precision under Detectron2. ONNX Runtime's stops at raw
           outputs.
  stages   Where the time of our side of these goes, ``x`` being the share of the whole: each step
           of the engine by its own clock, and what is done around them.
  memory   What each of these takes at its peak, in a process of its own.
  all      All of these.

How it is measured: all sides of a work take turns in one process, so that what else runs on the
machine falls on all of them. In each round every side has a burst of runs, of which the least time
counts; rounds start with another side each. Before each burst is a pause: the threads of the side
before spin for some milliseconds, and would hold a core. One run of each burst is not counted.
Columns ``least`` and ``median`` are those of the rounds; ``x`` is how many times longer than ours a
side takes: by the least of all rounds, and the median of the ratios in each round. A side whose
engine is absent is listed with what to install (``pip install .[bench]``).

Weights are random, and so is what int8 is calibrated with: for the speed it makes no difference.
Networks of int8 and OpenVINO get their images as bytes too; their graphs hold the normalization.
"""

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

from groupnet_det.benchmark.aims import BODY_AVX2, NOT_MEASURED, aims_table
from groupnet_det.benchmark.facts import gather_facts
from groupnet_det.benchmark.files import measure_file
from groupnet_det.benchmark.model_memory import measure_memory
from groupnet_det.benchmark.packed_sides import engine_isa
from groupnet_det.benchmark.plans import PLANS, Options, measure, model_works
from groupnet_det.benchmark.sides import SIMULATION, TORCH
from groupnet_det.benchmark.stages import measure_stages
from groupnet_det.benchmark.table import OURS, Row, read_rows, write_rows
from groupnet_det.benchmark.timing import Schedule
from groupnet_det.benchmark.work import LAYER_SHAPES, NetworkWork
from groupnet_det.errors import UserError
from groupnet_det.project_files import results_folder
from groupnet_det.visualization.runtime import plot_runtime

WHAT = (
    "layers",
    "threads",
    "network",
    "body",
    "scaling",
    "avx2",
    "file",
    "models",
    "stages",
    "memory",
)
# This command, in a process of its own.
COMMAND = ("-m", "groupnet_det", "benchmark")
# Must be there before a library reads it, hence a process of its own.
AVX2_VARIABLES = {
    "GROUPNET_DET_ISA": "avx2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
AVX2_SIDES = (OURS, TORCH, SIMULATION)  # those that heed these variables


def measure_avx2(arguments: argparse.Namespace) -> list[Row]:
    """The rows of ``body`` in a process that is held to AVX2.

    Raises:
        UserError: It failed; its own output has told why.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        command = [sys.executable, *COMMAND, "body", "--csv", str(path), "--no-plot"]
        command += ["--num-bases", *map(str, arguments.num_bases), "--sides", *AVX2_SIDES]
        for name in ("threads", "rounds", "burst_ms", "pause_ms", "size", "width"):
            command += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
        environment = {**os.environ, **AVX2_VARIABLES}
        quiet = subprocess.DEVNULL  # the rows are printed here
        if subprocess.run(command, env=environment, stdout=quiet).returncode:
            raise UserError("the process that is held to AVX2 failed, see above")
        return [replace(row, what=BODY_AVX2) for row in read_rows(path)]


def measure_files(arguments: argparse.Namespace) -> list[Row]:
    """Rows of the packed file for each K."""
    return [
        row
        for k in arguments.num_bases
        for row in measure_file(
            NetworkWork(num_bases=k, size=arguments.size, width=arguments.width),
            arguments.threads,
            arguments.rounds,
        )
    ]


def measure_memories(arguments: argparse.Namespace) -> list[Row]:
    """Rows of the peak memory of each model, packed and in full precision."""
    options = Options(num_bases=arguments.num_bases, threads=arguments.threads)
    return [row for work in model_works(options) for row in measure_memory(work, options.threads)]


def measure_plan(what: str, arguments: argparse.Namespace) -> list[Row]:
    """Rows of all items of a plan."""
    options = Options(
        num_bases=arguments.num_bases,
        threads=arguments.threads,
        size=arguments.size,
        batch=arguments.batch,
        width=arguments.width,
        shapes=arguments.shapes,
        sides=arguments.sides,
    )
    schedule = Schedule(
        rounds=arguments.rounds,
        burst_seconds=arguments.burst_ms / 1000,
        pause_seconds=arguments.pause_ms / 1000,
    )
    items = tqdm(PLANS[what](options), desc=what, disable=None)
    return [row for item in items for row in measure(item, schedule)]


def measure_all_stages(arguments: argparse.Namespace) -> list[Row]:
    """Rows of the stages of each model."""
    options = Options(num_bases=arguments.num_bases, threads=arguments.threads)
    works = tqdm(model_works(options), desc="stages", disable=None)
    return [
        row for work in works for row in measure_stages(work, options.threads, arguments.rounds)
    ]


SPECIAL = {
    "avx2": measure_avx2,
    "file": measure_files,
    "stages": measure_all_stages,
    "memory": measure_memories,
}


def measure_all(arguments: argparse.Namespace, facts: dict[str, str]) -> list[Row]:
    """Everything asked for; the CSV is written after each part."""
    rows: list[Row] = []
    for what in WHAT if "all" in arguments.what else arguments.what:
        special = SPECIAL.get(what)
        new = special(arguments) if special else measure_plan(what, arguments)
        rows += new
        print(f"\n{what}\n" + tabulate([asdict(row) for row in new], headers="keys"))
        write_rows(arguments.csv, rows, facts)
    return rows


def show_aims(rows: Sequence[Row]) -> None:
    """Print those aims that the rows can be held against."""
    lines = aims_table(rows)
    measured = [line for line in lines if line["met"] != NOT_MEASURED]
    if measured:
        print("\nAims (AVX-512 VPOPCNTDQ, 2 threads, batch 1), and what these rows reach\n")
        print(tabulate(measured, headers="keys", disable_numparse=True))
    print(f"\n{len(lines) - len(measured)} of {len(lines)} aims were not measured in this run")


def parse_shape(word: str) -> tuple[int, int, int]:
    """``64@56x48`` -> channels, height, width."""
    try:
        channels, _, sides = word.partition("@")
        height, _, width = sides.partition("x")
        return int(channels), int(height), int(width)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is no shape such as 64@56x56") from None


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="+", choices=[*WHAT, "all"])
    parser.add_argument("--num-bases", type=int, nargs="+", default=[1, 4], help="K, one or more")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=224, help="side of the images, pixels")
    parser.add_argument("--batch", type=int, default=1, help="images, of networks")
    parser.add_argument("--width", type=float, default=1.0, help="of the binary networks")
    parser.add_argument("--shapes", type=parse_shape, nargs="+", default=LAYER_SHAPES, help="C@HxW")
    parser.add_argument("--sides", nargs="+", default=[], metavar="SIDE", help="all if absent")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--burst-ms", type=float, default=50, help="of one side in one round")
    parser.add_argument("--pause-ms", type=float, default=20, help="before each burst")
    parser.add_argument("--csv", type=Path, help="rows (default: results/runtime_DATE.csv)")
    parser.add_argument("--no-plot", action="store_true", help="no PNG beside the CSV")
    return parser.parse_args(words)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    facts = gather_facts(
        {"isa": engine_isa(), "rounds": arguments.rounds, "machine_threads": os.cpu_count()}
    )
    arguments.csv = arguments.csv or results_folder() / f"runtime_{facts['date']}.csv"
    try:
        rows = measure_all(arguments, facts)
    except UserError as error:
        sys.exit(f"error: {error}")
    show_aims(rows)
    described = "; ".join(f"{name} {value}" for name, value in facts.items())
    print(f"\n{described}\nwritten: {arguments.csv}")
    if not arguments.no_plot:
        picture = arguments.csv.with_suffix(".png")
        plot_runtime(rows, picture, f"{facts['device']}, {facts['isa']}, {facts['date']}")
        print(f"plot: {picture}")
    return 0
