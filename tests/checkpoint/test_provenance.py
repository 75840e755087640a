import logging

import pytest
import torch
import yaml
from torch import nn

from groupnet_det.checkpoint.checkpointer import Checkpointer, load_tensors
from groupnet_det.checkpoint.provenance import (
    check_stored_class_names,
    checkpoint_metadata,
    expected_names,
    stored_metadata,
    warn_of_other_data,
    warn_of_training_data,
)
from groupnet_det.config import load_config, load_config_text
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import CheckpointError, ConfigError


def warnings_in(caplog):
    # Detectron2's loggers have a level of their own, so INFO lines may reach the handler of pytest.
    return [one for one in caplog.records if one.levelno >= logging.WARNING]


def digits_config(*options):
    cfg = load_config("", ["DATASETS.TRAIN", "['photo_digits_train']", *options])
    register_datasets(cfg)
    return cfg


def test_all_of_it_travels_in_plain_values(datasets_env, tmp_path):
    entry = {"NAME": "mine", "FORMAT": "coco", "ANNOTATIONS": "$NOWHERE/a.json", "IMAGES": "/b"}
    cfg = digits_config("SOLVER.BASE_LR", "0.125", "DATASETS.CUSTOM", str([entry]))
    torch.save(checkpoint_metadata(cfg), tmp_path / "a.pth")
    stored = load_tensors(str(tmp_path / "a.pth"))
    assert stored["class_names"] == stored["metadata"]["thing_classes"] == list("0123456789")
    assert len(stored["fingerprints"]["photo_digits_train"]) == 64
    again = load_config_text(stored["config"], "a.pth", ["SOLVER.MAX_ITER", "7"])
    assert again.SOLVER.MAX_ITER == 7
    again.SOLVER.MAX_ITER = cfg.SOLVER.MAX_ITER
    # Not as text: where values of one of them happen to be one object, YAML writes them as aliases.
    assert yaml.safe_load(again.dump()) == yaml.safe_load(cfg.dump())
    assert stored_metadata(stored, again).thing_classes == list("0123456789")


def test_config_of_another_version():
    with pytest.raises(ConfigError, match=r"unknown config key MODEL\.GROUPNET\.NOVELTY"):
        load_config_text("MODEL: {GROUPNET: {NOVELTY: 1}}", "a.pth")


def test_metadata_of_a_checkpoint_without_any(datasets_env):
    cfg = digits_config()
    from detectron2.data import DatasetCatalog

    DatasetCatalog.get("photo_digits_train")
    assert stored_metadata({}, cfg).thing_classes == list("0123456789")
    assert stored_metadata({}, load_config("")).get("thing_classes") is None


def test_metadata_of_a_checkpoint_of_version_0_1_0(tmp_path):
    old = {"model": {"looks": torch.ones(1)}, "looks": {"thing_classes": ["cat"]}}
    torch.save(old, tmp_path / "a.pth")
    stored = load_tensors(str(tmp_path / "a.pth"))
    assert "looks" not in stored
    assert stored["model"] == old["model"]
    assert stored_metadata(stored, load_config("")).thing_classes == ["cat"]
    torch.save({"looks": torch.ones(1)}, tmp_path / "b.pth")  # bare weights, whatever their names
    assert list(load_tensors(str(tmp_path / "b.pth"))) == ["looks"]


def test_other_classes_are_refused_with_both_lists():
    stored = {"class_names": ["cat", "dog"]}
    check_stored_class_names("a.pth", stored, {"mine": {"classes": ["cat", "dog"]}})
    check_stored_class_names("a.pth", {}, {"mine": {"classes": ["fox"]}})  # nothing is known
    with pytest.raises(CheckpointError) as caught:
        check_stored_class_names("a.pth", stored, {"mine": {"classes": ["dog", "cat", "fox"]}})
    for part in ("a.pth", "data set 'mine'", "2 classes: cat, dog.", "3: dog, cat, fox."):
        assert part in str(caught.value)


def test_stuff_of_panoptic_data_counts_too(datasets_env):
    name = "photo_digits_panoptic_val"
    register_datasets(load_config(""))
    digits = list("0123456789")
    assert expected_names(name) == {
        "classes": digits,
        "kinds of stuff": ["things", "background"],
    }
    assert expected_names("photo_digits_val")["kinds of stuff"] == []
    stored = {"class_names": digits, "metadata": {"stuff_classes": ["things", "sky", "grass"]}}
    check_stored_class_names("a.pth", stored, {"boxes": expected_names("photo_digits_val")})
    with pytest.raises(
        CheckpointError, match=r"3 kinds of stuff: things, sky, grass\. .* 2: things, background"
    ):
        check_stored_class_names("a.pth", stored, {name: expected_names(name)})


@pytest.mark.parametrize(
    ("strict", "resumed"), [(True, False), (False, True), (False, False)], ids=str
)
def test_when_the_checkpointer_refuses(tmp_path, strict, resumed):
    Checkpointer(nn.Linear(2, 2), str(tmp_path), extra={"class_names": ["a", "b"]}).save("old")
    others = {"mine": {"classes": ["a", "c"]}}
    parts = {"trainer": Stateful()} if resumed else {}
    checkpointer = Checkpointer(nn.Linear(2, 2), strict=strict, class_names=others, **parts)
    path = str(tmp_path / "old.pth")
    if strict or resumed:
        with pytest.raises(CheckpointError, match="was trained for other classes than data set"):
            checkpointer.load(path)
    else:  # the start of another training
        checkpointer.load(path)


class Stateful:
    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def test_a_training_that_goes_on_with_other_data_is_reported(caplog, tmp_path):
    stored = {"fingerprints": {"mine": "a" * 64}}
    with caplog.at_level(logging.WARNING):
        warn_of_other_data("a.pth", stored, {"renamed": "a" * 64})
        warn_of_other_data("a.pth", {}, {"mine": "b" * 64})
        assert not warnings_in(caplog)
        warn_of_other_data("a.pth", stored, {"mine": "b" * 64})
    assert "data differ from those of a.pth: mine (aaaaaaaa) then" in caplog.text


def test_a_test_on_training_data_is_reported(caplog, datasets_env):
    stored = checkpoint_metadata(digits_config())
    with caplog.at_level(logging.WARNING):
        warn_of_training_data("a.pth", stored, ["photo_digits_val"])
        assert not warnings_in(caplog)
        warn_of_training_data("a.pth", stored, ["photo_digits_train"])
    assert "a.pth was trained on data set 'photo_digits_train'" in caplog.text
