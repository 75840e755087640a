"""demo/app.py as a user starts it."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

from groupnet_det.commands.visualization import app as command
from groupnet_det.pretrained import list_pretrained
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.web.signals import ENDING

NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
needs_engine = pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")


@pytest.fixture
def app(root, tmp_path, monkeypatch):
    """The script as a module, in whose checkout nothing is trained yet."""
    monkeypatch.setattr(command, "ROOT", tmp_path)
    return command


def message_of(app, monkeypatch, *words):
    """What the script says where it ends by itself: one line."""
    with pytest.raises(SystemExit) as exit_:
        app.main(list(map(str, words)))
    message = str(exit_.value.code)
    assert message.startswith("error: ")
    assert "\n" not in message
    return message


def test_without_gradio_one_line_says_what_to_install(app, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    message = message_of(app, monkeypatch)
    assert "gradio cannot be imported" in message
    assert "pip install 'groupnet-det[web]'" in message


def test_without_a_model_one_line_says_how_to_make_one(app, monkeypatch):
    monkeypatch.setattr(app, "load_gradio", lambda folder: None)
    monkeypatch.setattr(app, "list_pretrained", list)  # an installation that lost its files
    assert "`make zoo`" in message_of(app, monkeypatch)


def test_a_named_file_that_is_missing(app, monkeypatch, tmp_path):
    monkeypatch.setattr(app, "load_gradio", lambda folder: None)
    path = tmp_path / "absent.gnp"
    assert f"packed file {path}" in message_of(app, monkeypatch, "--models", path)


@needs_engine
def test_models_of_the_zoo_without_example_images(app, monkeypatch, tiny_packed, tmp_path, capsys):
    for name, content in {"good": (tiny_packed / "model.gnp").read_bytes(), "bad": b"x"}.items():
        (tmp_path / f"zoo/{name}").mkdir(parents=True)
        (tmp_path / f"zoo/{name}/model.gnp").write_bytes(content)

    def no_examples(folder):
        raise ModuleNotFoundError("No module named 'skimage'", name="skimage")

    built, launched = [], []
    monkeypatch.setattr(app, "load_gradio", lambda folder: "gradio")
    monkeypatch.setattr(app, "write_examples", no_examples)

    def build(gradio, page, examples):
        built.append((gradio, page.models, examples))
        return SimpleNamespace(close=lambda verbose: launched.append("closed"))

    def interrupt(*_, port):
        launched.append(port)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(app, "build_page", build)
    monkeypatch.setattr(app, "launch", interrupt)
    app.main(["--port", "7999"])
    ((gradio, models, examples),) = built
    names = [model.name for model in models]
    assert (gradio, names, examples) == ("gradio", ["zoo/good", *list_pretrained()], {})
    assert launched == [7999, "closed"]
    first, second = capsys.readouterr().err.splitlines()
    assert "zoo/bad" in first
    assert "skimage is missing" in second


def upload(address):
    """Put a file into the page's folder."""
    body = (
        b'--mark\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nabc\r\n'
        b"--mark--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=mark"}
    request = urllib.request.Request(f"{address}gradio_api/upload", body, kind)
    with NO_PROXY.open(request, timeout=60) as answer:
        return Path(json.loads(answer.read())[0])


def heed_signals():
    """Undo what a test run under nohup or in the background hands on to its children."""
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)


@needs_engine
@pytest.mark.parametrize("end", [[s] for s in ENDING] + [[signal.SIGTERM] * 3], ids=str)
def test_in_a_process_of_its_own(root, tiny_packed, tmp_path, end):
    pytest.importorskip("gradio", reason="gradio is missing; pip install '.[web]'")
    command = [sys.executable, "-W", "ignore", "demo/app.py", "--models", tiny_packed / "model.gnp"]
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=root,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.fullmatch(r"open (http://127\.0\.0\.1:\d+/) in a browser; .*\n", line)
        assert address, line
        assert b"groupnet_det" in NO_PROXY.open(address[1], timeout=60).read()
        assert upload(address[1]).is_file()
        assert len(list(Path(tmp_path).glob("groupnet_det_*"))) == 1
    finally:
        for number in end:
            process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert list(Path(tmp_path).glob("groupnet_det_*")) == []  # no upload stays
    assert "Traceback" not in errors
    assert process.returncode == 0
