"""The clock: all sides take turns, so that what else runs on the machine falls on all of them."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

# From a number of runs to the least seconds of one of them.
Burst = Callable[[int], float]

LEAST_RUNS, MOST_RUNS = 3, 200


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long is measured.

    Attributes:
        rounds: In each, every side has one burst.
        burst_seconds: What a burst may take, about; at least `LEAST_RUNS` runs.
        pause_seconds: Before each burst. Threads of the side before spin for some milliseconds in
            the hope of more work, and would take a core from the next one.
        long_seconds: A side that takes so long has one run a burst.
    """

    rounds: int = 7
    burst_seconds: float = 0.05
    pause_seconds: float = 0.02
    long_seconds: float = float("inf")


def burst_of(run: Callable[[], object], *, parts: int = 1) -> Burst:
    """The burst of a function, whose time is divided by `parts`."""

    def burst(runs: int) -> float:
        least = float("inf")
        for _ in range(runs):
            start = time.perf_counter()
            run()
            least = min(least, time.perf_counter() - start)
        return least / parts

    return burst


def alternate(sides: Mapping[str, Burst], schedule: Schedule) -> dict[str, list[float]]:
    """Seconds of each side, one value a round: the least of a burst.

    Every side is warmed up first. Each round starts with another side, so that none always follows
    the same one.
    """
    runs = {name: _number_of_runs(burst, schedule) for name, burst in sides.items()}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(schedule.rounds):
        for name in _turns(sides, number):
            time.sleep(schedule.pause_seconds)
            sides[name](1)  # wakes the side's threads and fills caches
            seconds[name].append(sides[name](runs[name]))
    return seconds


def alternate_single_runs(
    sides: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each side, one run a round, for what takes long.

    As in `alternate` every side is warmed up first, by two runs, and each round starts with another
    side.
    """
    for run in sides.values():
        run()
        run()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in _turns(sides, number):
            start = time.perf_counter()
            sides[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def _turns(sides: Iterable[str], number: int) -> list[str]:
    """The order of the sides in a round."""
    names = list(sides)
    first = number % len(names) if names else 0
    return [*names[first:], *names[:first]]


def _number_of_runs(burst: Burst, schedule: Schedule) -> int:
    burst(1)  # compiles, allocates
    start = time.perf_counter()
    burst(1)
    took = max(time.perf_counter() - start, 1e-9)
    if took >= schedule.long_seconds:
        return 1
    return min(max(round(schedule.burst_seconds / took), LEAST_RUNS), MOST_RUNS)


def ratio_of_least(seconds: Sequence[float], base: Sequence[float]) -> float:
    """How many times longer than `base`, by the least of each."""
    return min(seconds) / min(base)


def median_ratio(seconds: Sequence[float], base: Sequence[float]) -> float:
    """How many times longer than `base`: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(seconds, base, strict=True))
