"""A model of a network's time on more cores than there are, from measurements on one and two.

    T(n) = rest + sum of t_i * ceil(items_i / n) / items_i + barriers * c(n)

t_i is the time of step i with one thread, which is cut into `items_i` rows of 64 channels; `rest`
is what else a run with one thread takes, and does not shrink. A barrier between two threads is
measured; c(n) = (n - 1) c(2) assumes that threads arrive one after the other at one cache line.
Nothing else of more cores is in the model: caches that they share, and clocks that fall.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from groupnet_det.benchmark.engines.packed_engines import open_exported
from groupnet_det.benchmark.measure.table import OURS, Row
from groupnet_det.benchmark.measure.timing import Schedule, alternate, burst_of
from groupnet_det.benchmark.measure.workload import NetworkWorkload
from groupnet_det.benchmark.workloads.torch_networks import network_input
from groupnet_det.packed.program import Program, Step
from groupnet_det.packed.steps.conv import Conv

CORES = (1, 2, 4, 8, 16)
MEASURED, MODEL = "cores, measured", "cores, MODEL"
WAITS = 20_000  # barriers in a row
CHANNELS_OF_AN_ITEM = 64


@dataclass(frozen=True, kw_only=True)
class CoreCosts:
    """What the model is made of; all times in seconds.

    Attributes:
        steps: Time of each step with one thread.
        items: Into how many equal parts each can be cut.
        rest: What a run takes besides the steps, with one thread.
        barriers: How often the threads of a run wait for each other.
        barrier: The time of one between two threads.
    """

    steps: Sequence[float]
    items: Sequence[int]
    rest: float
    barriers: int
    barrier: float

    def seconds(self, cores: int) -> float:
        """Of a run with a thread on each core."""
        shares = [
            time * math.ceil(items / cores) / items
            for time, items in zip(self.steps, self.items, strict=True)
        ]
        waits = self.barriers * self.barrier * (cores - 1)
        return self.rest + sum(shares) + waits


def measure_cores(workload: NetworkWorkload, threads: int, schedule: Schedule) -> list[Row]:
    """Rows of a run with 1 to `threads` threads, measured, and of the model with `CORES`.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    network, program = open_exported(workload)
    images = network_input(workload)
    measured = _measure_runs(network, images, threads, schedule)
    costs = _measure_costs(network, program, images, schedule.rounds, measured[1])
    note = f"{costs.barriers} barriers of {1e6 * costs.barrier:.2f} us between two threads"
    rows = [_row(workload, MEASURED, number, s, note) for number, s in measured.items()]
    return rows + [_row(workload, MODEL, n, costs.seconds(n), note) for n in CORES]


def _measure_runs(
    network: Any, images: torch.Tensor, threads: int, schedule: Schedule
) -> dict[int, float]:
    """The least seconds of a run by number of threads, which take turns."""

    def burst(number: int) -> Any:
        run = burst_of(lambda: network.run(images))

        def with_threads(runs: int) -> float:
            torch.set_num_threads(number)
            return run(runs)

        return with_threads

    bursts = {str(number): burst(number) for number in range(1, threads + 1)}
    return {int(name): min(seconds) for name, seconds in alternate(bursts, schedule).items()}


def _measure_costs(
    network: Any, program: Program, images: torch.Tensor, rounds: int, whole: float
) -> CoreCosts:
    """With one thread; `whole` is the time of a run."""
    torch.set_num_threads(1)
    steps = network.time_steps(images, 10 * rounds).min(dim=0).values.tolist()
    size = tuple(images.shape[:3])
    shapes = network.shapes(*size)
    barrier = torch.ops.groupnet_det.barrier_seconds
    return CoreCosts(
        steps=steps,
        items=[_num_items(step, shapes) for step in program.steps],
        rest=max(0.0, whole - sum(steps)),
        barriers=network.num_barriers(*size),
        barrier=min(barrier(2, WAITS) for _ in range(rounds)),
    )


def _num_items(step: Step, shapes: Sequence[Sequence[int]]) -> int:
    """Rows of 64 channels: of all branches, or of all together where they join; else rows."""
    _, height, _, channels = shapes[step.writes()[0]]
    if not isinstance(step, Conv):
        return height
    branches = 1 if step.join else len(step.branches)
    return branches * height * math.ceil(channels / CHANNELS_OF_AN_ITEM)


def _row(workload: NetworkWorkload, what: str, threads: int, seconds: float, note: str) -> Row:
    return Row(
        what=what,
        workload=workload.label,
        num_bases=workload.num_bases,
        batch=workload.batch,
        threads=threads,
        engine=OURS,
        least=round(1000 * seconds, 4),
        note=note,
    )
