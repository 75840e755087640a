"""The clock: what is compared takes turns, so that other load on the machine hits all of it."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

# From a number of runs to the least seconds of one of them.
Burst = Callable[[int], float]

LEAST_RUNS, MOST_RUNS = 3, 200


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Rounds and durations of a measurement.

    Attributes:
        rounds: In each, everything that is timed has one burst.
        burst_seconds: What a burst may take, about; at least `LEAST_RUNS` runs.
        pause_seconds: Before each burst. Threads of the burst before spin for some milliseconds in
            the hope of more work, and would take a core from the next one.
        long_seconds: What takes so long has one run a burst.
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


def alternate(bursts: Mapping[str, Burst], schedule: Schedule) -> dict[str, list[float]]:
    """Seconds of each, one value a round: the least of a burst.

    All are warmed up first. Each round starts with another one, so that none always follows the
    same one.
    """
    lengths = {name: _number_of_runs(burst, schedule) for name, burst in bursts.items()}
    seconds: dict[str, list[float]] = {name: [] for name in bursts}
    for number in range(schedule.rounds):
        for name in _turns(bursts, number):
            time.sleep(schedule.pause_seconds)
            bursts[name](1)  # wakes its threads and fills caches
            seconds[name].append(bursts[name](lengths[name]))
    return seconds


def alternate_single_runs(
    runs: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each, one run a round, for what takes long.

    As in `alternate` all are warmed up first, by two runs each, and each round starts with another
    one.
    """
    for run in runs.values():
        run()
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        for name in _turns(runs, number):
            start = time.perf_counter()
            runs[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def _turns(names: Iterable[str], number: int) -> list[str]:
    """Their order in a round."""
    order = list(names)
    first = number % len(order) if order else 0
    return [*order[first:], *order[:first]]


def _number_of_runs(burst: Burst, schedule: Schedule) -> int:
    burst(1)  # compiles, allocates
    start = time.perf_counter()
    burst(1)
    took = max(time.perf_counter() - start, 1e-9)
    if took >= schedule.long_seconds:
        return 1
    return min(max(round(schedule.burst_seconds / took), LEAST_RUNS), MOST_RUNS)


def ratio_of_least(seconds: Sequence[float], base: Sequence[float]) -> float:
    """Ratio of the shortest times of a run and of `base`."""
    return min(seconds) / min(base)


def median_ratio(seconds: Sequence[float], base: Sequence[float]) -> float:
    """Ratio of the times of a run and of `base`: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(seconds, base, strict=True))
