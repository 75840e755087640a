"""A packed Panoptic FPN where users meet it, beside the checkpoint that it was made from."""

import numpy as np
import pytest
import torch

from groupnet_det.inference.trained_predictor import open_predictor
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.results.panoptic_segmentation import PanopticSegmentation
from groupnet_det.visualization.drawn_results import describe_result
from tests.exporting.tiny_panoptic import DIGITS, PACKED, WEIGHTS

PIXELS = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
THRESHOLD = 0.2  # of random scores

needs_engine = pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")


@pytest.mark.parametrize(
    "backend", ["reference", pytest.param("native", marks=needs_engine)], ids=str
)
def test_what_the_predictor_gives(tiny_panoptic, backend):
    predictor = PackedPredictor(tiny_panoptic / PACKED, backend=backend, score_threshold=None)
    assert predictor.task == predictor.info["task"] == "panoptic_segmentation"
    assert predictor.class_names == tuple(DIGITS)
    assert predictor.stuff_class_names == ("things", "background")
    result = predictor(PIXELS).above(THRESHOLD)
    assert isinstance(result, PanopticSegmentation)
    assert result.segment_map.shape == result.label_map.labels.shape == (90, 120)
    assert result.detections.masks.shape == (len(result.detections), 90, 120)
    ids = [info["id"] for info in result.segments_info]
    assert set(result.segment_map.unique().tolist()) <= {0, *ids}
    assert {info["isthing"] for info in result.segments_info} == {True, False}
    for info in result.segments_info:
        number = int((result.segment_map == info["id"]).sum())
        assert number > 0
        if info["isthing"]:
            own = result.detections.masks[info["instance_id"]]
            assert own[result.segment_map == info["id"]].all()
        else:
            assert info["area"] == number


@needs_engine
def test_the_maps_of_engine_and_reference_are_one(tiny_panoptic):
    native, reference = (
        PackedPredictor(tiny_panoptic / PACKED, backend=backend)
        for backend in ("native", "reference")
    )
    pixels, wanted = native.prepare(PIXELS)
    maps, expected = native.network(pixels), reference.network(pixels)
    assert set(maps) == set(expected)
    assert all(torch.equal(maps[name], expected[name]) for name in maps)
    labels = [p.predict_pixels(pixels, wanted).label_map.labels for p in (native, reference)]
    assert torch.equal(*labels)


@needs_engine
def test_the_predictor_of_all_files_opens_it(tiny_panoptic):
    result = open_predictor(tiny_panoptic / PACKED, score_threshold=THRESHOLD)(PIXELS)
    expected = PackedPredictor(tiny_panoptic / PACKED, score_threshold=None)(PIXELS)
    expected = expected.above(THRESHOLD)
    assert torch.equal(result.segment_map, expected.segment_map)
    assert result.segments_info == expected.segments_info


@needs_engine
def test_it_is_drawn_and_described_as_the_trained_network(tiny_panoptic):
    for name in (PACKED, WEIGHTS):
        result = open_predictor(tiny_panoptic / name, score_threshold=THRESHOLD)(PIXELS)
        assert isinstance(result, PanopticSegmentation)
        assert result.detections.class_names == tuple(DIGITS)
        assert result.label_map.class_names == ("things", "background")
        assert result.detections.scores.min() >= THRESHOLD
        drawn = result.plot(PIXELS)
        assert drawn.shape == PIXELS.shape
        assert np.abs(drawn.astype(int) - PIXELS).mean() > 1
        assert "other segment" in describe_result(result)
