"""Boxes and masks of R-CNNs of the C library, against `PackedPredictor`, bit for bit."""

import copy

import numpy as np
import pytest

from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.predictor import PackedPredictor
from tests.capi.library import OWN_SCORE_THRESHOLDS, LibraryError
from tests.runtime import small_detectors
from tests.runtime.engine import needs_engine
from tests.runtime.small_detectors import POOLER, REGIONS, SIZE_CODING, region_detector

from .results import assert_same, noise

SIZES = [(48, 64), (37, 51), (5, 90), (91, 7), (120, 50), (200, 263)]
PROPOSALS, STAGES, MASK = REGIONS["proposals"], REGIONS["stages"], REGIONS["mask"]
MANY = {
    "score_threshold": 0.2,
    "max_detections": -1,
    "nms_threshold": 0.9,
    "proposals": {**PROPOSALS, "pre_nms_topk": 2000, "post_nms_topk": 300},
}
OPTIONS = {
    "as it is": {},
    "many": MANY,
    "all": {**MANY, "score_threshold": -1.0, "nms_threshold": 1.0},
    "none": {"score_threshold": 0.999},
    "no regions": {"proposals": {**PROPOSALS, "post_nms_topk": 0}},
    "sigmoid": {**MANY, "score": "sigmoid"},
    "boxes alone": {**MANY, "mask": None, "max_detections": 30},
    "one stage": {**MANY, "stages": STAGES[1:]},
    "class-agnostic": {**MANY, "stages": STAGES[:1]},
    "class-agnostic NMS": {**MANY, "nms_threshold": 0.5, "class_agnostic_nms": True},
    "large regions": {"proposals": {**PROPOSALS, "min_box_size": 9.5}},
    "one level": {**MANY, "pooler": {**POOLER, "levels": ["p2"], "strides": [4]}},
    "half pixels": {**MANY, "pooler": {**POOLER, "type": "ROIAlign", "sampling_ratio": 2}},
    "few levels": {**MANY, "pooler": {**POOLER, "canonical_level": 2, "canonical_box_size": 21}},
    "other masks": {
        **MANY,
        "max_detections": 70,
        "mask": {**MASK, "threshold": 0.3, "pooler": {**POOLER, "resolution": [3, 6]}},
    },
    "distances": {**MANY, "stages": [{**STAGES[0], "box_coding": {"kind": "distances"}}]},
}


@needs_engine
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("edge", [(0, 0), (33, 45), (57, 61)], ids=str)
def test_objects_are_those_of_python(library, write_regions, options, edge):
    path = write_regions(edge, **options)
    model, predict = library.model(path), PackedPredictor(path, score_threshold=None)
    for number, size in enumerate(SIZES):
        found = library.detected(model, noise(*size), threads=1 + number % 3)
        assert_same(found, predict(noise(*size)))
    library.close(model)


@needs_engine
@pytest.mark.parametrize("thresholds", [{}, {"0": 0.3}, {"0": 0.42, "1": 0.2}], ids=str)
def test_score_thresholds_by_class(library, write_regions, thresholds):
    path = write_regions(
        (40, 0), info={"class_names": None}, **MANY, class_score_thresholds=thresholds
    )
    model, expected = library.model(path), PackedPredictor(path)(noise(50, 70))
    found = library.detected(model, noise(50, 70), score_threshold=OWN_SCORE_THRESHOLDS)
    assert_same(found, expected)
    assert set(expected.classes.tolist()) == {int(name) for name in thresholds}
    library.close(model)


@needs_engine
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.4, 1.0])
def test_the_score_threshold(library, write_regions, threshold):
    path = write_regions((40, 0), **MANY)
    model, predict = library.model(path), PackedPredictor(path, score_threshold=threshold)
    found = library.detected(model, noise(50, 70), score_threshold=threshold)
    assert_same(found, predict(noise(50, 70)))
    library.close(model)


def test_there_are_objects(library, write_regions):
    """With masks that are neither empty nor full."""
    model = library.model(write_regions(**MANY))
    boxes, _, labels, masks = library.detected(model, noise(48, 64))
    assert len(boxes) > 20
    assert set(labels.tolist()) == {0, 1}
    shares = masks.mean(axis=(1, 2))
    assert 0 < np.median(shares) < 0.9
    library.close(model)


@needs_engine
@pytest.mark.parametrize("classes", [6, 7, 8, 15, 40, 128, 299])
def test_softmax_of_many_classes(library, write_regions, monkeypatch, classes):
    """NumPy sums them in pairs of blocks."""
    monkeypatch.setattr(small_detectors, "CLASSES", classes)
    path = write_regions(info={"class_names": None}, **{**MANY, "score_threshold": 1.1 / classes})
    model, predict = library.model(path), PackedPredictor(path, score_threshold=None)
    found, expected = library.detected(model, noise(37, 51)), predict(noise(37, 51))
    assert len(expected) > 10
    assert_same(found, expected)
    library.close(model)


@needs_engine
@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("scale", [1e19, 3e38])
@pytest.mark.parametrize("output", ["anchor_deltas.p1", "objectness.p2", "deltas", "scores"])
def test_where_numbers_overflow_there_is_no_object(library, tmp_path, output, scale):
    packed = region_detector()
    program = packed.program.parts["box_0"] if output in ("deltas", "scores") else packed.program
    buffer = program.outputs[output]
    steps = [s for s in program.steps if getattr(s, "branches", None)]
    (step,) = (s for s in steps if s.branches[0].sinks.float_ == buffer)
    packed.tensors[step.branches[0].terms[0].map.scale1][:2] = scale
    info = copy.deepcopy(packed.info)
    info["postprocessing"].update(MANY)
    write_packed(tmp_path / "a.gnp", packed.program, info, packed.tensors)
    model = library.model(tmp_path / "a.gnp")
    predict = PackedPredictor(tmp_path / "a.gnp", score_threshold=None)
    for size in SIZES:
        assert_same(library.detected(model, noise(*size)), predict(noise(*size)))
    library.close(model)


def coded(**coding):
    return {"stages": [{**STAGES[0], "box_coding": {**SIZE_CODING, **coding}}]}


REFUSED = {
    "kind": ({"kind": "retinanet"}, "kind is 'retinanet'; valid: 'rcnn'"),
    "score": ({"score": "cosine"}, "score is 'cosine'; valid: 'softmax', 'sigmoid'"),
    "no stage": ({"stages": []}, "stages is empty"),
    "unknown member": ({"x": 1}, "has the unknown member 'x'"),
    "unknown part": ({"stages": [{**STAGES[0], "part": "box"}]}, "it has no part 'box'"),
    "a mask's part": (
        {"stages": [{**STAGES[0], "part": "mask"}]},
        "it has no output 'scores'",
    ),
    "class-agnostic": (
        {"stages": [{**STAGES[1], "class_agnostic": True}]},
        "its output 'deltas' has 8 channels; its postprocessing takes 4",
    ),
    "clamp": (coded(clamp=1e300), "clamp is not a float32"),
    "topk": (
        {"proposals": {**PROPOSALS, "pre_nms_topk": -1}},
        "pre_nms_topk is -1; valid: 0 to 2147483647",
    ),
    "least size": ({"proposals": {**PROPOSALS, "min_box_size": -1}}, "min_box_size is below 0"),
    "no level": ({"proposals": {**PROPOSALS, "levels": []}}, "proposals.levels is empty"),
    "type": ({"pooler": {**POOLER, "type": "RoIPool"}}, "'RoIPool'; valid: 'ROIAlignV2', 'ROIAli"),
    "strides": (
        {"pooler": {**POOLER, "strides": [2, 6]}},
        "strides are not each twice the one before",
    ),
    "a stride": ({"pooler": {**POOLER, "strides": [0, 0]}}, "strides is 0; valid: 1 to 4096"),
    "fewer strides": (
        {"pooler": {**POOLER, "strides": [2]}},
        "strides are not those of its levels",
    ),
    "no levels": (
        {"pooler": {**POOLER, "levels": [], "strides": []}},
        "strides are not those of its levels",
    ),
    "unknown level": ({"pooler": {**POOLER, "levels": ["p1", "p9"]}}, "it has no output 'p9'"),
    "resolution": ({"pooler": {**POOLER, "resolution": [4]}}, "resolution is not a pair of sizes"),
    "large resolution": (
        {"pooler": {**POOLER, "resolution": [4097, 1]}},
        "resolution is 4097; valid: 1 to 4096",
    ),
    "samples": (
        {"pooler": {**POOLER, "sampling_ratio": 5000}},
        "sampling_ratio is 5000; valid: 0 to 4096",
    ),
    "more than a pixel": (
        {"pooler": {**POOLER, "resolution": [5, 5]}},
        "part 'box_0' gives scores or deltas of more than one pixel",
    ),
    "too small": ({"pooler": {**POOLER, "resolution": [1, 1]}}, "is too small"),
    "masks": (
        {"mask": {**MASK, "class_agnostic": True}},
        "its output 'masks' has 2 channels; its postprocessing takes 1",
    ),
    "a mask's threshold": ({"mask": {**MASK, "threshold": "x"}}, "threshold is not a number"),
    "other channels": (
        {"pooler": {**POOLER, "levels": ["objectness.p1"], "strides": [2]}},
        "part 'box_0' takes 8 channels, not the 2 of the levels",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_detector(library, write_regions, name):
    options, message = REFUSED[name]
    model = library.model(write_regions(**options))
    with pytest.raises(LibraryError) as refused:
        library.detected(model, noise(48, 64))
    assert str(refused.value).startswith("the model finds no objects: ")
    assert message in str(refused.value)
    library.outputs(model, noise(48, 64))  # its network runs all the same
    library.close(model)


def test_calls_for_masks(library, write_detector, write_regions):
    image, buffer = noise(48, 64), np.zeros((48, 64), np.uint8)
    arguments = (image.ctypes.data, 48, 64, 0.0, 1, None)
    for path, has in ((write_detector(), 0), (write_regions(**MANY), 1)):
        model = library.model(path)
        found = library.detect(model, *arguments)
        number = library.num_objects(found)
        assert library.has_masks(found) == has
        for i in (-1, 0, number):
            expected = 0 if has and i == 0 else -1
            assert library.get_mask(found, i, buffer.ctypes.data, None) == expected
        assert library.get_mask(found, 0, None, None) == -1
        assert library.get_mask(None, 0, buffer.ctypes.data, None) == -1
        library.free_objects(found)
        library.close(model)
