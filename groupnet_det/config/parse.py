"""Parses config keys to typed values, validated once."""

from detectron2.config import CfgNode

from groupnet_det.layers import BlockDesign, Quantization
from groupnet_det.layers.methods import Method, make_method

# The value of MODEL.GROUPNET.PARTS.* that means MODEL.GROUPNET.METHOD.
AS_METHOD = "method"


def parse_method(cfg: CfgNode, part: str) -> Method:
    """Parse how ``BACKBONE``, ``NECK``, ``HEAD`` or ``DECODER`` is quantized and built.

    Raises:
        ConfigError: A value is not among the valid ones, which the message lists.
    """
    options = cfg.MODEL.GROUPNET
    quantization = Quantization(
        num_bases=options.PART_BASES[part] or options.NUM_BASES,
        activation=options.ACTIVATION,
        gradient=options.GRADIENT,
        gradient_width=options.GRADIENT_WIDTH,
        zero_one_gradient=options.ZERO_ONE_GRADIENT,
        weight=options.WEIGHT,
        weight_scale=options.WEIGHT_SCALE,
        weight_gradient=options.WEIGHT_GRADIENT,
        bits=options.BITS,
        weight_terms=options.ABC_WEIGHT_BASES,
        activation_terms=options.ABC_ACTIVATION_BASES,
    )
    design = BlockDesign(
        order=options.ORDER,
        nonlinearity=options.NONLINEARITY,
        shortcut=options.SHORTCUT,
        downsample=options.DOWNSAMPLE,
        stage_bases=tuple(options.STAGE_BASES),
        group=options.GROUP,
        gates=options.GATES,
        merge=options.MERGE,
    )
    return make_method(part_method(cfg, part), Method(quantization=quantization, design=design))


def part_method(cfg: CfgNode, part: str) -> str:
    """The name of the method of a part, as in `parse_method`; it may be unknown."""
    options = cfg.MODEL.GROUPNET
    return options.METHOD if options.PARTS[part] == AS_METHOD else options.PARTS[part]
