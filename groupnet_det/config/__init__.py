"""Config keys (`add_config_keys`) and their parsing."""

from .defaults import add_config_keys
from .load import load_config, load_config_text
from .parse import parse_method, part_method

__all__ = ["add_config_keys", "load_config", "load_config_text", "parse_method", "part_method"]
