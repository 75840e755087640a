"""Class-agnostic suppression and thresholds by class: from the command line to the predictor."""

import dataclasses
import re

import numpy as np
import pytest

from groupnet_det import export, predict
from groupnet_det.commands.deployment import deployment_flags, export_packed
from groupnet_det.commands.deployment.verify_packed import with_nms_of
from groupnet_det.commands.visualization import demo
from groupnet_det.errors import ConfigError
from groupnet_det.inference.trained_predictor import open_predictor
from groupnet_det.modeling.heads.class_agnostic_nms import KEY, is_class_agnostic
from groupnet_det.packed.packed_file import read_packed
from groupnet_det.runtime.predictor import PackedPredictor
from tests.exporting.tiny_panoptic import DIGITS, WEIGHTS, tiny_panoptic_config
from tests.inference.models import write_checkpoint

PIXELS = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
ACROSS = "--class-agnostic-nms"
THRESHOLDS = {"3": 0.25, "7": 0.15}
BY_CLASS = ["--score-threshold", "3=0.25", "7=0.15"]


def run(*words):
    """What the command says before it ends; None where it does its work."""
    try:
        assert export_packed.main(list(map(str, words))) == 0
    except SystemExit as end:
        return str(end.code)
    return None


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("trained"), "mask_rcnn")


def test_from_the_command_to_the_predictor(root, tiny_panoptic, tmp_path):
    path, checkpoint = tmp_path / "a.gnp", tiny_panoptic / WEIGHTS
    assert run(checkpoint, path, ACROSS, *BY_CLASS) is None
    info = read_packed(path).info
    assert info["postprocessing"]["class_agnostic_nms"] is True
    assert info["postprocessing"]["class_score_thresholds"] == THRESHOLDS
    assert info["network_keys"][KEY] is True
    expected = {**dict.fromkeys(DIGITS, 0.5), **THRESHOLDS}
    assert PackedPredictor(path, backend="reference").score_threshold == expected
    every = PackedPredictor(path, score_threshold=None, backend="reference")(PIXELS)
    some = PackedPredictor(path, backend="reference")(PIXELS)
    assert some.to_dict() == every.above(expected).to_dict()
    assert len(some.detections) > 0
    same = tmp_path / "b.gnp"
    export(checkpoint, same, class_agnostic_nms=True, score_threshold=THRESHOLDS)
    assert same.read_bytes() == path.read_bytes()
    cfg = tiny_panoptic_config(root, tiny_panoptic)
    cfg.freeze()
    assert is_class_agnostic(with_nms_of(cfg, read_packed(path)))
    plain = dataclasses.replace(read_packed(path), info={"postprocessing": None})
    assert with_nms_of(cfg, plain) is cfg


def test_a_trained_network_has_the_same_options(checkpoint):
    every = predict(checkpoint, PIXELS, score_threshold=0.0)
    middle = float(every.scores.median())
    chosen = {"dog": middle, "cat": 0.0}
    some = predict(checkpoint, PIXELS, score_threshold=chosen)
    assert some.to_dict() == every.above(chosen).to_dict()
    assert 0 < len(some) < len(every)
    assert open_predictor(checkpoint).score_threshold == 0.5
    partly = open_predictor(checkpoint, score_threshold={"dog": 0.75})
    assert partly.score_threshold == {"cat": 0.5, "dog": 0.75}
    across = open_predictor(checkpoint, options=[KEY, "True"], score_threshold=0.0)
    assert len(across(PIXELS)) < len(every)


@pytest.mark.parametrize(
    ("task", "words", "message"),
    [
        ("retinanet", ["--score-threshold", "cow=0.5"], r"the class 'cow'; valid: 'cat', 'dog'"),
        ("retinanet", ["--score-threshold", "cat=-5e-1"], r"of 'cat' is -0.5; valid: 0 to 1"),
        ("classifier", ["--score-threshold", "0.5"], r"is for networks that find objects"),
        ("classifier", ["--score-threshold", "cat=1"], r"but the network finds no objects"),
        ("classifier", [ACROSS], rf"{KEY} is set, and MODEL.META_ARCHITECTURE is 'ImageClass"),
        ("semantic", [ACROSS], rf"{KEY} is set, and MODEL.META_ARCHITECTURE is 'SemanticSegm"),
    ],
)
def test_what_a_network_cannot_have(task, words, message, tmp_path):
    said = run(write_checkpoint(tmp_path, task), tmp_path / "a.gnp", *words)
    assert re.match(f"error: .*{message}", said)
    assert "\n" not in said
    assert not (tmp_path / "a.gnp").exists()


def test_unknown_classes_of_trained_networks(checkpoint, tmp_path):
    with pytest.raises(ConfigError, match=r"the class 'cow'; valid: 'cat', 'dog'$"):
        open_predictor(checkpoint, score_threshold={"cow": 0.5})
    with pytest.raises(ConfigError, match="but the network finds no objects"):
        predict(write_checkpoint(tmp_path, "classifier"), PIXELS, score_threshold={"cat": 0.5})


def test_words_of_the_flag(capsys):
    parse = deployment_flags.export_packed().parse_args
    words = ["a.pth", "b.gnp", "--predictors", "int8"]
    assert parse(words).score_threshold is None
    assert parse([*words, *BY_CLASS]).score_threshold == THRESHOLDS
    assert parse([*words, "--score-threshold", "1e-1"]).score_threshold == 0.1
    with pytest.raises(SystemExit):
        parse([*BY_CLASS, *words])
    told = capsys.readouterr().err.splitlines()[-1]
    assert "'a.pth' is not a score threshold; valid: one number" in told
    assert "files and config keys stand before this flag" in told
    assert parse([*words, "--score-threshold", "-5e-1"]).score_threshold == -0.5
    assert demo.parse_arguments(["--webcam", *BY_CLASS]).score_threshold == THRESHOLDS
    assert demo.parse_arguments(["--webcam", "--weights", "a.gnp"]).score_threshold is None
