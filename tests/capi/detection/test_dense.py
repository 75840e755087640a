"""Boxes of dense detectors of the C library, against `PackedPredictor`, bit for bit."""

import numpy as np
import pytest

from groupnet_det.errors import DataError
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.predictor import PackedPredictor
from tests.capi.library import OWN_SCORE_THRESHOLDS, LibraryError
from tests.runtime.engine import needs_engine
from tests.runtime.small_detectors import DENSE, dense_detector, region_detector

from .results import assert_same, noise

# (height, width): odd and even, far from square, larger and smaller than what is prepared.
SIZES = [(48, 64), (37, 51), (4, 4), (5, 90), (91, 7), (120, 50), (200, 263)]
EDGES = [(0, 0), (40, 0), (33, 45), (57, 61)]
DISTANCES = {"box_coding": {"kind": "distances"}}
MANY = {"topk": 3000, "max_detections": -1, "score_threshold": 0.2}
OPTIONS = {
    "as it is": {},
    "distances": DISTANCES,
    "many": MANY,
    "many that overlap": {**MANY, **DISTANCES, "nms_threshold": 0.9},
    "all": {**MANY, "score_threshold": -1.0, "nms_threshold": 1.0},
    "few": {"topk": 3, "max_detections": 2},
    "none": {"topk": 0},
    "no detections": {"max_detections": 0},
    "above everything": {"score_threshold": 2.0},
    "a high threshold": {"score_threshold": 0.7, "max_detections": 100},
    "one level": {"levels": ["p2"], "max_detections": 100},
    "a level twice": {"levels": ["p2", "p1", "p2"], "max_detections": 100},
    "no overlap": {"nms_threshold": 0.0, "max_detections": 100},
    "class-agnostic NMS": {"class_agnostic_nms": True, "max_detections": 100},
    "class-agnostic NMS of many": {**MANY, **DISTANCES, "class_agnostic_nms": True},
    "a clamp": {
        "box_coding": {"kind": "size", "weights": [1, 2.5, -0.3, 0.1], "clamp": 0.25},
        **MANY,
    },
}


@needs_engine
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("centerness", [True, False], ids=["fcos", "retinanet"])
def test_boxes_are_those_of_python(library, write_detector, options, centerness):
    for edge in EDGES:
        path = write_detector(edge, centerness=centerness, **options)
        model, predict = library.model(path), PackedPredictor(path, score_threshold=None)
        for number, size in enumerate(SIZES):
            found = library.detected(model, noise(*size), threads=1 + number % 3)
            assert_same(found, predict(noise(*size)))
        library.close(model)


@needs_engine
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.55, 1.0])
def test_the_score_threshold(library, write_detector, threshold):
    path = write_detector((40, 0), **MANY)
    model, predict = library.model(path), PackedPredictor(path, score_threshold=threshold)
    expected = predict(noise(50, 70))
    found = library.detected(model, noise(50, 70), score_threshold=threshold)
    assert_same(found, expected)
    library.close(model)


# Of a file with the classes cat and dog.
BY_CLASS = {
    "none": {},
    "both": {"cat": 0.45, "dog": 0.55},
    "one, the other with the default": {"dog": 0.55},
    "all objects of a class": {"cat": 0},
    "no object of a class": {"cat": 1.0, "dog": 0.3},
}


@needs_engine
@pytest.mark.parametrize("thresholds", BY_CLASS.values(), ids=BY_CLASS)
def test_score_thresholds_by_class(library, write_detector, thresholds):
    names = {"class_names": ["cat", "dog"]}
    path = write_detector((40, 0), info=names, **MANY, class_score_thresholds=thresholds)
    model, image = library.model(path), noise(50, 70)
    found = library.detected(model, image, score_threshold=OWN_SCORE_THRESHOLDS)
    assert_same(found, PackedPredictor(path)(image))
    everything = library.detected(model, image)  # a number of the caller is for all classes
    assert_same(everything, PackedPredictor(path, score_threshold=0.0)(image))
    assert len(everything[0]) > len(found[0])
    library.close(model)


def test_there_are_objects(library, write_detector):
    """Of more classes than one, more than a thousand before suppression: the tests see both
    ways."""
    model = library.model(write_detector(**OPTIONS["all"]))
    boxes, scores, labels, masks = library.detected(model, noise(48, 64))
    assert masks is None
    assert len(boxes) > 1000
    assert set(labels.tolist()) == {0, 1}
    assert (np.diff(scores) <= 0).all()
    assert boxes.min() >= 0
    assert (boxes.max(axis=0) <= [64, 48, 64, 48]).all()
    library.close(model)


@needs_engine
def test_names_of_classes(library, write_detector):
    for names, expected in ((None, ["0", "1"]), (["cat", "dog"], ["cat", "dog"])):
        model = library.model(write_detector(info={"class_names": names}))
        found = [library.class_name(model, i).decode() for i in range(library.num_classes(model))]
        assert found == expected
        library.close(model)


def changed(**members):
    return {**DENSE, **members}


ANCHORS = DENSE["anchors"]
REFUSED = {
    "no detector": (
        {"task": "classify"},
        "its task is 'classify'; valid: 'detection', 'instance_segmentation'",
    ),
    "no postprocessing": ({"postprocessing": None}, "postprocessing"),
    "kind": (changed(kind="yolo"), "kind is 'yolo'; valid: 'retinanet', 'fcos', 'rcnn'"),
    "task": ({"task": "instance_segmentation"}, "kind is 'fcos'; valid: 'rcnn'"),
    "score": (changed(score="x\n"), r"score is 'x\\x0a'; valid: 'sigmoid', 'sigmoid_centerness'"),
    "no level": (changed(levels=[]), "levels is empty"),
    "unknown level": (changed(levels=["p9"]), "the level 'p9' has no anchors"),
    "levels": (changed(levels="p1"), "levels is not a list"),
    "topk": (changed(topk=-1), "topk is -1; valid: 0 to 2147483647"),
    "topk as a fraction": (changed(topk=1.5), "topk is not a whole number"),
    "threshold": (changed(score_threshold="0"), "score_threshold is not a number"),
    "unknown member": (changed(**{"x" * 999: 1}), r"unknown member 'x+\.\.\.'"),
    "a threshold of no class": (
        changed(class_score_thresholds={"cow": 0.5}),
        "have 'cow', which is none of its classes",
    ),
    "coding": (changed(box_coding={"kind": "corners"}), "'corners'; valid: 'size', 'distances'"),
    "weights": (
        changed(box_coding={"kind": "size", "weights": [1, 2, 0, 3], "clamp": 1}),
        "weights are not four, none of them 0",
    ),
    "clamp": (
        changed(box_coding={"kind": "size", "weights": [1, 1, 1, 1], "clamp": 1e39}),
        "clamp is not a float32",
    ),
    "cells": (
        changed(anchors={**ANCHORS, "cells": {**ANCHORS["cells"], "p1": [[1, 2, 3]]}}),
        "cells are not of four numbers each",
    ),
    "no cells": (
        changed(anchors={**ANCHORS, "cells": {**ANCHORS["cells"], "p1": []}}),
        "cells has a level without anchors",
    ),
    "other cells": (
        changed(anchors={**ANCHORS, "cells": {**ANCHORS["cells"], "p1": [[0, 0, 1, 1]]}}),
        "its output 'deltas.p1' has 8 channels; its postprocessing takes 4",
    ),
    "strides": (changed(anchors={**ANCHORS, "strides": {"p1": 2}}), "strides"),
    "a stride of 0": (
        changed(anchors={**ANCHORS, "strides": {"p1": 2, "p2": 0}}),
        "strides is 0; valid: 1 to 4096",
    ),
    "more strides": (
        changed(anchors={**ANCHORS, "strides": {"p1": 2, "p2": 4, "p3": 8}}),
        "strides are not those of its cells",
    ),
    "names": ({"class_names": ["a"]}, "it has 1 class_names for 2 classes"),
    "preprocessing": (
        {"preprocessing": {"kind": "classification", "resize": 9, "crop": 9, "format": "RGB"}},
        "its preprocessing is for classifiers",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_detector(library, write_detector, name):
    members, message = REFUSED[name]
    info = {"postprocessing": members} if "kind" in members else members
    model = library.model(write_detector(info=info))
    with pytest.raises(LibraryError, match=f"^the model finds no objects: .*{message}"):
        library.detected(model, noise(9, 9))
    assert library.check_detect(model, None) == -1
    library.outputs(model, noise(9, 9))  # its network runs all the same
    library.close(model)


def test_a_level_without_its_map(library, tmp_path):
    packed = region_detector()
    info = {**packed.info, "task": "detection", "postprocessing": DENSE}
    write_packed(tmp_path / "a.gnp", packed.program, info, packed.tensors)
    model = library.model(tmp_path / "a.gnp")
    with pytest.raises(LibraryError, match=r"it has no output 'deltas\.p1'"):
        library.detected(model, noise(9, 9))
    library.close(model)


def test_bad_calls(library, write_detector):
    model = library.model(write_detector())
    assert library.check_detect(model, None) == 0
    for threshold in (-0.1, 1.5, float("nan")):
        with pytest.raises(LibraryError, match=r"score threshold of objects is .*; valid: 0 to 1"):
            library.detected(model, noise(9, 9), score_threshold=threshold)
    with pytest.raises(LibraryError, match="threads is 257"):
        library.detected(model, noise(9, 9), threads=257)
    assert library.detect(model, None, 5, 5, 0.5, 1, None) is None
    assert library.detect(None, b"", 5, 5, 0.5, 1, None) is None
    for height, width in ((0, 5), (5, -1), (1 << 40, 1 << 40)):
        assert library.detect(model, b"", height, width, 0.5, 1, None) is None
    library.free_objects(None)
    library.close(model)


def test_an_image_that_would_be_too_large(library, write_detector):
    path = write_detector((20000, 0))
    model, predict = library.model(path), PackedPredictor(path, backend="reference")
    image = np.zeros((5, 5, 3), np.uint8)
    with pytest.raises(DataError) as refused:
        predict(image)
    with pytest.raises(LibraryError) as got:
        library.detected(model, image)
    assert str(got.value) == str(refused.value)
    library.close(model)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_where_numbers_overflow_there_is_no_object(library, tmp_path, bad):
    """And the others are suppressed as without it."""
    packed = dense_detector()
    buffer = packed.program.outputs["deltas.p1"]
    (step,) = (
        s
        for s in packed.program.steps
        if getattr(s, "branches", None) and s.branches[0].sinks.float_ == buffer
    )
    name = step.branches[0].terms[0].map.scale1
    packed.tensors[name][1] = 3e38 if bad == float("inf") else 1e38
    path = tmp_path / "a.gnp"
    write_packed(path, packed.program, packed.info, packed.tensors)
    model, predict = library.model(path), PackedPredictor(path, score_threshold=None)
    for size in SIZES:
        assert_same(library.detected(model, noise(*size)), predict(noise(*size)))
    library.close(model)
