"""Learning rates of parts of the network."""

import pytest
import torch
from detectron2.modeling import build_model

from groupnet_det.config import load_config
from groupnet_det.engine.solver.optimizer import build_optimizer
from groupnet_det.errors import ConfigError
from tests.modeling.segmentors import make_segmentor, small_config


def rates_by_name(optimizer, model):
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    return {name: rates[id(p)] for name, p in model.named_parameters()}


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW"])
def test_the_head_learns_faster(optimizer):
    options = ["SOLVER.HEAD_LR_FACTOR", 10.0, "SOLVER.BASE_LR", 0.002]
    options += ["SOLVER.OPTIMIZER", optimizer, "SOLVER.WEIGHT_DECAY_NORM", 0.0]
    cfg = small_config("deeplabv3plus", *options)
    model = build_model(cfg)
    made = build_optimizer(cfg, model)
    rates = rates_by_name(made, model)
    assert len(made.param_groups) <= 4  # head or not, BN or not
    for name, rate in rates.items():
        assert rate == pytest.approx(0.002 if name.startswith("backbone.") else 0.02), name
    assert {rate > 0.01 for rate in rates.values()} == {True, False}


def test_without_a_factor_all_learn_alike():
    cfg = small_config("fcn32s", "SOLVER.BASE_LR", 0.5)
    model = build_model(cfg)
    assert set(rates_by_name(build_optimizer(cfg, model), model).values()) == {0.5}


def test_a_pyramid_counts_as_head(root):
    path = str(root / "configs/Base/retinanet_groupnet_r18_fpn.yaml")
    cfg = load_config(path, ["MODEL.DEVICE", "cpu", "MODEL.GROUPNET.WIDTH", "0.125"])
    cfg.merge_from_list(["SOLVER.HEAD_LR_FACTOR", 2.0, "SOLVER.BASE_LR", 1.0])
    model = build_model(cfg)
    for name, rate in rates_by_name(build_optimizer(cfg, model), model).items():
        assert rate == (1.0 if name.startswith("backbone.bottom_up.") else 2.0), name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["SOLVER.HEAD_LR_FACTOR", 0.0], "HEAD_LR_FACTOR is 0.0; it must be above 0"),
        (["SOLVER.HEAD_LR_FACTOR", 10.0, "SOLVER.BIAS_LR_FACTOR", 2.0], "do not work together"),
    ],
    ids=["zero", "bias"],
)
def test_factors_that_cannot_work(options, message):
    with pytest.raises(ConfigError, match=message):
        build_optimizer(small_config("fcn32s", *options), make_segmentor("fcn32s"))


def test_a_factor_needs_a_backbone():
    cfg = small_config("fcn32s", "SOLVER.HEAD_LR_FACTOR", 10.0)
    with pytest.raises(ConfigError, match="for models with a backbone"):
        build_optimizer(cfg, torch.nn.Linear(1, 1))
