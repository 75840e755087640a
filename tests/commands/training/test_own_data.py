"""``groupnet-det train --data``: flags that go with it, and those that do not."""

from pathlib import Path

import pytest

from groupnet_det.autotrain.choices.schedule import Budget
from groupnet_det.commands.training import own_data, train_net


@pytest.fixture
def asked(monkeypatch):
    """``asked(words)``: the request, and whether it is a dry run."""
    seen = []
    monkeypatch.setattr(
        own_data, "autotrain", lambda request, dry_run: seen.append((request, dry_run))
    )

    def make(words):
        assert train_net.main(words.split()) == 0
        return seen.pop()

    return make


def test_defaults(asked):
    request, dry_run = asked("--data a/cells")
    assert not dry_run
    assert (request.data, request.task, request.num_bases) == (Path("a/cells"), None, 2)
    assert request.budget == Budget(seconds=1200)
    assert request.output == Path("output/cells")
    assert (request.options, request.num_gpus) == ((), 1)


def test_all_flags(asked):
    words = "--data cells --task detect --k 4 --epochs 3 --output o --dry-run --num-gpus 0 SEED 2"
    request, dry_run = asked(words)
    assert dry_run
    assert (request.task, request.num_bases, request.budget) == ("detect", 4, Budget(epochs=3))
    assert (request.output, request.options, request.num_gpus) == (Path("o"), ("SEED", "2"), 0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--data d --time soon", "error: --time is 'soon'; write a number"),
        ("--data d --time 3min --epochs 2", "error: both a time and a number of epochs"),
        ("--data d --k 0", "error: --k is 0; valid: 1 to 8"),
        ("--data d --resume", "error: --resume goes with a config, not with --data"),
        ("--data d --eval-only", "error: --eval-only goes with a config"),
        ("--data d --num-processes 2", "error: --num-processes goes with a config"),
        ("my.yaml --data d", "error: --config-file goes with a config"),
    ],
)
def test_what_does_not_go_together_is_one_line(words, told):
    with pytest.raises(SystemExit) as end:
        train_net.main(words.split())
    assert end.value.code.startswith(told)
    assert "\n" not in end.value.code


def test_neither_config_nor_data(capsys):
    with pytest.raises(SystemExit) as end:
        train_net.main(["--k", "2"])
    assert end.value.code == 2
    assert "the config file is missing: --config-file FILE" in capsys.readouterr().err
