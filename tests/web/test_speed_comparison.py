"""Times of a packed model and its baseline."""

import numpy as np
import pytest

from groupnet_det.web import int8_baseline, speed_comparison
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


@pytest.mark.parametrize("task", ["retinanet", "semantic", "classifier"])
def test_int_8(monkeypatch, web_models, task):
    if not int8_baseline.is_installed():
        pytest.skip("OpenVINO or an ONNX package is not installed")
    monkeypatch.setattr(speed_comparison, "SCHEDULE", ONE_ROUND)
    model = web_models[task]
    result = compare(model, PIXELS, int8=True)
    assert result.int8_absence == ""
    assert result.int8_seconds > 0
    assert result.int8_ratio > 0
    graph = model.int8._graph
    compare(model, PIXELS[:64], int8=True)  # another size, the same graph
    assert model.int8._graph is graph
    assert compare(model, PIXELS).int8_seconds is None


def test_without_an_export_there_is_no_int8(monkeypatch, web_models):
    monkeypatch.setattr(speed_comparison, "SCHEDULE", ONE_ROUND)
    result = compare(web_models["mask_rcnn"], PIXELS, int8=True)
    assert result.int8_seconds is None
    assert result.float_seconds > 0
    assert result.int8_absence
