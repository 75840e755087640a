"""The configs of ``configs/quick`` among themselves; tests/engine/test_training.py trains each."""

import pytest
import torch

from groupnet_det.checkpoint.checkpointer import Checkpointer, load_tensors
from groupnet_det.config import load_config
from groupnet_det.engine.trainer import Trainer

CLASSIFIER = "classifier_groupnet_mnist5k"
DETECTOR = "retinanet_groupnet_photo_digits"
NARROW = [
    *("MODEL.DEVICE", "cpu", "MODEL.GROUPNET.WIDTH", "0.125", "MODEL.FPN.OUT_CHANNELS", "16"),
]


@pytest.fixture
def build(root):
    def build_model(name, *options):
        cfg = load_config(str(root / f"configs/quick/{name}.yaml"), [*NARROW, *options])
        return Trainer.build_model(cfg)

    return build_model


def randomize(model):
    """Other values than those of any new network, BN's statistics included."""
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)
    return model


def save(model, folder):
    Checkpointer(model, str(folder)).save("model_final")
    return str(folder / "model_final.pth")


@pytest.mark.parametrize("name", [CLASSIFIER, DETECTOR])
def test_the_binary_stage_starts_from_the_tanh_stage(build, tmp_path, name):
    first = randomize(build(f"{name}_tanh"))
    second = build(name)
    Checkpointer(second, strict=True).load(save(first, tmp_path))
    loaded = second.state_dict()
    assert loaded.keys() == first.state_dict().keys()
    for key, value in first.state_dict().items():
        assert torch.equal(loaded[key], value), key


def test_versions_of_photo_digits_are_near_those_of_training(root):
    for path in sorted((root / "configs/quick").glob("*photo_digits*.yaml")):
        cfg = load_config(str(path))
        assert not cfg.TEST.AUG.FLIP, path  # a mirrored digit is none
        if cfg.MODEL.META_ARCHITECTURE != "SemanticSegmentor":
            factors = [side / cfg.INPUT.MIN_SIZE_TEST for side in cfg.TEST.AUG.MIN_SIZES]
            assert 0.5 < min(factors) <= 1 <= max(factors) < 2, path


@pytest.mark.parametrize("stage", ["", "_tanh"], ids=["binary", "tanh"])
def test_the_detector_starts_from_the_classifier(build, tmp_path, stage):
    path = save(randomize(build(CLASSIFIER + stage)), tmp_path)
    detector = build(DETECTOR + stage)
    rest = {
        key: value.clone()
        for key, value in detector.state_dict().items()
        if not key.startswith("backbone.bottom_up.")
    }
    Checkpointer(detector).load(path)

    loaded = detector.state_dict()
    saved = load_tensors(path)["model"]
    backbone = {
        key.removeprefix("backbone."): saved[key] for key in saved if key.startswith("backbone.")
    }
    assert loaded.keys() == {*rest, *(f"backbone.bottom_up.{key}" for key in backbone)}
    for key, value in backbone.items():
        assert torch.equal(loaded[f"backbone.bottom_up.{key}"], value), key
    for key, value in rest.items():
        assert torch.equal(loaded[key], value), f"{key} is not a part of the backbone"
