"""Fits values to the types of their config keys, or says what to write."""

import ast
from collections.abc import Sequence
from typing import Any

from detectron2.config import CfgNode

from groupnet_det.errors import ConfigError


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


def _fit_value(key: str, value: Any, default: Any) -> Any:
    """`value`, as a float where `default` is one and `value` is a whole number.

    Raises:
        ConfigError: A single value for a list, or a broken number for a whole one; the message says
            what to write.
    """
    meant = _literal(value)
    if isinstance(default, float) and type(meant) is int:
        return float(meant)
    if isinstance(default, list | tuple) and isinstance(meant, int | float):
        raise ConfigError(f'{key} is {meant}, but takes a list; write {key} "[{meant}]"')
    if type(default) is int and isinstance(meant, float):
        near = round(meant) if abs(meant) < 2**53 else 0
        raise ConfigError(f"{key} is {meant}, but takes a whole number; write {key} {near}")
    return value


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
