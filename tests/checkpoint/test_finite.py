"""Checkpoints hold finite numbers, and those that do not are neither written nor read."""

import pytest
import torch
from torch import nn

from groupnet_det.checkpoint.checkpointer import Checkpointer, write_tensors
from groupnet_det.checkpoint.finite import NotFiniteError, check_finite
from groupnet_det.checkpoint.folder import write_folder
from groupnet_det.errors import CheckpointError, TrainingError

BAD = [float("nan"), float("inf"), -float("inf")]


class State:
    """Of an optimizer."""

    def __init__(self, value=0.0):
        self.state = {"momentum": [torch.zeros(2), torch.tensor([0.0, value])]}

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        self.state = state


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda bad: {"a": {"b": [torch.ones(1), (bad,)]}}, "a.b.1.0"),
        (lambda bad: {"a": torch.ones(1), "b.c": bad}, "b.c"),
        (lambda bad: {"half": bad.bfloat16()}, "half"),
        (lambda bad: {"first": bad, "second": bad}, "first"),
    ],
    ids=["nested", "flat", "half", "first"],
)
def test_the_tensor_is_named(make, name, value):
    members = make(torch.tensor([1.0, value]))
    with pytest.raises(NotFiniteError, match=rf"^x: {name} is not finite; y$"):
        check_finite(members, before="x:", after="; y")


def test_other_members_pass():
    members = {
        "best": float("nan"),
        "int": torch.ones(2, dtype=torch.int64),
        "flag": torch.tensor(True),
        "eighth": torch.ones(2).to(torch.float8_e5m2),
        "none": None,
        "sparse": torch.eye(2).to_sparse(),
    }
    check_finite(members, before="")


@pytest.mark.parametrize("where", ["weights", "optimizer"])
@pytest.mark.parametrize("value", BAD)
def test_it_is_not_written_and_the_last_one_is_kept(tmp_path, where, value):
    model, state = nn.Linear(2, 3), State()
    checkpointer = Checkpointer(model, str(tmp_path), trainer=state)
    checkpointer.save("model_0000001")
    if where == "weights":
        nn.init.constant_(model.bias, value)
    else:
        checkpointer.checkpointables["trainer"] = State(value)
    name = "model.bias" if where == "weights" else r"trainer\.momentum\.1"
    kept = r"model_0000001\.pth is kept\. Lower SOLVER\.BASE_LR"
    for file in ("model_0000002", "model_best", "model_final"):
        with pytest.raises(TrainingError, match=f"{file}.* {name} is not finite; .*{kept}"):
            checkpointer.save(file)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "last_checkpoint",
        "model_0000001.pth",
    ]
    assert (tmp_path / "last_checkpoint").read_text() == "model_0000001.pth"


@pytest.mark.parametrize("where", ["weights", "optimizer"])
def test_one_of_an_older_version_is_not_gone_on_from(tmp_path, where):
    model, state = nn.Linear(2, 3), State(float("nan") if where == "optimizer" else 0.0)
    before = model.weight.detach().clone()
    members = {"model": nn.Linear(2, 3).state_dict(), "trainer": state.state_dict()}
    if where == "weights":
        members["model"]["weight"][0, 0] = float("nan")
    torch.save(members, tmp_path / "model_0000001.pth")
    (tmp_path / "last_checkpoint").write_text("model_0000001.pth")
    checkpointer = Checkpointer(model, str(tmp_path), trainer=State())
    message = r"is not finite, .* use an earlier checkpoint, by its name in OUTPUT_DIR/last_check"
    with pytest.raises(CheckpointError, match=message):
        checkpointer.resume_or_load("", resume=True)
    assert torch.equal(model.weight, before)


def test_other_writers_refuse_too(tmp_path):
    model = {"weight": torch.tensor([float("nan")])}
    with pytest.raises(CheckpointError, match="weight is not finite"):
        write_tensors({"model": model}, tmp_path / "x{y}.pth")
    with pytest.raises(CheckpointError, match="weight is not finite"):
        write_folder(tmp_path / "folder", {"model": model, "config": "{}"})
    assert list(tmp_path.iterdir()) == []
