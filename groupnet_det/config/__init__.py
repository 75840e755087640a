"""Config keys (`add_config_keys`) and their parsing."""

from .defaults import add_config_keys
from .load import load_config
from .parse import parse_binarization, part_precision

__all__ = [
    "add_config_keys",
    "load_config",
    "parse_binarization",
    "part_precision",
]
