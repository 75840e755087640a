"""From config keys to typed values, validated once."""

from detectron2.config import CfgNode

from groupnet_det.errors import lookup
from groupnet_det.layers import Binarization

PRECISIONS = ("binary", "float")


def parse_binarization(cfg: CfgNode) -> Binarization:
    """``MODEL.GROUPNET``'s quantizers and K.

    Raises:
        ConfigError: A value is not among the valid ones, which the message lists.
    """
    options = cfg.MODEL.GROUPNET
    return Binarization(
        num_bases=options.NUM_BASES,
        activation=options.ACTIVATION,
        weight=options.WEIGHT,
        weight_scale=options.WEIGHT_SCALE,
    )


def part_precision(cfg: CfgNode, part: str) -> str:
    """``binary`` or ``float``, for ``BACKBONE``, ``NECK`` or ``HEAD``.

    Raises:
        ConfigError: The key holds something else.
    """
    precision = cfg.MODEL.GROUPNET.PARTS[part]
    lookup(dict.fromkeys(PRECISIONS), precision, f"MODEL.GROUPNET.PARTS.{part}")
    return precision
