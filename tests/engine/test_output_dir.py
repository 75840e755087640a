"""Errors of a training that cannot write."""

import errno
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from detectron2.engine import DefaultTrainer, HookBase

from groupnet_det.engine.setup import check_output_dir
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import ConfigError, TrainingError

from .test_training import SMALL, make_config, train


def test_a_folder_is_made(tmp_path):
    check_output_dir(str(tmp_path / "a/b"))
    assert not list((tmp_path / "a/b").iterdir())


@pytest.mark.parametrize("below", ["", "/run"], ids=["itself", "within"])
def test_a_file_is_refused(tmp_path, below):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(ConfigError, match=r"OUTPUT_DIR .*file.* name another folder") as error:
        check_output_dir(f"{path}{below}")
    assert "\n" not in str(error.value)


def test_a_folder_that_refuses_files_is_refused():
    with pytest.raises(ConfigError, match="OUTPUT_DIR '/proc' cannot be written to"):
        check_output_dir("/proc")  # where no rights help


def train_into(folder, monkeypatch, error):
    """A training that meets `error` at iteration 7."""

    def fail(self):
        raise error

    monkeypatch.setattr(DefaultTrainer, "train", fail)
    trainer = Trainer.__new__(Trainer)
    trainer.cfg = SimpleNamespace(OUTPUT_DIR=str(folder))
    trainer.early_stopping, trainer.iter = [], 7
    kept = str(folder / "model_5.pth")
    trainer.checkpointer = SimpleNamespace(kept=lambda: f"last checkpoint: {kept} is kept")
    trainer.train()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
@pytest.mark.parametrize("named", [False, True], ids=["unnamed", "named"])
def test_a_disk_that_refuses_ends_in_one_line(tmp_path, monkeypatch, number, named):
    names = [str(tmp_path / "metrics.json")] if named else []
    error = OSError(number, "no", *names)
    with pytest.raises(TrainingError, match=r"iteration 7: .*model_5.pth is kept") as told:
        train_into(tmp_path, monkeypatch, error)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(errno.ENOENT, "no", "/data/x.json"), ConnectionResetError(104, "peer")],
    ids=["elsewhere", "connection"],
)
def test_other_errors_are_not_blamed_on_the_folder(tmp_path, monkeypatch, error):
    with pytest.raises(type(error)):
        train_into(tmp_path, monkeypatch, error)


@pytest.mark.parametrize("files", [("metrics.json",), ("log.txt", "metrics.json")], ids="+".join)
def test_a_full_disk_ends_a_training_without_a_traceback(root, tmp_path, datasets_env, files):
    """Of the command, with files of the training on a device that is full."""
    for name in files:
        (tmp_path / name).symlink_to("/dev/full")
    config = str(root / "configs/quick/retinanet_groupnet_photo_digits.yaml")
    command = [sys.executable, "-W", "ignore", "-m", "groupnet_det", "train"]
    words = ["--config-file", config, "--num-gpus", "0", *SMALL, "OUTPUT_DIR", str(tmp_path)]
    options = ["SOLVER.MAX_ITER", "40"]
    done = subprocess.run(
        [*command, *words, *options], capture_output=True, text=True, cwd=root, env=os.environ
    )
    assert done.returncode == 1
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "cannot be written any more at iteration" in told
    assert "No space left" in told
    assert ".pth is kept" in told
    assert "Traceback" not in done.stdout + done.stderr
    assert "Logging error" not in done.stderr


class SpoilOutput(HookBase):
    """Does something to the folder at the beginning of an iteration."""

    def __init__(self, iteration, spoil):
        self.iteration, self.spoil = iteration, spoil

    def before_step(self):
        if self.trainer.iter == self.iteration:
            self.spoil()


def deleted(folder):
    shutil.rmtree(folder)


def moved(folder):
    folder.rename(folder.with_name("elsewhere"))


def exchanged(folder):
    deleted(folder)
    folder.mkdir()


@pytest.mark.parametrize("spoil", [deleted, moved, exchanged])
def test_a_folder_that_vanishes_ends_the_training_and_loses_nothing(
    root, tmp_path, datasets_env, spoil
):
    """What was trained is kept, and resumed it is as if nothing had happened."""
    whole, losses = train(make_config(root, tmp_path / "whole", "SEED", "3"))
    folder = tmp_path / "out"
    cfg = make_config(root, folder, "SEED", "3")
    trainer = Trainer(cfg)
    trainer.register_hooks([SpoilOutput(2, lambda: spoil(folder))])
    told = r"OUTPUT_DIR .*out was deleted or moved .* kept in .*model_0000002\.pth; --resume"
    with pytest.raises(TrainingError, match=told):
        trainer.train()
    resumed, rest = train(make_config(root, folder, "SEED", "3", flags=["--resume"]), resume=True)
    assert rest == losses[3:]
    assert (folder / "config.yaml").is_file()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
