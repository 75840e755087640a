"""The config of a network is that of a file, or the one that its checkpoint carries."""

import argparse

import pytest
import torch

from groupnet_det.commands.network_config import network_config
from groupnet_det.config import load_config
from groupnet_det.errors import ConfigError

CONFIG = "quick/classifier_groupnet_mnist5k"


def arguments(config, *options):
    return argparse.Namespace(config_file=config, opts=list(map(str, options)))


@pytest.fixture
def checkpoint(tmp_path):
    """Of a network with K = 3."""
    cfg = load_config(CONFIG, ["MODEL.GROUPNET.NUM_BASES", "3"])
    torch.save({"model": {}, "config": cfg.dump()}, tmp_path / "model.pth")
    return tmp_path / "model.pth"


def test_the_config_of_a_checkpoint_with_keys_of_the_command_line(checkpoint):
    words = "MODEL.WEIGHTS", checkpoint, "MODEL.GROUPNET.WIDTH", 0.25
    cfg = network_config(arguments("", *words))
    assert (cfg.MODEL.GROUPNET.NUM_BASES, cfg.MODEL.GROUPNET.WIDTH) == (3, 0.25)
    assert str(checkpoint) == cfg.MODEL.WEIGHTS


def test_a_config_that_is_named_counts(checkpoint):
    cfg = network_config(arguments(CONFIG, "MODEL.WEIGHTS", checkpoint))
    assert cfg.MODEL.GROUPNET.NUM_BASES == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.pth", r"absent\.pth does not exist"),
        ("plain.pth", r"plain\.pth carries no config; give that of its training: --config-file"),
    ],
)
def test_one_that_is_missing_is_one_line(tmp_path, name, message):
    torch.save({"model": {}}, tmp_path / "plain.pth")
    with pytest.raises(ConfigError, match=message):
        network_config(arguments("", "MODEL.WEIGHTS", tmp_path / name))
