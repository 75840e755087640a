"""Optimizers by name."""

from collections.abc import Callable
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.solver import get_default_optimizer_params
from detectron2.solver.build import maybe_add_gradient_clipping

from groupnet_det.checkpoint.compatibility import backbone_prefix
from groupnet_det.errors import ConfigError, lookup

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
        ConfigError: Unknown optimizer, or ``HEAD_LR_FACTOR`` cannot work.
    """
    solver = cfg.SOLVER
    spelt = {name.lower(): name for name in OPTIMIZERS}  # other projects write ADAMW
    name = spelt.get(solver.OPTIMIZER.lower(), solver.OPTIMIZER)
    make_arguments = lookup(OPTIMIZERS, name, "SOLVER.OPTIMIZER")
    optimizer_class, arguments = make_arguments(solver)
    params = get_default_optimizer_params(
        model,
        base_lr=solver.BASE_LR,
        weight_decay_norm=solver.WEIGHT_DECAY_NORM,
        bias_lr_factor=solver.BIAS_LR_FACTOR,
        weight_decay_bias=solver.WEIGHT_DECAY_BIAS,
        lr_factor_func=_learning_rate_factors(cfg, model),
    )
    return maybe_add_gradient_clipping(cfg, optimizer_class)(
        params, lr=solver.BASE_LR, weight_decay=solver.WEIGHT_DECAY, **arguments
    )


def _learning_rate_factors(cfg: CfgNode, model: torch.nn.Module) -> Callable[[str], float] | None:
    """A function from a parameter's name to the factor on its learning rate; None if all are 1."""
    factor = cfg.SOLVER.HEAD_LR_FACTOR
    if factor == 1:
        return None
    if factor <= 0:
        raise ConfigError(f"SOLVER.HEAD_LR_FACTOR is {factor}; it must be above 0")
    if cfg.SOLVER.BIAS_LR_FACTOR not in (None, 1.0):  # Detectron2 takes it instead of ours
        raise ConfigError("SOLVER.HEAD_LR_FACTOR and BIAS_LR_FACTOR do not work together; set one")
    prefix = backbone_prefix(name for name, _ in model.named_parameters())
    if prefix is None:
        raise ConfigError(
            "SOLVER.HEAD_LR_FACTOR is for models with a backbone (backbone.stem...); set it to 1"
        )
    return lambda name: 1.0 if name.startswith(prefix) else factor
