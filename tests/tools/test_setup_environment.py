"""Extras of a finished set-up; the set-up itself is what `make` runs before every test."""

import importlib.util
import subprocess
import sys
from email import message_from_string

import pytest

METADATA = message_from_string("Name: groupnet-det\nProvides-Extra: web\nProvides-Extra: docs\n")


@pytest.fixture
def setup(root, monkeypatch):
    """The script, which installs nothing but notes what it would."""
    path = root / "tools/setup_environment.py"
    spec = importlib.util.spec_from_file_location("setup_environment", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.installed = []
    monkeypatch.setattr(module, "pip_install", lambda *words: module.installed.append(words))
    monkeypatch.setattr(module.metadata, "metadata", lambda name: METADATA)
    return module


def run(setup, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["setup_environment.py", *words])
    return setup.main()


def test_the_packages_of_an_extra_alone(setup, monkeypatch):
    assert run(setup, monkeypatch, "--extra", "web", "docs") == 0
    ((*options, packages),) = setup.installed
    assert packages == "groupnet-det[web,docs]"
    assert "-c" in options  # torch stays


def test_an_extra_that_there_is_not(setup, monkeypatch):
    with pytest.raises(SystemExit, match="no extra 'wob'; valid: web, docs"):
        run(setup, monkeypatch, "--extra", "wob")
    assert setup.installed == []


def test_a_failure_is_reported(setup, monkeypatch, capsys):
    def fail(*words):
        raise subprocess.CalledProcessError(3, "pip")

    monkeypatch.setattr(setup, "pip_install", fail)
    assert run(setup, monkeypatch, "--extra", "web") == 1
    assert "stopped at 'extras web' (exit 3)" in capsys.readouterr().err
