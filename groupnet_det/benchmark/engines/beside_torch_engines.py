"""Our engine with operations of PyTorch for neighbours, as in a program that has both."""

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator

import torch

from groupnet_det.benchmark.measure.timing import Burst
from groupnet_det.benchmark.measure.workload import LayerWorkload, NetworkWorkload
from groupnet_det.benchmark.workloads.torch_networks import float_layers

from .packed_engines import make_run

Operation = Callable[[], object]
# What the neighbour computes again and again: a layer of a millisecond, in all of its threads.
NEIGHBOUR = LayerWorkload(kind="alone", channels=64, height=56, width=56, length=1)


def make_alone(workload: NetworkWorkload, threads: int) -> Burst:
    """Make the engine that the others are compared with.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    return _median_burst(make_run(workload))


def make_after(workload: NetworkWorkload, threads: int) -> Burst:
    """Before each run, this thread has PyTorch compute a layer, which is not timed.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    return _median_burst(make_run(workload), before=_neighbour())


def make_beside(workload: NetworkWorkload, threads: int) -> Burst:
    """All the time, another thread has PyTorch compute layers, in as many threads as ours.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    alone, neighbour = _median_burst(make_run(workload)), _neighbour()

    def burst(runs: int) -> float:
        with _repeated(neighbour, threads):
            return alone(runs)

    return burst


def _neighbour() -> Operation:
    layer = float_layers(NEIGHBOUR)
    shape = NEIGHBOUR.batch, NEIGHBOUR.channels, NEIGHBOUR.height, NEIGHBOUR.width
    x = torch.zeros(shape).to(memory_format=torch.channels_last)

    def run() -> object:
        with torch.inference_mode():
            return layer(x)

    return run


def _median_burst(run: Operation, before: Operation | None = None) -> Burst:
    """The median of the runs: the least is that of a lucky moment, when the neighbour slept."""

    def burst(runs: int) -> float:
        seconds = []
        for _ in range(runs):
            if before is not None:
                before()
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        return statistics.median(seconds)

    return burst


@contextlib.contextmanager
def _repeated(run: Operation, threads: int) -> Iterator[None]:
    """Another thread runs something over and over."""
    begun, over = threading.Event(), threading.Event()

    def keep_running() -> None:
        torch.set_num_threads(threads)
        while not over.is_set():
            run()
            begun.set()

    neighbour = threading.Thread(target=keep_running)
    neighbour.start()
    begun.wait()
    try:
        yield
    finally:
        over.set()
        neighbour.join()
