"""Requests that tools/evaluate.py and visualize_results.py refuse before any work."""

import importlib

import pytest


@pytest.fixture
def refused():
    def run_tool(name, *words):
        module = importlib.import_module(f"groupnet_det.commands.{name}")
        with pytest.raises(SystemExit) as exit_:
            module.main(words)
        return exit_.value.code

    return run_tool


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--confusion-matrix", "c.xyz"], "--confusion-matrix c.xyz has an unknown suffix; valid:"),
        (["--csv", "/dev/null/s.csv"], "--csv /dev/null/s.csv: its folder cannot be made"),
        (["--classes", "a,a,c"], "--classes has classes of the same name"),
        (["--ignore-label", "999"], "--ignore-label is 999; valid: 0 to 255"),
    ],
    ids=["suffix", "folder", "classes", "ignore"],
)
def test_masks(refused, options, message):
    words = ["--masks", "absent", "--label-maps", "absent", "--classes", "a,b"]
    assert refused("training.evaluate", *words, *options).startswith(f"error: {message}")


@pytest.mark.parametrize("flag", ["--output", "--curves"])
def test_images(refused, flag):
    told = refused(
        "visualization.visualize_results", "--config-file", "absent.yaml", flag, "sheet.xyz"
    )
    assert told.startswith(f"error: {flag} sheet.xyz has an unknown suffix; valid: .png, ")
