"""The settings that a resumed training goes on with: those of its config."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import yaml
from detectron2.config import CfgNode
from detectron2.solver import LRScheduler

from groupnet_det.errors import CheckpointError

logger = logging.getLogger(__name__)

# Keys that may differ without changing the training, or that do not matter to a resumed one.
WITHOUT_EFFECT = (
    *("OUTPUT_DIR", "VERSION", "VIS_PERIOD", "DATALOADER.NUM_WORKERS", "DATASETS.CUSTOM"),
    *("MODEL.WEIGHTS", "MODEL.INIT", "MODEL.DEVICE"),
)
MOST_LISTED = 8


@contextmanager
def own_settings(optimizer: torch.optim.Optimizer, scheduler: LRScheduler) -> Iterator[None]:
    """Keep learning rate, momentum, weight decay and the like as they are, while the state of an
    optimizer and a scheduler is loaded, which would bring those of the checkpoint.

    Raises:
        CheckpointError: The state is that of another optimizer.
    """
    settings = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    base_rates = list(scheduler.base_lrs)
    try:
        yield
    except (ValueError, KeyError) as error:
        raise CheckpointError(
            f"the checkpoint has the state of another optimizer ({error}); go on with the "
            "SOLVER.OPTIMIZER, the frozen layers, and the factors of biases, norms and heads that "
            "the training began with, or start a new one: MODEL.WEIGHTS, without --resume"
        ) from error
    scheduler.base_lrs = base_rates
    for group, setting, rate in zip(
        optimizer.param_groups, settings, scheduler.get_lr(), strict=True
    ):
        group.update({**setting, "lr": rate})


def check_same_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """
    Raises:
        ValueError: The state is that of an optimizer with other settings, such as no momentum.
    """
    of_both = ("momentum", "betas")
    for group, stored in zip(optimizer.param_groups, state["param_groups"], strict=False):
        wanted, found = ([key for key in of_both if key in g] for g in (group, stored))
        if wanted != found:
            raise ValueError(f"{found[0]} and not {wanted[0]}")


def tell_of_other_settings(path: str, stored: Mapping[str, Any], cfg: CfgNode) -> None:
    """Log in one line which keys are others than those of the training so far.

    Args:
        path: The checkpoint, for the message.
        stored: What it holds besides the model; one without a config is passed over.
        cfg: What the training goes on with.
    """
    before, now = _flat(stored.get("config")), _flat(cfg.dump())
    changed = [
        f"{key} {now[key]} (was {before[key]})"
        for key in now
        if key in before and now[key] != before[key] and not _without_effect(key)
    ]
    if changed:
        more = f" and {len(changed) - MOST_LISTED} more" if len(changed) > MOST_LISTED else ""
        logger.warning(
            f"the training goes on from {path} with other settings, and uses them from here on: "
            f"{', '.join(changed[:MOST_LISTED])}{more}"
        )


def _without_effect(key: str) -> bool:
    return any(key == other or key.startswith(f"{other}.") for other in WITHOUT_EFFECT)


def _flat(config: Any) -> dict[str, Any]:
    """Values by dotted key, of YAML; nothing where it is none."""
    try:
        tree = yaml.safe_load(config) if isinstance(config, str) else None
    except (yaml.YAMLError, RecursionError):
        return {}
    return dict(_leaves("", tree)) if isinstance(tree, dict) else {}


def _leaves(prefix: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value
