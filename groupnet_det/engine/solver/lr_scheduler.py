"""Learning-rate schedules by name."""

from collections.abc import Callable

import torch
from detectron2.config import CfgNode
from detectron2.solver import LRMultiplier, LRScheduler, WarmupParamScheduler
from detectron2.solver import build_lr_scheduler as build_detectron2_lr_scheduler
from fvcore.common.param_scheduler import PolynomialDecayParamScheduler

from groupnet_det.errors import lookup


def build_lr_scheduler(cfg: CfgNode, optimizer: torch.optim.Optimizer) -> LRScheduler:
    """``SOLVER.LR_SCHEDULER_NAME``: Detectron2's, or ``WarmupPolyLR``.

    The latter has Detectron2's warm-up, then ``(1 - iteration / MAX_ITER) ** POLY_LR_POWER`` times
    the learning rate (Chen et al., DeepLab, arXiv 1606.00915).

    Raises:
        ConfigError: Unknown schedule.
    """
    build = lookup(SCHEDULERS, cfg.SOLVER.LR_SCHEDULER_NAME, "SOLVER.LR_SCHEDULER_NAME")
    return build(cfg, optimizer)


def _build_poly(cfg: CfgNode, optimizer: torch.optim.Optimizer) -> LRScheduler:
    solver = cfg.SOLVER
    multiplier = WarmupParamScheduler(
        PolynomialDecayParamScheduler(1.0, solver.POLY_LR_POWER),
        solver.WARMUP_FACTOR,
        min(solver.WARMUP_ITERS / solver.MAX_ITER, 1.0),
        solver.WARMUP_METHOD,
    )
    return LRMultiplier(optimizer, multiplier=multiplier, max_iter=solver.MAX_ITER)


SCHEDULERS: dict[str, Callable[[CfgNode, torch.optim.Optimizer], LRScheduler]] = {
    "WarmupPolyLR": _build_poly,
    **dict.fromkeys(
        ("WarmupMultiStepLR", "WarmupCosineLR", "WarmupStepWithFixedGammaLR"),
        build_detectron2_lr_scheduler,
    ),
}
