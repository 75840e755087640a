"""Class-agnostic suppression and score thresholds by class, of files and of those who open them."""

import dataclasses
import pickle

import pytest
import torch
from torchvision.ops import nms

from groupnet_det.errors import ConfigError, PackedFileError
from groupnet_det.packed.packed_file import read_info, write_packed
from groupnet_det.packed.score_thresholds import SCORE_THRESHOLD
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.predictor import PackedPredictor
from tests.packed.edits import edited, with_info
from tests.packed.infos import VALUES, classifier
from tests.packed.programs_of_parts import segmenter_example

from .small_detectors import dense_detector, region_detector

BACKENDS = ["reference", *(["native"] if is_built() else [])]
IMAGE = torch.randint(0, 256, (3, 32, 40), generator=torch.Generator().manual_seed(0)).byte()
DETECTORS = {"dense": dense_detector, "regions": region_detector}
MEMBERS = {"class_agnostic_nms": True, "class_score_thresholds": {"dog": 0.55}}
of_all = pytest.mark.parametrize("make", DETECTORS.values(), ids=DETECTORS)


def written(packed, folder, **members):
    """The path of the file with further members of ``postprocessing``."""
    members = {**packed.info["postprocessing"], **members}
    info = {**packed.info, "postprocessing": members}
    write_packed(folder / "a.gnp", packed.program, info, packed.tensors)
    return folder / "a.gnp"


def found(path, **options):
    return PackedPredictor(path, **{"backend": "reference", "score_threshold": None, **options})(
        IMAGE
    )


def same(one, two):
    return all(
        torch.equal(getattr(one, name), getattr(two, name))
        for name in ("boxes", "scores", "classes", *(["masks"] if one.masks is not None else []))
    )


@pytest.mark.parametrize("backend", BACKENDS)
@of_all
def test_classes_compete_where_the_file_or_the_caller_says_so(make, backend, tmp_path):
    every = found(written(make(), tmp_path, nms_threshold=2.0, max_detections=-1), backend=backend)
    expected = every[nms(every.boxes, every.scores, 0.5).numpy()]
    within = found(written(make(), tmp_path, max_detections=-1), backend=backend)
    assert len(expected) < len(within) < len(every)
    plain = tmp_path / "a.gnp"
    assert same(found(plain, backend=backend, class_agnostic_nms=True), expected)
    across = written(make(), tmp_path, max_detections=-1, class_agnostic_nms=True)
    assert same(found(across, backend=backend), expected)
    assert same(found(across, backend=backend, class_agnostic_nms=False), within)


@of_all
def test_thresholds_by_class(make, tmp_path):
    path = written(make(), tmp_path, max_detections=-1)
    every = found(path)
    cats, dogs = (every.scores[every.classes == label] for label in (0, 1))
    given = {"cat": float(cats.median()), "dog": float(dogs.max())}
    least = torch.tensor([given["cat"], given["dog"]])[every.classes]
    expected = every[(every.scores >= least).numpy()]
    assert set(expected.classes.tolist()) == {0, 1}
    assert len(expected) < len(every)
    for some in (found(path, score_threshold=given), every.above(given)):
        assert same(some, expected)
    only = every.above({"dog": given["dog"]})
    assert len(only) == len(cats) + int((dogs >= dogs.max()).sum())
    kept = written(make(), tmp_path, max_detections=-1, class_score_thresholds=given)
    assert same(found(kept, score_threshold={}), expected)
    assert same(found(kept), every)
    assert same(found(kept, score_threshold=0.0), every)
    assert same(found(kept, score_threshold={"cat": 0.0, "dog": 0}), every)


def test_what_a_predictor_says_of_its_thresholds(tmp_path):
    path = written(dense_detector(), tmp_path, **MEMBERS)
    given = {"cat": 0.25}

    def threshold(**options):
        return PackedPredictor(path, backend="reference", **options).score_threshold

    assert threshold() == {"cat": SCORE_THRESHOLD, "dog": 0.55}
    assert threshold(score_threshold=given) == {"cat": 0.25, "dog": 0.55}
    assert threshold(score_threshold=0.25) == 0.25
    assert threshold(score_threshold=None) is None
    predictor = PackedPredictor(path, backend="reference", score_threshold=given)
    given["cat"] = 0.75
    again = pickle.loads(pickle.dumps(predictor))
    assert again.score_threshold == predictor.score_threshold
    plain = written(dense_detector(), tmp_path)
    assert PackedPredictor(plain, backend="reference").score_threshold == SCORE_THRESHOLD


@of_all
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score_threshold": {"cow": 0.5}}, "of the class 'cow'; valid: 'cat', 'dog'$"),
        ({"score_threshold": {"cat": "0.5"}}, "of 'cat' is of the type str; valid: 0 to 1"),
        ({"score_threshold": {"cat": 50}}, "of 'cat' is 50; valid: 0 to 1"),
        ({"score_threshold": {0: 0.5}}, "is for 0; valid: class names"),
        ({"score_threshold": [0.5]}, "of objects is of the type list; valid: 0 to 1"),
        ({"class_agnostic_nms": "yes"}, "class_agnostic_nms is 'yes'; valid: True, False"),
        ({"class_agnostic_nms": 1}, "class_agnostic_nms is 1; valid: True, False"),
    ],
)
def test_options_that_cannot_be_meant(make, options, message, tmp_path):
    with pytest.raises(ConfigError, match=message) as error:
        found(written(make(), tmp_path), **options)
    assert "\n" not in str(error.value)


def segmenter():
    packed = segmenter_example()
    info = {
        **packed.info,
        "task": "semantic_segmentation",
        "class_names": [],
        "preprocessing": dense_detector().info["preprocessing"],
        "postprocessing": {"kind": "segmentation", "inference": "whole"},
    }
    return packed.program, info, packed.tensors


@pytest.mark.parametrize("make", [classifier, segmenter])
def test_networks_without_objects(make, tmp_path):
    write_packed(tmp_path / "a.gnp", *make())
    assert found(tmp_path / "a.gnp", score_threshold={}) is not None
    with pytest.raises(ConfigError, match="'cat', but the network finds no objects"):
        found(tmp_path / "a.gnp", score_threshold={"cat": 0.5})
    with pytest.raises(ConfigError, match="class_agnostic_nms is for networks that find objects"):
        found(tmp_path / "a.gnp", class_agnostic_nms=False)


@of_all
@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        *(
            ("class_agnostic_nms", value, r"class_agnostic_nms is of the type \w+, not bool")
            for name, value in VALUES.items()
            if name not in ("true", "missing")
        ),
        *(
            (
                "class_score_thresholds",
                value,
                r"class_score_thresholds is of the type \w+, not dict",
            )
            for name, value in VALUES.items()
            if name not in ("object", "objects", "missing")
        ),
        *(
            ("class_score_thresholds", {"cat": value}, r"class_score_thresholds\.'?cat'? is ")
            for name, value in VALUES.items()
            if name not in ("zero", "half", "missing")
        ),
        ("class_score_thresholds", {"cow": 0.5}, "have 'cow', which is none of its classes"),
        ("class_score_thresholds", {"x" * 100_000: 0.5}, "'x+..., which is none of its classes"),
        ("class_score_thresholds", {"x" * 100_000: 2}, "class_score_thresholds.'x+"),
        ("class_score_thresholds", {"two\nlines\x1b[31m": 2}, "lines.x1b"),
        ("class_score_thresholds", {"cat": 10**400}, "a whole number has 401 digits"),
    ],
)
def test_files_with_other_values(make, member, value, message, tmp_path):
    path = written(make(), tmp_path, **MEMBERS)
    info = edited(read_info(path), ("postprocessing", member), value)
    path.write_bytes(with_info(path.read_bytes(), info))
    with pytest.raises(PackedFileError, match=message) as error:
        PackedPredictor(path, backend="reference")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 600 + len(str(path))


@of_all
def test_files_that_use_neither_say_neither(make, tmp_path):
    packed = make()
    first = written(packed, tmp_path).read_bytes()
    assert b"class_agnostic_nms" not in first
    changed = {**packed.info["postprocessing"], "class_agnostic_nms": False}
    changed["class_score_thresholds"] = {}
    plain = found(written(packed, tmp_path))
    other = dataclasses.replace(packed, info={**packed.info, "postprocessing": changed})
    assert same(found(written(other, tmp_path)), plain)
