"""Panoptic segments of the C library and the command, against `PackedPredictor`, bit for bit."""

import numpy as np
import pytest
from PIL import Image

from groupnet_det.runtime.predictor import PackedPredictor
from tests.capi.library import OWN_SCORE_THRESHOLDS, LibraryError
from tests.runtime.engine import needs_engine

from .results import noise
from .test_regions import MANY

SIZES = [(48, 64), (37, 51), (6, 90), (92, 8), (120, 50), (200, 263)]
COMBINATION = {"overlap_threshold": 0.5, "stuff_area_limit": 50, "score_threshold": 0.3}
OPTIONS = {
    "as it is": {},
    "many": MANY,
    "much overlap": {**MANY, "combination": {**COMBINATION, "overlap_threshold": 0.95}},
    "no overlap": {**MANY, "combination": {**COMBINATION, "overlap_threshold": 0}},
    "all stuff": {"combination": {**COMBINATION, "stuff_area_limit": -1}},
    "much stuff": {"combination": {**COMBINATION, "stuff_area_limit": 700}},
}


def assert_same(found, expected):
    segment_map, segments = found
    assert np.array_equal(segment_map, expected.segment_map.numpy())
    areas = expected.areas.tolist()
    infos = expected.segments_info
    assert segments == [
        (info["isthing"], info["category_id"], info.get("score", 0), area)
        for info, area in zip(infos, areas, strict=True)
    ]


@needs_engine
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("threshold", [0.25, 0.4])
@pytest.mark.parametrize("edge", [(0, 0), (33, 45)], ids=str)
def test_segments_are_those_of_python(library, write_panoptic, options, edge, threshold):
    path, kinds = write_panoptic(edge, **options), set()
    model, predict = library.model(path), PackedPredictor(path, score_threshold=threshold)
    for number, size in enumerate(SIZES):
        threads = 1 + number % 3
        found = library.segments(model, noise(*size), score_threshold=threshold, threads=threads)
        expected = predict(noise(*size))
        assert_same(found, expected)
        kinds |= {segment.is_thing for segment in expected}
    assert kinds == {True, False} or threshold > 0.3
    library.close(model)


@needs_engine
@pytest.mark.parametrize("thresholds", [{}, {"0": 0.3}, {"0": 0.42, "1": 0.2}], ids=str)
def test_score_thresholds_by_class(library, write_panoptic, thresholds):
    options = {"class_score_thresholds": thresholds, "class_agnostic_nms": True}
    path = write_panoptic(info={"class_names": None}, **MANY, **options)
    model, expected = library.model(path), PackedPredictor(path)(noise(48, 64))
    found = library.segments(model, noise(48, 64), score_threshold=OWN_SCORE_THRESHOLDS)
    assert_same(found, expected)
    assert any(segment.is_thing for segment in expected) == bool(thresholds)
    library.close(model)


@needs_engine
@pytest.mark.parametrize("names", [None, ["things", "sky", "grass"]], ids=str)
def test_the_command(groupnet_run, write_panoptic, write_image, tmp_path, answer, names):
    path, image = write_panoptic(info={"stuff_class_names": names}), write_image(51, 67)
    expected = PackedPredictor(path, score_threshold=0.3)(image)
    words = (path, image, "--score-threshold", "0.3", "--output", tmp_path / "segments.pgm")
    lines = [line.split("\t") for line in groupnet_run(*words).stdout.splitlines()]
    assert [line[1] for line in lines] == expected.names
    assert [np.float32(line[2]) if line[2:] else None for line in lines] == [
        segment.score for segment in expected
    ]
    shares = (expected.areas.float() / (51 * 67)).tolist()
    assert [np.float32(line[0]) for line in lines] == shares
    written = np.asarray(Image.open(tmp_path / "segments.pgm"))
    assert np.array_equal(written, expected.segment_map.numpy())
    got = answer(groupnet_run(*words, "--json", "--threads", "2"))
    wanted = expected.to_dict()
    assert got["image_size"] == wanted["image_size"]
    for segment in got["segments"]:
        if "score" in segment:
            segment["score"] = float(np.float32(segment["score"]))
    assert got["segments"] == wanted["segments"]


def test_what_gives_maps_alone(groupnet_run, write_panoptic, write_image):
    done = groupnet_run(write_panoptic(combination=None), write_image(48, 64))
    assert "logits\t1 x 48 x 64 x 3\n" in done.stdout
    assert done.stderr.startswith(
        "note: only the network's maps are computed: the model gives no panoptic segments: "
    )


REFUSED = {
    "task": ({"info": {"task": "panoptic"}}, "its task is 'panoptic', not 'panoptic_segmentation'"),
    "kind": ({"kind": "rcnn"}, "kind is 'rcnn'; valid: 'panoptic'"),
    "no mask": ({"mask": None}, "mask is missing; panoptic segments are made of masks"),
    "overlap": ({"combination": {**COMBINATION, "overlap_threshold": "x"}}, "is not a number"),
    "limit": ({"combination": {**COMBINATION, "stuff_area_limit": 0.5}}, "is not a whole number"),
    "unknown member": ({"combination": {**COMBINATION, "x": 1}}, "has the unknown member 'x'"),
    "stuff": (
        {"info": {"stuff_class_names": ["a"]}},
        "it has 1 stuff_class_names for 3 classes",
    ),
    "names": ({"info": {"class_names": ["a"]}}, "it has 1 class_names for 2 classes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_panoptic_network(library, write_panoptic, name):
    options, message = REFUSED[name]
    model = library.model(write_panoptic(**options))
    assert library.check_panoptic(model, None) == -1
    with pytest.raises(LibraryError) as refused:
        library.segments(model, noise(48, 64))
    assert str(refused.value).startswith("the model gives no panoptic segments: ")
    assert message in str(refused.value)
    library.outputs(model, noise(48, 64))  # its network runs all the same
    library.close(model)


def test_calls(library, write_panoptic):
    model, image = library.model(write_panoptic()), noise(48, 64)
    assert library.check_panoptic(model, None) == 0
    assert library.check_detect(model, None) == -1
    names = [library.stuff_class_name(model, i) for i in range(library.num_stuff_classes(model))]
    assert names == [b"things", b"sky", b"grass"]
    assert library.stuff_class_name(model, 3) is None
    assert library.panoptic(model, image.ctypes.data, 48, 64, 0.5, 1, None, None) is None
    assert library.panoptic(model, None, 48, 64, 0.5, 1, image.ctypes.data, None) is None
    with pytest.raises(LibraryError, match=r"score threshold of objects is 2\.0*; valid: 0 to 1"):
        library.segments(model, image, score_threshold=2.0)
    library.free_segments(None)
    library.close(model)
