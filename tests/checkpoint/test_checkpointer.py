import pickle
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from groupnet_det.checkpoint.checkpointer import Checkpointer, load_tensors
from groupnet_det.errors import CheckpointError


@pytest.fixture
def saved(tmp_path):
    checkpointer = Checkpointer(nn.Linear(2, 3), str(tmp_path), extra={"class_names": ["a", "b"]})
    checkpointer.save("model_0000001")
    return checkpointer, tmp_path


def test_round_trip_carries_the_class_names(saved):
    checkpointer, folder = saved
    other = nn.Linear(2, 3)
    rest = Checkpointer(other).load(str(folder / "model_0000001.pth"))
    assert torch.equal(other.weight, checkpointer.model.weight)
    assert rest["class_names"] == ["a", "b"]


def test_best_checkpoint_is_never_resumed_from(saved):
    checkpointer, folder = saved
    checkpointer.save("model_best")
    assert (folder / "last_checkpoint").read_text() == "model_0000001.pth"


def test_an_interrupted_save_leaves_the_older_file(saved, monkeypatch):
    checkpointer, folder = saved
    before = (folder / "model_0000001.pth").read_bytes()

    def cut_short(state, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", cut_short)
    with pytest.raises(KeyboardInterrupt):
        checkpointer.save("model_0000001")
    assert (folder / "model_0000001.pth").read_bytes() == before


class Evil:
    def __reduce__(self):
        return print, ("code has run",)


@pytest.mark.parametrize("kind", ["truncated", "text", "pickled code", "bare pickle", "empty"])
def test_broken_and_unsafe_files_are_refused(saved, kind, capsys):
    checkpointer, folder = saved
    path = folder / "bad.pth"
    whole = (folder / "model_0000001.pth").read_bytes()
    if kind == "pickled code":
        torch.save({"model": Evil()}, path)
    else:
        contents = {
            "truncated": whole[: len(whole) // 2],
            "text": b"not a checkpoint",
            "bare pickle": pickle.dumps(Evil()),
            "empty": b"",
        }
        path.write_bytes(contents[kind])
    with pytest.raises(CheckpointError, match=r"bad\.pth") as error:
        load_tensors(str(path))
    assert "weights_only" not in str(error.value)  # PyTorch's advice to read it all the same
    assert ("it names print" in str(error.value)) == (kind == "pickled code")
    with pytest.raises(CheckpointError, match=r"bad\.pth"):
        checkpointer.load(str(path))
    assert "code has run" not in capsys.readouterr().out


def test_a_packed_file_is_reported_from_a_broken_one(tiny_packed):
    with pytest.raises(CheckpointError, match=r"model\.gnp is a packed file, .* checkpoint"):
        load_tensors(str(tiny_packed / "model.gnp"))


def test_pkl_is_refused_with_the_reason(saved):
    checkpointer, folder = saved
    path = folder / "R-50.pkl"
    path.write_bytes(pickle.dumps({"model": {}}))
    with pytest.raises(CheckpointError, match="can run any code"):
        checkpointer.load(str(path))


def test_missing_file_is_named(saved):
    with pytest.raises(CheckpointError, match=r"absent\.pth does not exist; fix MODEL.WEIGHTS"):
        saved[0].load("/nowhere/absent.pth")


def test_foreign_checkpoint_is_refused(saved):
    checkpointer, folder = saved
    torch.save({"model": {"layer1.conv.weight": torch.zeros(1)}}, folder / "foreign.pth")
    with pytest.raises(CheckpointError, match="no key of the checkpoint belongs to this model"):
        checkpointer.load(str(folder / "foreign.pth"))


def test_an_interrupted_note_leaves_the_older_one(saved, monkeypatch):
    checkpointer, folder = saved

    def cut_short(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", cut_short)
    with pytest.raises(KeyboardInterrupt):
        checkpointer.tag_last_checkpoint("model_0000002.pth")
    assert checkpointer.get_checkpoint_file() == str(folder / "model_0000001.pth")


@pytest.mark.parametrize("start", range(0, 1000, 50))
def test_every_damage_ends_in_the_one_error(saved, start):
    """Whatever the reader stumbles over; where it does not, it gives a dict."""
    _, folder = saved
    whole = (folder / "model_0000001.pth").read_bytes()
    path = folder / "bad.pth"
    for position in range(start, start + 50):
        for damaged in (
            whole[:position],
            whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :],
        ):
            path.write_bytes(damaged)
            try:
                assert isinstance(load_tensors(str(path)), dict)
            except CheckpointError as error:
                assert str(path) in str(error)  # noqa: PT017
                assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter failed writing")],
    ids=["system", "pytorch"],
)
def test_a_full_disk_harms_no_older_file(saved, monkeypatch, error):
    checkpointer, folder = saved
    file = folder / "model_0000001.pth"
    before = file.read_bytes()

    def fail(state, path):
        Path(path).write_bytes(b"half")
        raise error

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(CheckpointError, match=r"cannot be written \(.*--resume") as told:
        checkpointer.save(file.stem)
    assert "\n" not in str(told.value)
    assert file.read_bytes() == before
    assert not list(folder.glob("*.partial"))


def test_a_deleted_folder_is_made_again(tmp_path):
    folder = tmp_path / "output"
    checkpointer = Checkpointer(nn.Linear(2, 2), str(folder))
    checkpointer.save("model_0")
    shutil.rmtree(folder)
    checkpointer.save("model_1")
    assert checkpointer.get_checkpoint_file() == str(folder / "model_1.pth")


@pytest.mark.parametrize(
    "member",
    [
        {"iteration": "many"},
        {"iteration": None},
        {"config": ["SEED: 1"]},
        {"class_names": "abc"},
        {"metadata": 3},
        {"fingerprints": [1]},
        {"optimizer": [1]},
        {"trainer": "x"},
    ],
    ids=lambda member: "-".join(map(str, next(iter(member.items())))),
)
def test_odd_members_are_named(tmp_path, member):
    path = tmp_path / "odd.pth"
    torch.save({"model": nn.Linear(2, 2).state_dict(), **member}, path)
    with pytest.raises(CheckpointError, match=f"odd.pth has '{next(iter(member))}'") as error:
        Checkpointer(nn.Linear(2, 2)).load(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("state", [{}, {"state": 1}, {"state": {}, "param_groups": [3]}])
def test_an_odd_optimizer_is_refused_in_one_line(tmp_path, state):
    path = tmp_path / "odd.pth"
    model = nn.Linear(2, 2)
    torch.save({"model": model.state_dict(), "optimizer": state}, path)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(CheckpointError, match=r"odd.pth has a member of another type") as error:
        Checkpointer(nn.Linear(2, 2), optimizer=optimizer).load(str(path))
    assert "\n" not in str(error.value)
