"""A packed Panoptic FPN where users meet it, beside the checkpoint that it was made from."""

import numpy as np
import pytest
import torch

from groupnet_det.inference.results import Segments, open_model
from groupnet_det.inference.trained_predictor import open_predictor
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.postprocessing.panoptic import PanopticSegmentation
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.visualization.drawn_results import describe_outputs, draw_outputs
from tests.exporting.tiny_panoptic import DIGITS, PACKED, WEIGHTS

PIXELS = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
THRESHOLD = 0.2  # of random scores

needs_engine = pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")


@pytest.mark.parametrize(
    "backend", ["reference", pytest.param("native", marks=needs_engine)], ids=str
)
def test_what_the_predictor_gives(tiny_panoptic, backend):
    predictor = PackedPredictor(tiny_panoptic / PACKED, backend=backend)
    assert predictor.task == predictor.info["task"] == "panoptic_segmentation"
    assert predictor.class_names == tuple(DIGITS)
    assert predictor.stuff_class_names == ("things", "background")
    answer = predictor(PIXELS).above(THRESHOLD)
    assert isinstance(answer, PanopticSegmentation)
    assert answer.segment_map.shape == answer.label_map.labels.shape == (90, 120)
    assert answer.detections.masks.shape == (len(answer.detections), 90, 120)
    ids = [info["id"] for info in answer.segments_info]
    assert set(answer.segment_map.unique().tolist()) <= {0, *ids}
    assert {info["isthing"] for info in answer.segments_info} == {True, False}
    for info in answer.segments_info:
        number = int((answer.segment_map == info["id"]).sum())
        assert number > 0
        if info["isthing"]:
            own = answer.detections.masks[info["instance_id"]]
            assert own[answer.segment_map == info["id"]].all()
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
def test_one_kind_of_answer(tiny_panoptic):
    answer = open_model(tiny_panoptic / PACKED, threshold=THRESHOLD)(PIXELS)
    assert isinstance(answer, Segments)
    expected = PackedPredictor(tiny_panoptic / PACKED)(PIXELS).above(THRESHOLD)
    assert torch.equal(answer.labels, expected.segment_map.long())
    assert [part.name for part in answer.segments] == expected.names
    for part, info in zip(answer.segments, expected.segments_info, strict=True):
        assert (part.number, part.is_object) == (info["id"], info["isthing"])
        assert part.score == info.get("score")
    assert str(answer) == str(expected)


@needs_engine
def test_it_is_drawn_and_described(tiny_panoptic):
    outputs = {}
    for name in (PACKED, WEIGHTS):
        predictor = open_predictor(
            config_file="", weights=str(tiny_panoptic / name), options=(), threshold=THRESHOLD
        )
        outputs[name] = predictor(PIXELS)
        assert predictor.looks.thing_classes == DIGITS
        assert predictor.looks.stuff_classes == ["things", "background"]
        drawn = draw_outputs(PIXELS, outputs[name], predictor.looks)
        assert drawn.shape == PIXELS.shape
        assert np.abs(drawn.astype(int) - PIXELS).mean() > 1
        assert "other segment" in describe_outputs(outputs[name], predictor.looks)
    assert set(outputs[PACKED]) == set(outputs[WEIGHTS])
    assert outputs[PACKED]["instances"].scores.min() >= THRESHOLD
