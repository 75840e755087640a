"""Optimizers by name."""

from collections.abc import Callable
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.solver import get_default_optimizer_params
from detectron2.solver.build import maybe_add_gradient_clipping

from groupnet_det.errors import lookup

OPTIMIZERS: dict[str, Callable[[CfgNode], tuple[type[torch.optim.Optimizer], dict[str, Any]]]] = {
    "SGD": lambda solver: (
        torch.optim.SGD,
        {"momentum": solver.MOMENTUM, "nesterov": solver.NESTEROV},
    ),
    "Adam": lambda solver: (torch.optim.Adam, {"fused": True}),
    "AdamW": lambda solver: (torch.optim.AdamW, {"fused": True}),
}


def build_optimizer(cfg: CfgNode, model: torch.nn.Module) -> torch.optim.Optimizer:
    """``SOLVER.OPTIMIZER`` with Detectron2's parameter groups and gradient clipping.

    Raises:
        ConfigError: Unknown optimizer.
    """
    solver = cfg.SOLVER
    make_arguments = lookup(OPTIMIZERS, solver.OPTIMIZER, "SOLVER.OPTIMIZER")
    optimizer_class, arguments = make_arguments(solver)
    params = get_default_optimizer_params(
        model,
        base_lr=solver.BASE_LR,
        weight_decay_norm=solver.WEIGHT_DECAY_NORM,
        bias_lr_factor=solver.BIAS_LR_FACTOR,
        weight_decay_bias=solver.WEIGHT_DECAY_BIAS,
    )
    return maybe_add_gradient_clipping(cfg, optimizer_class)(
        params, lr=solver.BASE_LR, weight_decay=solver.WEIGHT_DECAY, **arguments
    )
