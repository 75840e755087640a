"""Config keys (`add_groupnet_config`) and their parsing."""

from .defaults import add_groupnet_config
from .load import load_config
from .parse import PARTS, parse_binarization, part_precision

__all__ = [
    "PARTS",
    "add_groupnet_config",
    "load_config",
    "parse_binarization",
    "part_precision",
]
