from pathlib import Path

import pytest

from groupnet_det.autotrain.choices.schedule import Budget
from groupnet_det.autotrain.request import (
    Progress,
    Request,
    default_output,
    make_budget,
    parse_time,
)
from groupnet_det.errors import ConfigError


def request(output, **changes):
    settings = {
        "data": Path("cells"),
        "task": None,
        "num_bases": 2,
        "budget": Budget(seconds=60),
        "output": output,
    }
    return Request(**{**settings, **changes})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("20min", 1200), ("20 min", 1200), ("1.5h", 5400), ("3m", 180), ("3MIN", 180)],
)
def test_times(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["20", "min", "-3min", "3 days", ""])
def test_what_is_no_time(text):
    with pytest.raises(ConfigError, match="write a number and s, min or h, such as 20min"):
        parse_time(text)


def test_a_budget_is_a_time_or_epochs():
    assert make_budget(None, None) == Budget(seconds=1200)
    assert make_budget(30, None) == Budget(seconds=30)
    assert make_budget(None, 5) == Budget(epochs=5)
    with pytest.raises(ConfigError, match="leave one of them out"):
        make_budget(30, 5)
    with pytest.raises(ConfigError, match=r"--epochs is -1; it must be above 0"):
        make_budget(None, -1)


def test_the_output_is_called_as_the_data():
    assert default_output(Path("a/cells")) == Path("output/cells")
    assert default_output(Path("a/cells.json")) == Path("output/cells")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"num_bases": 9}, "--k is 9; valid: 1 to 8"),
        ({"task": "detection"}, "'detect', 'instance'"),
    ],
)
def test_requests_that_cannot_work(tmp_path, changes, told):
    with pytest.raises(ConfigError, match=told):
        request(tmp_path, **changes)


def test_progress_is_kept(tmp_path):
    progress = Progress(request(tmp_path))
    assert progress.get("train") is None
    progress.note("train", {"minutes": 2})
    assert Progress(request(tmp_path)).get("train") == {"minutes": 2}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"num_bases": 4}, r"\(k 2 there, 4 here\)"),
        ({"budget": Budget(epochs=2)}, r"seconds 60 there, None here; epochs None there, 2 here"),
        ({"data": Path("others")}, "data .*cells there, .*others here"),
        ({"options": ("SEED", "2")}, "options"),
    ],
    ids=["k", "time", "data", "options"],
)
def test_another_request_is_refused(tmp_path, changes, told):
    Progress(request(tmp_path)).note("train")
    with pytest.raises(ConfigError, match=told) as caught:
        Progress(request(tmp_path, **changes))
    assert "name another --output" in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", "{}", "1"])
def test_a_broken_file_is_named(tmp_path, text):
    (tmp_path / "progress.json").write_text(text)
    with pytest.raises(ConfigError, match=r"progress\.json is broken .*; remove it to start over"):
        Progress(request(tmp_path))
