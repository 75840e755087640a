"""Steps after a training, with commands that are only recorded."""

import json
from itertools import pairwise

import pytest

from groupnet_det.autotrain import after_training
from groupnet_det.errors import UserError

FIGURES = {
    "image": [160, 160],
    "threads": 2,
    "isa": "avx2",
    "rounds": 5,
    "milliseconds": {"packed": {"median": 1.5}, "float": {"median": 6.0}},
    "times_packed": {"float": {"median": 4.0}},
}


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """``pack(verdict, built)``: the summary, and the commands that were run."""

    def make(verdict="verified", built=True, words=False, **more):
        monkeypatch.setattr(after_training, "is_built", lambda: built)
        commands = []

        def run(command, *given):
            commands.append(given if words else command)
            values = dict(pairwise(given))
            assert values["MODEL.WEIGHTS"] == str(tmp_path / "model_final.pth")
            assert values["SOLVER.MAX_ITER"] == "9"
            if "export" in command:
                (tmp_path / "model.gnp").write_bytes(b"x" * 540_000)
            if "verify" in command and verdict is not None:
                outcome = json.dumps({"verdict": verdict})
                (tmp_path / "verification.json").write_text(outcome)
            if "benchmark" in command:
                (tmp_path / "latency.json").write_text(json.dumps(FIGURES))
            if "verify" in command and verdict != "verified":
                raise UserError("it failed, see above")

        return after_training.pack_and_time(
            "c.yaml", ["SOLVER.MAX_ITER", "9"], tmp_path, run, **more
        ), commands

    return make


def test_a_threshold_of_the_file(pack):
    _, commands = pack(words=True, threshold=0.4)
    assert commands[0][2:4] == ("--score-threshold", "0.4")
    _, commands = pack(words=True)
    assert "--score-threshold" not in commands[0]


def test_all_is_done_and_reported(pack):
    summary, commands = pack()
    assert commands == ["export", "verify", "benchmark"]
    assert summary["bytes"] == 540_000
    assert summary["verdict"] == "verified"
    assert summary["times_packed"] == FIGURES["times_packed"]
    line = after_training.summary_line(summary)
    assert line.startswith("0.54 MB, verified; 1.50 ms")
    assert "4.0 times" in line


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ("failed", "NOT verified, see verification.json"),
        ("inconclusive", "verified step by step, with inconclusive scores: verification.json"),
    ],
)
def test_what_is_not_verified_is_reported_and_the_rest_is_done(pack, verdict, told):
    summary, commands = pack(verdict=verdict)
    assert summary["verdict"] == verdict
    assert len(commands) == 3
    assert told in after_training.summary_line(summary)


def test_a_verification_that_cannot_be_done_ends_it(pack, tmp_path):
    (tmp_path / "verification.json").write_text('{"verdict": "verified"}')  # of an earlier time
    with pytest.raises(UserError, match="failed"):
        pack(verdict=None)


def test_without_the_engine(pack):
    summary, commands = pack(built=False)
    assert commands == ["export"]
    assert "not built" in after_training.summary_line(summary)
