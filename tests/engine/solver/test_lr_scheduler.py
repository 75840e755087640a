"""Learning rates over the iterations."""

import pytest
import torch

from groupnet_det.config import load_config
from groupnet_det.engine.solver.lr_scheduler import build_lr_scheduler
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import ConfigError


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
