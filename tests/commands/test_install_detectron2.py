"""Choice of the installer among its three ways; pip itself is replaced."""

import subprocess

import pytest

from groupnet_det.commands import install_detectron2 as command


@pytest.fixture
def installer(root, monkeypatch):
    command.done = []
    monkeypatch.setattr(command, "install_upstream", lambda: command.done.append("upstream"))
    monkeypatch.setattr(command, "install_wheel", lambda: command.done.append("wheel"))
    return command


def outcomes(*results):
    """A `check` that gives one result after the other."""
    remaining = list(results)
    return lambda: (remaining.pop(0), "a problem")


def test_a_working_installation_is_kept(installer, monkeypatch, capsys):
    monkeypatch.setattr(installer, "check", outcomes(True))
    assert installer.main([]) == 0
    assert installer.done == []
    assert "is kept" in capsys.readouterr().out


@pytest.mark.parametrize(("reachable", "expected"), [(True, "upstream"), (False, "wheel")])
def test_upstream_where_github_is_reached(installer, monkeypatch, capsys, reachable, expected):
    monkeypatch.setattr(installer, "check", outcomes(False, True))
    monkeypatch.setattr(installer, "github_reachable", lambda: reachable)
    assert installer.main([]) == 0
    assert installer.done == [expected]
    assert expected in capsys.readouterr().out


def test_a_failed_build_is_announced_and_the_wheel_taken(installer, monkeypatch, capsys):
    def fail():
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(installer, "check", outcomes(False, True))
    monkeypatch.setattr(installer, "github_reachable", lambda: True)
    monkeypatch.setattr(installer, "install_upstream", fail)
    assert installer.main([]) == 0
    assert installer.done == ["wheel"]
    assert "FAILED" in capsys.readouterr().out


def test_an_installation_that_does_not_run_is_an_error(installer, monkeypatch, capsys):
    monkeypatch.setattr(installer, "check", outcomes(False, False))
    monkeypatch.setattr(installer, "github_reachable", lambda: False)
    assert installer.main([]) == 1
    assert "does not run: a problem" in capsys.readouterr().err


def test_the_installed_detectron2_passes_the_check(root):
    working, problem = command.check()
    assert working, problem
