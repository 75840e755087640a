"""A packed classifier beside its full-precision baseline and the network that it was made from."""

import json

import pytest

from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.benchmark.suites.trained_model import time_trained
from groupnet_det.runtime.backends.extension import is_built
from tests.exporting.tiny_classifier import PACKED, tiny_config

SHORT = Schedule(rounds=2, burst_seconds=1e-4, pause_seconds=0)


@pytest.mark.skipif(not is_built(), reason="the compiled engine is missing")
def test_all_three_are_timed(root, tiny_packed, datasets_env):
    cfg = tiny_config(root, tiny_packed)
    figures = time_trained(cfg, tiny_packed / PACKED, schedule=SHORT, threads=1)
    assert figures == json.loads(json.dumps(figures))
    assert figures["image"] == [32, 32]
    assert figures["barriers"] > 0
    assert set(figures["milliseconds"]) == {"packed", "float", "simulation"}
    assert all(0 < of["least"] <= of["median"] for of in figures["milliseconds"].values())
    assert set(figures["times_packed"]) == {"float", "simulation"}
