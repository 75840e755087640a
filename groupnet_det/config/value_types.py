"""Fits values to the types of their config keys, or says what to write."""

import ast
from collections.abc import Sequence
from typing import Any

from detectron2.config import CfgNode

from groupnet_det.errors import ConfigError, shortened


def fit_tree(cfg: CfgNode, tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The mapping of a config file with its values by `_fit_value`.

    Args:
        cfg: Whose keys `tree` sets, some of them.

    Raises:
        ConfigError: A value cannot be meant.
    """
    fitted = {}
    for key, value in tree.items():
        default = cfg.get(key) if isinstance(key, str) else None
        name = f"{prefix}{key}"
        if isinstance(default, CfgNode) and isinstance(value, dict):
            fitted[key] = fit_tree(default, value, f"{name}.")
        else:
            fitted[key] = _fit_value(name, value, default)
    return fitted


def fit_options(cfg: CfgNode, options: Sequence[Any]) -> list[Any]:
    """KEY VALUE pairs with their values by `_fit_value`; yacs reports an odd one out.

    Raises:
        ConfigError: A value cannot be meant.
    """
    fitted = list(options)
    for index in range(0, len(fitted) - 1, 2):
        key = fitted[index]
        fitted[index + 1] = _fit_value(key, fitted[index + 1], _default(cfg, str(key)))
    return fitted


# What keys take by the type of their default, in words.
KINDS = {bool: "True or False", int: "a whole number", float: "a number"}
# The least values of keys; smaller ones end in a division by zero, or in a training of nothing.
LEAST = {
    **dict.fromkeys(("SOLVER.IMS_PER_BATCH", "TEST.IMS_PER_BATCH", "SOLVER.MAX_ITER"), 1),
    **dict.fromkeys(("SOLVER.CHECKPOINT_PERIOD", "MODEL.FPN.OUT_CHANNELS"), 1),
    **dict.fromkeys(("SOLVER.WARMUP_ITERS", "SOLVER.BASE_LR", "DATALOADER.NUM_WORKERS"), 0),
}
SIZES = "INPUT.MIN_SIZE_TRAIN"


def _fit_value(key: str, value: Any, default: Any) -> Any:
    """`value`, as a float where `default` is one and `value` is a whole number.

    Raises:
        ConfigError: A single value for a list, a broken number for a whole one, or a text for a
            number; the message says what to write.
    """
    meant = _literal(value)
    if isinstance(default, float) and type(meant) is int:
        return float(meant)
    if isinstance(default, list | tuple) and _is_single(meant):
        raise ConfigError(f'{key} is {meant}, but takes a list; write {key} "{_as_list(meant)}"')
    if type(default) is int and isinstance(meant, float):
        near = round(meant) if abs(meant) < 2**53 else 0
        raise ConfigError(f"{key} is {meant}, but takes a whole number; write {key} {near}")
    if type(default) in KINDS and isinstance(meant, str):
        raise ConfigError(f"{key} is {shortened(meant)}, but takes {KINDS[type(default)]}")
    return value


def check_values(cfg: CfgNode) -> None:
    """See that numbers are large enough.

    Raises:
        ConfigError: One is not; the message says what to write.
    """
    for key, least in LEAST.items():
        value = _default(cfg, key)
        if not value >= least:  # NaN neither
            raise ConfigError(f"{key} is {value}; write at least {least}")
    sizes = cfg.INPUT.MIN_SIZE_TRAIN
    if not sizes or not all(type(size) is int and size >= 0 for size in sizes):
        raise ConfigError(
            f'{SIZES} is {list(sizes)}, but takes whole numbers; write such as {SIZES} "[160, 192]"'
        )


def _is_single(meant: Any) -> bool:
    """Whether it is one value, or a list of names without quotes."""
    return isinstance(meant, int | float) or (isinstance(meant, str) and "{" not in meant)


def _as_list(meant: Any) -> str:
    if not isinstance(meant, str):
        return f"[{meant}]"
    names = [name.strip(" '\"") for name in meant.strip("[]() ").split(",")]
    return repr([name for name in names if name])


def _default(cfg: CfgNode, key: str) -> Any:
    node: Any = cfg
    for part in key.split("."):
        node = node.get(part) if isinstance(node, CfgNode) else None
    return node


def _literal(value: Any) -> Any:
    """The value that yacs will read from a text."""
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value
