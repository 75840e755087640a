"""The measurement of a packed network beside the same one in full precision."""

import threading
from collections import Counter

import pytest

from groupnet_det.benchmark.measure import timing
from groupnet_det.benchmark.measure.timing import LEAST_RUNS, Schedule
from groupnet_det.benchmark.suites.against_float import LONG_SECONDS, speed_summary, time_in_turns

pytestmark = pytest.mark.alone

SCHEDULE = Schedule(rounds=3, burst_seconds=0.02, pause_seconds=0)


class Clock:
    """Stands in for the module ``time``: nothing takes time but what says so."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.mark.parametrize("first", [0.0, 9.0], ids=["warm", "cold"])
def test_a_long_run_has_bursts_of_one_and_a_slow_first_run_makes_none_long(monkeypatch, first):
    """A side beside another one is timed as without it: each has its own number of runs."""
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    calls: list[str] = []

    def side(name, seconds):
        def run():
            clock.sleep(seconds if name in calls else seconds + first)
            calls.append(name)

        return run

    takes = {"packed": 0.004, "float": 0.01, "simulation": 1.01 * LONG_SECONDS}
    seconds = time_in_turns({name: side(name, took) for name, took in takes.items()}, SCHEDULE)
    assert seconds == {name: pytest.approx([took] * 3) for name, took in takes.items()}
    bursts = {"packed": 5, "float": LEAST_RUNS, "simulation": 1}
    assert Counter(calls) == {name: 2 + 3 * (1 + runs) for name, runs in bursts.items()}


def test_only_the_main_thread_takes_times():
    errors = []

    def attempt():
        try:
            time_in_turns({"packed": lambda: None}, SCHEDULE)
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert errors == ["times are taken in the main thread alone"]


def test_summary_by_hand():
    seconds = {"packed": [0.001, 0.002, 0.004], "float": [0.004, 0.004, 0.004]}
    assert speed_summary(seconds) == {
        "rounds": 3,
        "milliseconds": {
            "packed": {"least": 1.0, "median": 2.0},
            "float": {"least": 4.0, "median": 4.0},
        },
        "times_packed": {"float": {"least": 4.0, "median": 2.0}},
    }
