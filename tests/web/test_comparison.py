"""Times of a packed model and its twin."""

import numpy as np
import pytest

from groupnet_det.benchmark import timing
from groupnet_det.web import comparison
from groupnet_det.web.comparison import Comparison, compare, least_times

PIXELS = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


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
    monkeypatch.setattr(comparison, "SHORT", limit)
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    calls: list[str] = []

    def side(name, seconds):
        def run():
            calls.append(name)
            clock.sleep(seconds)

        return run

    takes = {"a": 0.004, "b": 0.012}
    seconds = least_times({name: side(name, took) for name, took in takes.items()})
    assert seconds == pytest.approx(takes)
    last = "".join(calls).rstrip("a" if calls[-1] == "a" else "b")
    assert "a" in last
    assert "b" in last
    expected = 2 * (1 + 2 + comparison.ROUNDS_OF_LONG)  # first run, two to warm up, rounds
    assert (len(calls) == expected) == (limit == 0.0)


@pytest.mark.parametrize("task", ["retinanet", "mask_rcnn", "panoptic", "semantic", "classifier"])
def test_a_model_and_its_twin(monkeypatch, web_models, task):
    monkeypatch.setattr(comparison, "SHORT", 0.0)
    model = web_models[task]
    result = compare(model, PIXELS)
    assert result.packed_seconds > 0
    assert result.float_seconds is not None
    assert result.ratio == result.float_seconds / result.packed_seconds
    assert result.packed_bytes == model.path.stat().st_size
    assert result.float_bytes == model.predictor.info["sizes"]["float32_twin"]
    assert result.seen == ((32, 32) if task == "classifier" else result.seen)
    assert "threads: " in result.machine


def test_a_file_without_its_network_has_no_twin(monkeypatch, web_models):
    monkeypatch.setattr(comparison, "SHORT", 0.0)
    model = web_models["classifier"]
    info = {key: value for key, value in model.predictor.info.items() if key != "network_keys"}
    monkeypatch.setattr(model.predictor, "info", info)
    monkeypatch.delitem(model.__dict__, "twin", raising=False)
    result = compare(model, PIXELS)
    assert result.float_seconds is None
    assert result.ratio is None
    assert "export it again" in result.absence


def test_ratio():
    given = {"packed_bytes": 1, "seen": (1, 1), "machine": ""}
    assert Comparison(packed_seconds=2.0, float_seconds=5.0, **given).ratio == 2.5
