"""Config keys that groupnet_det adds to Detectron2's, also in configs that other projects extend.

Nothing that another project defined is replaced: a key is added only where it is missing. A project
that is added after us may replace a whole node, such as ``MODEL.CLASSIFIER``; `own_node` then
still has our keys.
"""

import copy
import functools

from detectron2.config import CfgNode, get_cfg

from .data_keys import add_data_keys
from .head_keys import add_head_keys
from .network_keys import add_network_keys
from .solver_keys import add_solver_keys


def define_keys(cfg: CfgNode) -> None:
    """Set our keys in a config that has Detectron2's alone."""
    add_network_keys(cfg.MODEL)
    add_head_keys(cfg.MODEL)
    add_solver_keys(cfg)
    add_data_keys(cfg)


def add_config_keys(cfg: CfgNode) -> None:
    """Add those of our keys to `cfg` that are missing; what is there stays as it is.

    Doing it again changes nothing, or adds what another project has removed in between.
    """
    _add_missing(cfg, _own_config())


def own_node(cfg: CfgNode, path: str) -> CfgNode:
    """The node `path` with all of our keys: those that are missing have their defaults.

    Args:
        path: Such as ``MODEL.CLASSIFIER``; a node that we define.

    Returns:
        The node itself where it is complete, otherwise a copy.
    """
    defaults = _at(_own_config(), path)
    node = _at(cfg, path)
    if not isinstance(node, CfgNode):
        return copy.deepcopy(defaults)
    if _is_complete(node, defaults):
        return node
    filled = node.clone()
    filled.defrost()
    _add_missing(filled, defaults)
    return filled


@functools.cache
def _own_config() -> CfgNode:
    """Detectron2's defaults with all of our keys; not to be changed."""
    cfg = get_cfg()
    define_keys(cfg)
    return cfg


def _at(cfg: CfgNode, path: str) -> object:
    """The value at `path`; None if the path ends before."""
    return functools.reduce(lambda node, name: getattr(node, name, None), path.split("."), cfg)


def _is_complete(node: CfgNode, defaults: CfgNode) -> bool:
    return all(
        key in node
        and (
            not isinstance(value, CfgNode)
            or (isinstance(node[key], CfgNode) and _is_complete(node[key], value))
        )
        for key, value in defaults.items()
    )


def _add_missing(node: CfgNode, defaults: CfgNode) -> None:
    """Add to `node` what it lacks; a value of another kind counts as there."""
    for key, value in defaults.items():
        if key not in node:
            setattr(node, key, copy.deepcopy(value))
        elif isinstance(value, CfgNode) and isinstance(node[key], CfgNode):
            _add_missing(node[key], value)
