"""Config keys (`add_config_keys`) and their parsing."""

from .keys import add_config_keys, own_node
from .load import load_config, load_config_text
from .parse import parse_method, parse_slimmable_bases, part_method

__all__ = [
    "add_config_keys",
    "load_config",
    "load_config_text",
    "own_node",
    "parse_method",
    "parse_slimmable_bases",
    "part_method",
]
