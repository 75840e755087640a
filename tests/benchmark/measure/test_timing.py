"""The clock: turns, ratios, and the least of a burst."""

import pytest

from groupnet_det.benchmark.measure.timing import (
    Schedule,
    alternate,
    burst_of,
    median_ratio,
    ratio_of_least,
)
from tests.benchmark.fakes import FakeClock


def test_sides_take_turns_and_each_round_starts_with_another():
    clock = FakeClock(a=1.0, b=2.0)
    bursts = {name: clock.burst(name) for name in "ab"}
    seconds = alternate(bursts, Schedule(rounds=3, pause_seconds=0))
    assert seconds == {"a": [1.0] * 3, "b": [2.0] * 3}
    first_two = 4  # calls that find the number of runs
    measured = [name for name, runs in clock.asked[first_two:] if runs > 1]
    assert "".join(measured) == "abbaab"


@pytest.mark.parametrize("parts", [1, 4])
def test_a_burst_is_the_least_of_its_runs(monkeypatch, parts):
    times = iter([0.0, 5.0, 10.0, 12.0, 20.0, 29.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    assert burst_of(lambda: None, parts=parts)(3) == 2.0 / parts


def test_ratios():
    assert ratio_of_least([3.0, 2.0], [1.0, 4.0]) == 2.0
    assert median_ratio([3.0, 2.0, 9.0], [1.0, 4.0, 3.0]) == 3.0


def test_no_side_is_no_error():
    assert alternate({}, Schedule(rounds=2)) == {}
