"""Time training and evaluation of Group-Net's classifier against two other networks."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

import torch
from tabulate import tabulate
from tqdm import tqdm

from groupnet_det.benchmark.measure.environment import gather_environment
from groupnet_det.benchmark.measure.own_process import number_from_process
from groupnet_det.benchmark.measure.table import write_rows
from groupnet_det.benchmark.suites.classifier_steps import (
    CLASSIFIERS,
    ClassifierRow,
    ClassifierSize,
    measure_peak,
    time_classifiers,
)
from groupnet_det.errors import UserError, lookup

from . import benchmark_flags

# This command, in a process of its own.
COMMAND = ("-m", "groupnet_det", "benchmark", "classifier")


def _image_size_of(arguments: argparse.Namespace, num_bases: int) -> ClassifierSize:
    return ClassifierSize(
        num_bases=num_bases, batch=arguments.batch, size=arguments.size, width=arguments.width
    )


def peak_in_process(network: str, size: ClassifierSize, threads: int) -> float:
    """`measure_peak` in a process of its own.

    Raises:
        UserError: It failed.
    """
    words = [*COMMAND, "--memory-of", network, "--threads", str(threads)]
    for name, value in asdict(size).items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return number_from_process(words)


def _measure_rounds(arguments: argparse.Namespace) -> list[ClassifierRow]:
    """The rows of all K.

    Raises:
        UserError: The plain loop is missing, or a process failed.
    """
    rows: list[ClassifierRow] = []
    for num_bases in tqdm(arguments.num_bases, desc="K", disable=None):
        size = _image_size_of(arguments, num_bases)
        peaks = {name: peak_in_process(name, size, arguments.threads) for name in CLASSIFIERS}
        rows += time_classifiers(size, arguments.rounds, peaks)
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    arguments = benchmark_flags.benchmark_classifier().parse_args(argv)
    torch.set_num_threads(arguments.threads)
    try:
        if arguments.memory_of:
            lookup(CLASSIFIERS, arguments.memory_of, "--memory-of")
            print(
                measure_peak(arguments.memory_of, _image_size_of(arguments, arguments.num_bases[0]))
            )
            return 0
        names = ("batch", "size", "width", "threads", "rounds")
        environment = gather_environment({name: getattr(arguments, name) for name in names})
        rows = _measure_rounds(arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(tabulate([asdict(row) for row in rows], headers="keys"))
    print("; ".join(f"{name} {value}" for name, value in environment.items()))
    if arguments.csv:
        write_rows(arguments.csv, rows, environment)
        print(f"written: {arguments.csv}")
    return 0
