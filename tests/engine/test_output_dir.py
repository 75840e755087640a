"""What a training says where it cannot write."""

import errno
from types import SimpleNamespace

import pytest
from detectron2.engine import DefaultTrainer

from groupnet_det.engine.setup import check_output_dir
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import ConfigError, TrainingError


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
