"""The time of a training, over interruptions."""

import json
from types import SimpleNamespace

import pytest

from groupnet_det.engine.records import sessions
from groupnet_det.engine.records.sessions import RecordSession, read_sessions


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(sessions.time, "monotonic", lambda: clock.now)
    return clock


def run(folder, clock, *, start, steps, seconds, ends=True):
    """A session of `steps` iterations that take so long, which may be killed."""
    hook = RecordSession(folder, {"seed": start})
    hook.trainer = SimpleNamespace(start_iter=start, iter=start)
    hook.before_train()
    for _ in range(steps):
        clock.now += seconds
        hook.after_step()
        hook.trainer.iter += 1
    if ends:
        hook.after_train()


def test_one_session(tmp_path, clock):
    run(tmp_path, clock, start=0, steps=4, seconds=2)
    assert read_sessions(tmp_path) == [{"start": 0, "end": 4, "seconds": 8.0, "seed": 0}]


def test_a_killed_session_is_noted_now_and_then(tmp_path, clock):
    run(tmp_path, clock, start=0, steps=9, seconds=4, ends=False)  # notes after 12, 24 and 36 s
    (session,) = read_sessions(tmp_path)
    assert (session["end"], session["seconds"]) == (9, 36.0)


def test_a_resumed_training_has_several(tmp_path, clock):
    run(tmp_path, clock, start=0, steps=9, seconds=4, ends=False)
    run(tmp_path, clock, start=5, steps=2, seconds=1)  # from the checkpoint of iteration 5
    spans = [(s["start"], s["end"], s["seconds"]) for s in read_sessions(tmp_path)]
    assert spans == [(0, 5, 36.0), (5, 7, 2.0)]


def test_a_new_training_in_the_same_folder(tmp_path, clock):
    run(tmp_path, clock, start=0, steps=9, seconds=4)
    run(tmp_path, clock, start=0, steps=1, seconds=1)
    assert len(read_sessions(tmp_path)) == 1


def test_a_finished_training_that_is_resumed_has_no_other_one(tmp_path, clock):
    run(tmp_path, clock, start=0, steps=4, seconds=2)
    run(tmp_path, clock, start=4, steps=0, seconds=2)
    assert [session["seed"] for session in read_sessions(tmp_path)] == [0]


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, float("inf"), 10**400], ids=str)
def test_members_that_are_no_text_or_number_are_left_out(tmp_path, value):
    session = {"start": 0, "end": 1, "seconds": 2.0, "seed": -1}
    (tmp_path / "sessions.json").write_text(json.dumps([{**session, "images": value}]))
    assert read_sessions(tmp_path) == [session]


@pytest.mark.parametrize(
    "content",
    ["", "{", "{}", "[1]", '[{"start": 1}]', '[{"start": 0, "end": 1, "seconds": NaN}]'],
)
def test_a_broken_file_is_none(tmp_path, content):
    (tmp_path / "sessions.json").write_text(content)
    assert read_sessions(tmp_path) == []


def test_a_training_writes_it(root, tmp_path, datasets_env):
    from tests.engine.test_training import make_config, train

    train(make_config(root, tmp_path, "SEED", "7"))
    (session,) = json.loads((tmp_path / "sessions.json").read_text())
    assert (session["start"], session["end"], session["seed"], session["batch"]) == (0, 4, 7, 2)
    assert session["images"] > 0
