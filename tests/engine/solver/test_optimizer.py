"""Learning rates: of parts of the network, and over the iterations."""

import pytest
import torch
from detectron2.modeling import build_model

from groupnet_det.config import load_config
from groupnet_det.engine.solver.optimizer import build_lr_scheduler, build_optimizer
from groupnet_det.engine.trainer import Trainer
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


@pytest.mark.parametrize("warmup", [0, 4])
def test_poly_schedule_by_hand(warmup):
    cfg = load_config("", [])
    cfg.merge_from_list(
        [
            *("SOLVER.LR_SCHEDULER_NAME", "WarmupPolyLR", "SOLVER.MAX_ITER", 20),
            *("SOLVER.WARMUP_ITERS", warmup, "SOLVER.WARMUP_FACTOR", 0.1),
        ]
    )
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD(
        [{"params": [parameters[0]], "lr": 1e-4}, {"params": [parameters[1]], "lr": 1e-3}]
    )
    scheduler = Trainer.build_lr_scheduler(cfg, optimizer)
    for iteration in range(20):
        expected = (1 - iteration / 20) ** 0.9
        if iteration < warmup:  # a straight line from a tenth to the value at its end
            expected = 0.1 + ((1 - warmup / 20) ** 0.9 - 0.1) * iteration / warmup
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([1e-4 * expected, 1e-3 * expected])
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0


def test_the_power_is_configurable():
    cfg = load_config("", [])
    cfg.merge_from_list(["SOLVER.LR_SCHEDULER_NAME", "WarmupPolyLR", "SOLVER.WARMUP_ITERS", 0])
    cfg.merge_from_list(["SOLVER.POLY_LR_POWER", 2.0, "SOLVER.MAX_ITER", 4])
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = build_lr_scheduler(cfg, optimizer)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.75**2)


def test_detectron2s_schedules_are_as_before():
    cfg = load_config("", [])
    cfg.merge_from_list(["SOLVER.MAX_ITER", 10, "SOLVER.STEPS", (5,), "SOLVER.WARMUP_ITERS", 0])
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = build_lr_scheduler(cfg, optimizer)
    rates = []
    for _ in range(10):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([1.0] * 5 + [0.1] * 5)


def test_an_unknown_schedule_is_named():
    cfg = load_config("", ["SOLVER.LR_SCHEDULER_NAME", "poly"])
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    with pytest.raises(ConfigError, match=r"LR_SCHEDULER_NAME is 'poly'; valid: 'WarmupPolyLR'"):
        build_lr_scheduler(cfg, optimizer)
