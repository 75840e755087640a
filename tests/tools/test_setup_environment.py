"""Extras of a finished set-up; the set-up itself is what `make` runs before every test."""

import importlib.util
import subprocess
import sys

import pytest

REQUIREMENTS = [
    "torch<3,>=2.4",
    'gradio<7,>=6; extra == "web"',
    'mlxtend>=0.23; extra == "web"',
    'mlxtend>=0.23; extra == "photo-digits"',
    "furo>=2024.8.6; extra == 'docs'",
    'sphinx>=7.4 ; extra == "docs"',
]


@pytest.fixture
def setup(root, monkeypatch):
    """The script, which installs nothing but notes what it would."""
    path = root / "tools/setup_environment.py"
    spec = importlib.util.spec_from_file_location("setup_environment", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.installed = []
    monkeypatch.setattr(module, "pip_install", lambda *words: module.installed.append(words))
    monkeypatch.setattr(module.metadata, "requires", lambda name: REQUIREMENTS)
    return module


def run(setup, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["setup_environment.py", *words])
    return setup.main()


def test_the_packages_of_an_extra_alone(setup, monkeypatch):
    assert run(setup, monkeypatch, "--extra", "web") == 0
    ((*options, first, second),) = setup.installed
    assert (first, second) == ("gradio<7,>=6", "mlxtend>=0.23")
    assert "-c" in options  # torch stays


def test_marks_of_extras_are_read_however_they_are_written(setup):
    assert setup.requirements_of("docs", REQUIREMENTS) == ["furo>=2024.8.6", "sphinx>=7.4"]


def test_an_extra_that_there_is_not(setup, monkeypatch):
    with pytest.raises(SystemExit, match="no extra 'wob'"):
        run(setup, monkeypatch, "--extra", "wob")
    assert setup.installed == []


def test_a_failure_is_told(setup, monkeypatch, capsys):
    def fail(*words):
        raise subprocess.CalledProcessError(3, "pip")

    monkeypatch.setattr(setup, "pip_install", fail)
    assert run(setup, monkeypatch, "--extra", "web") == 1
    assert "stopped at 'extras web' (exit 3)" in capsys.readouterr().err
