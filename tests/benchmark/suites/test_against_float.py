"""The measurement of a packed network beside the same one in full precision."""

import threading

import pytest

from groupnet_det.benchmark.measure import timing
from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.benchmark.suites.against_float import summary, time_in_turns

SCHEDULE = Schedule(rounds=3, burst_seconds=0.02, pause_seconds=0)


class Clock:
    """Stands in for the module ``time``: nothing takes time but what says so."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.mark.parametrize("limit", [0.0, 1.0], ids=["long", "short"])
def test_sides_take_turns(monkeypatch, limit):
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    calls: list[str] = []

    def side(name, seconds):
        def run():
            calls.append(name)
            clock.sleep(seconds)

        return run

    takes = {"a": 0.004, "b": 0.012}
    runs = {name: side(name, took) for name, took in takes.items()}
    seconds = time_in_turns(runs, SCHEDULE, long=limit)
    assert seconds == {name: pytest.approx([took] * 3) for name, took in takes.items()}
    last = "".join(calls).rstrip("a" if calls[-1] == "a" else "b")
    assert "a" in last
    assert "b" in last
    expected = 2 * (1 + 2 + SCHEDULE.rounds)  # first run, two to warm up, rounds
    assert (len(calls) == expected) == (limit == 0.0)


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
    assert summary(seconds) == {
        "rounds": 3,
        "milliseconds": {
            "packed": {"least": 1.0, "median": 2.0},
            "float": {"least": 4.0, "median": 4.0},
        },
        "times_packed": {"float": {"least": 4.0, "median": 2.0}},
    }
