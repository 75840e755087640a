"""groupnet-run's output for a detector's image, against `PackedPredictor`."""

import numpy as np
import pytest

from groupnet_det.runtime.predictor import PackedPredictor
from tests.runtime.engine import needs_engine

from .results import assert_same


def arrays(objects):
    boxes = np.array([each["box"] for each in objects], np.float32).reshape(-1, 4)
    scores = np.array([each["score"] for each in objects], np.float32)
    return boxes, scores, np.array([each["label"] for each in objects], np.int64), None


@needs_engine
@pytest.mark.parametrize(
    ("options", "threshold"),
    [
        ((), 0.5),
        (("--threads", "3"), 0.5),
        (("--score-threshold", "0"), 0.0),
        (("--score-threshold", "0.55", "--threads", "1"), 0.55),
        (("--score-threshold", "1"), 1.0),
    ],
    ids=str,
)
def test_objects_are_those_of_python(
    groupnet_run, write_detector, write_image, answer, options, threshold
):
    path, image = write_detector((60, 90), topk=200, max_detections=40), write_image(51, 67)
    expected = PackedPredictor(path, score_threshold=threshold)(image)
    got = answer(groupnet_run(path, image, "--json", *options))
    assert_same(arrays(got["objects"]), expected)
    assert got["task"] == "detection"
    assert got["image_size"] == [51, 67]
    assert [each["class"] for each in got["objects"]] == expected.names
    lines = [line.split("\t") for line in groupnet_run(path, image, *options).stdout.splitlines()]
    assert [name for _, name, _ in lines] == expected.names
    assert [np.float32(score) for score, _, _ in lines] == expected.scores.tolist()
    boxes = [[np.float32(side) for side in box.split()] for _, _, box in lines]
    assert boxes == expected.boxes.tolist()


@needs_engine
def test_the_thresholds_of_a_file(groupnet_run, write_detector, write_image, answer):
    options = {"info": {"class_names": None}, "topk": 200, "class_agnostic_nms": True}
    image = write_image(51, 67)
    found = PackedPredictor(write_detector((60, 90), **options))(image)
    assert set(found.classes.tolist()) == {1}
    thresholds = {"1": float(found.scores[2])}
    path = write_detector((60, 90), **options, class_score_thresholds=thresholds)
    expected = PackedPredictor(path)(image)
    assert len(expected) == 3 < len(found)
    done = groupnet_run(path, image, "--json")
    assert done.stderr == ""
    assert_same(arrays(answer(done)["objects"]), expected)


@needs_engine
@pytest.mark.parametrize("size", [(51, 67), (120, 43)], ids=str)
def test_masks_are_those_of_python(groupnet_run, write_regions, write_image, answer, size):
    path, image = write_regions((60, 90), max_detections=9), write_image(*size)
    options = ("--json", "--score-threshold", "0.1")
    expected = PackedPredictor(path, score_threshold=0.1)(image).to_dict()
    got = answer(groupnet_run(path, image, *options))
    assert got["image_size"] == expected["image_size"]
    assert len(got["objects"]) == len(expected["objects"]) > 2
    for one, other in zip(got["objects"], expected["objects"], strict=True):
        assert one.keys() == other.keys()
        assert [one[key] for key in ("class", "label", "mask")] == [
            other[key] for key in ("class", "label", "mask")
        ]
        assert [np.float32(v) for v in (one["score"], *one["box"])] == [
            other["score"],
            *other["box"],
        ]


def test_the_maps_of_a_detector(groupnet_run, write_detector, write_image, tmp_path):
    path, image = write_detector(), write_image(48, 64)
    done = groupnet_run(path, image, "--map", "logits.p2", "--output", tmp_path / "a.pgm")
    assert "deltas.p1\t1 x 24 x 32 x 8\n" in done.stdout
    assert (tmp_path / "a.pgm").is_file()
    done = groupnet_run(path, image, "--output", tmp_path / "b.pgm")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: a detector gives no label map; name one of its maps by --map\n"


def test_a_detector_that_is_not_understood(groupnet_run, write_detector, write_image):
    """Its maps, and why there are no more."""
    path = write_detector(info={"postprocessing": {"kind": "new\x1b"}})
    done = groupnet_run(path, write_image(48, 64))
    assert done.returncode == 0
    assert "deltas.p1\t1 x 24 x 32 x 8\n" in done.stdout
    assert done.stderr.startswith(
        "note: only the network's maps are computed: the model finds no objects: "
        "info.postprocessing.kind is 'new\\x1b'; valid: "
    )


@pytest.mark.parametrize("value", ["-0.1", "1.01", "nan", "", "half", "0.5x"])
def test_wrong_score_thresholds(groupnet_run, value):
    done = groupnet_run("a", "b", "--score-threshold", value)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: --score-threshold is '{value}'; valid: 0 to 1\n")
