"""Times of a packed model and its baseline."""

import numpy as np
import pytest

from groupnet_det.web import speed_comparison
from groupnet_det.web.speed_comparison import compare

from .conftest import ONE_ROUND

PIXELS = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


@pytest.mark.parametrize("task", ["retinanet", "mask_rcnn", "panoptic", "semantic", "classifier"])
def test_a_model_and_its_baseline(monkeypatch, web_models, task):
    monkeypatch.setattr(speed_comparison, "SCHEDULE", ONE_ROUND)
    model = web_models[task]
    result = compare(model, PIXELS)
    assert result.packed_seconds > 0
    assert result.float_seconds is not None
    assert result.ratio > 0
    assert result.packed_bytes == model.path.stat().st_size
    assert result.float_bytes == model.predictor.info["sizes"]["float32_twin"]
    assert result.seen == ((32, 32) if task == "classifier" else result.seen)
    assert "threads: " in result.machine


def test_a_file_without_its_network_has_no_baseline(monkeypatch, web_models):
    monkeypatch.setattr(speed_comparison, "SCHEDULE", ONE_ROUND)
    model = web_models["classifier"]
    info = {key: value for key, value in model.predictor.info.items() if key != "network_keys"}
    monkeypatch.setattr(model.predictor, "info", info)
    monkeypatch.delitem(model.__dict__, "baseline", raising=False)
    result = compare(model, PIXELS)
    assert result.float_seconds is None
    assert result.ratio is None
    assert "export it again" in result.absence
