"""Names of the hub, and what is fetched: from a stand-in server, from the cache, or not at all."""

import logging
import os
import sys
from pathlib import Path

import pytest

from groupnet_det.extras import MissingExtraError
from groupnet_det.files import hub as own
from groupnet_det.files.hub import HubError, HubName, fetch, on_hub, parse_name, push_files
from tests.hub_server import TOKEN, Repo, point_at

MODEL = HubName("me/cells")
LIMITS = {"config.json": 100, "model.safetensors": 100}
FILES = {"config.json": b"{}", "model.safetensors": b"weights", "evil.py": b"import os"}


@pytest.fixture
def cells(hub):
    """A repository with a model."""
    hub.repos["me/cells"] = Repo()
    hub.repos["me/cells"].commit(FILES)
    return hub.repos["me/cells"]


def forget():
    """As in a new process."""
    own._fetch.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf://me/cells", HubName("me/cells")),
        ("hf://me/cells@v1.0", HubName("me/cells", "v1.0")),
        ("hf://me/cells@refs/pr/3", HubName("me/cells", "refs/pr/3")),
        ("hf://me/cells/a.gnp", HubName("me/cells", None, "a.gnp")),
        ("hf://Me-1/c_e.ll@main/a.gnp", HubName("Me-1/c_e.ll", "main", "a.gnp")),
    ],
)
def test_names(text, expected):
    assert on_hub(text)
    assert parse_name(text) == expected
    assert str(expected) == text
    assert parse_name(Path(text)) == expected  # which has one slash less


@pytest.mark.parametrize(
    "text",
    [
        *("hf://", "hf://cells", "hf://me/", "hf://me/cells/", "hf://me/cells@", "hf://me/ce lls"),
        *("hf://me/../cells", "hf://../../etc/passwd", "hf://me/..", "hf://me/cells/../a.gnp"),
        *("hf://me/cells/.git", "hf://me/cells@../../a", "hf://me/cells@refs/../x", "hf://mé/a"),
        *("hf://me/cells/a/b.gnp", "hf://me/cells?a=b", "hf://me/cells\n", "hf://user:pw@me/cells"),
    ],
)
def test_other_names_are_refused_in_one_line(text):
    with pytest.raises(HubError, match=r"names no model; the form is hf://user/name") as caught:
        parse_name(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["model.pth", "/hf://x", "https://a/b", "", Path("hf")])
def test_paths_are_no_names(path):
    assert not on_hub(path)


def test_only_what_is_asked_for_is_fetched(cells, hub):
    folder = fetch(MODEL, LIMITS)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: FILES[name] for name in LIMITS
    }
    assert folder.name == cells.refs["main"]
    asked = len(hub.asked)
    assert fetch(MODEL, LIMITS) == folder
    assert len(hub.asked) == asked  # a process asks once


def test_revisions_are_distinguished(cells):
    old = cells.commit({"config.json": b"old"}, "v1")
    assert fetch(HubName("me/cells", "v1"), {"config.json": 9}).name == old
    assert (fetch(HubName("me/cells", old), {"config.json": 9}) / "config.json").read_bytes() == (
        b"old"
    )
    assert (fetch(MODEL, {"config.json": 9}) / "config.json").read_bytes() == b"{}"


def test_a_new_commit_is_fetched_by_the_next_process(cells):
    before = fetch(MODEL, LIMITS)
    cells.commit({"config.json": b"[]"})
    assert fetch(MODEL, LIMITS) == before
    forget()
    assert (fetch(MODEL, LIMITS) / "config.json").read_bytes() == b"[]"


def test_all_files_are_of_one_commit(cells, monkeypatch):
    fetch_file = own._fetch_file

    def and_push(*arguments):
        path = fetch_file(*arguments)
        cells.commit({"config.json": b"[]", "model.safetensors": b"other"})
        return path

    monkeypatch.setattr(own, "_fetch_file", and_push)
    folder = fetch(MODEL, LIMITS)
    assert (folder / "config.json").read_bytes() == b"{}"
    assert (folder / "model.safetensors").read_bytes() == b"weights"


@pytest.mark.parametrize("how", ["offline", "unreachable", "broken"])
def test_the_cache_serves_without_the_hub_and_says_so(cells, hub, monkeypatch, caplog, how):
    import huggingface_hub

    folder = fetch(MODEL, LIMITS)
    forget()
    if how == "offline":
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    if how == "unreachable":
        point_at("http://127.0.0.1:9", monkeypatch)
    if how == "broken":
        hub.status = 503
    with caplog.at_level(logging.WARNING):
        assert fetch(MODEL, LIMITS) == folder
    (line,) = [r.getMessage() for r in caplog.records if r.name == own.__name__]
    assert line.startswith("hf://me/cells/config.json: the hub cannot be reached (")
    assert line.endswith("); the copy in the cache is used")
    assert TOKEN not in caplog.text


def test_a_commit_in_the_cache_needs_no_hub(cells, hub, caplog):
    commit = HubName("me/cells", cells.refs["main"])
    folder = fetch(commit, LIMITS)
    forget()
    hub.status = 503
    asked = len(hub.asked)
    assert fetch(commit, LIMITS) == folder
    assert len(hub.asked) == asked
    assert own.__name__ not in {r.name for r in caplog.records if r.levelno >= logging.WARNING}


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("hf://me/absent", 0, "it does not exist or is private; fix the name, or log in with"),
        ("hf://me/cells@v9", 0, "it has no such revision; name a branch, a tag or a commit"),
        ("hf://you/empty", 0, "it lacks this file; `groupnet-det push` makes models that have"),
        ("hf://me/cells", 403, "the hub does not allow it: log in with `hf auth login`, or set"),
        ("hf://me/cells", 503, "the hub cannot be reached ("),
    ],
    ids=["absent", "revision", "file", "forbidden", "down"],
)
def test_what_the_hub_refuses_ends_in_one_line(cells, hub, name, status, message):
    hub.repos["you/empty"] = Repo()
    hub.repos["you/empty"].commit({})
    hub.status = status
    with pytest.raises(HubError) as caught:
        fetch(parse_name(name), LIMITS)
    text = str(caught.value)
    assert text.startswith(f"{name}/config.json: {message}")
    assert "\n" not in text
    assert TOKEN not in text
    assert caught.value.__cause__ is None


def test_private_models_are_for_those_who_are_logged_in(cells, monkeypatch):
    cells.private = True
    assert fetch(MODEL, LIMITS).is_dir()
    forget()
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    cells.commit({"config.json": b"[]"})
    with pytest.raises(HubError, match="it does not exist or is private"):
        fetch(HubName("me/cells", cells.refs["main"]), LIMITS)


def test_large_files_are_refused_before_they_are_fetched(cells, hub, tmp_path):
    cells.commit({"config.json": b" " * 101})
    with pytest.raises(HubError, match=r"has 101 bytes; the limit is 100$"):
        fetch(MODEL, LIMITS)
    assert {method for method, _ in hub.asked} == {"HEAD"}
    assert not list((tmp_path / "cache").rglob("config.json"))


def test_a_file_of_another_size_than_announced_is_refused(cells, hub):
    hub.announced = 1
    cells.commit({"config.json": b" " * 101})
    with pytest.raises(HubError, match=r"^hf://me/cells/config.json: .*size"):
        fetch(MODEL, {"config.json": 100})


def test_links_and_paths_of_a_repository_are_not_followed(cells, tmp_path):
    """Git keeps a link as a file with the place in it; other names than those asked for are not
    looked at."""
    (tmp_path / "secret").write_text("secret")
    outside = os.fspath(tmp_path / "secret").encode()
    cells.commit({"config.json": outside, "../../secret": b"overwritten", "/etc/x": b"x"})
    folder = fetch(MODEL, {"config.json": 1000})
    assert (folder / "config.json").read_bytes() == outside
    assert (tmp_path / "secret").read_text() == "secret"
    assert [path.name for path in folder.iterdir()] == ["config.json"]


def test_pushed_files_are_fetched(hub, tmp_path):
    (tmp_path / "weights").write_bytes(b"w" * 5000)
    files = {"config.json": b"{}", "model.safetensors": tmp_path / "weights"}
    address = push_files(MODEL, files, message="first")
    commit = hub.repos["me/cells"].refs["main"]
    assert address == f"{hub.url}/me/cells/commit/{commit}"
    assert not hub.repos["me/cells"].private
    folder = fetch(MODEL, {"config.json": 10, "model.safetensors": 5000})
    assert (folder / "model.safetensors").read_bytes() == b"w" * 5000
    push_files(MODEL, {"config.json": b"[]"}, message="second")
    assert (fetch(MODEL, {"config.json": 10}) / "config.json").read_bytes() == b"[]"
    assert set(hub.repos["me/cells"].commits[hub.repos["me/cells"].refs["main"]]) == set(files)


def test_private_means_private(hub):
    push_files(MODEL, {"config.json": b"{}"}, message="m", private=True)
    assert hub.repos["me/cells"].private
    hub.repos["me/cells"].private = False
    before = hub.repos["me/cells"].refs["main"]
    with pytest.raises(HubError, match="is there already, and public; make it private"):
        push_files(MODEL, {"config.json": b"[]"}, message="m", private=True)
    assert hub.repos["me/cells"].refs["main"] == before


@pytest.mark.parametrize(("token", "status"), [("hf_another", 0), (TOKEN, 403), (TOKEN, 400)])
def test_pushes_that_are_refused_end_in_one_line(hub, monkeypatch, token, status):
    monkeypatch.setenv("HF_TOKEN", token)
    hub.status = status
    with pytest.raises(HubError) as caught:
        push_files(MODEL, {"config.json": b"{}"}, message="m")
    assert str(caught.value).startswith("hf://me/cells: ")
    assert "\n" not in str(caught.value)
    assert token not in str(caught.value)
    assert hub.repos == {}


def test_without_huggingface_hub_the_remedy_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    forget()
    with pytest.raises(MissingExtraError, match=r"pip install 'groupnet-det\[hub\]'$") as caught:
        fetch(MODEL, LIMITS)
    assert "\n" not in str(caught.value)
    with pytest.raises(MissingExtraError, match=r"pip install 'groupnet-det\[hub\]'$"):
        push_files(MODEL, {}, message="m")
