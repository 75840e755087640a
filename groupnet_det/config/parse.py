"""Parses config keys to typed values, validated once."""

from detectron2.config import CfgNode

from groupnet_det.errors import ConfigError
from groupnet_det.layers import MAX_BASES, BlockDesign, Quantization
from groupnet_det.layers.methods import Method, make_method

# The value of MODEL.GROUPNET.PARTS.* that means MODEL.GROUPNET.METHOD.
AS_METHOD = "method"


def parse_method(cfg: CfgNode, part: str) -> Method:
    """Parse how ``BACKBONE``, ``NECK``, ``HEAD`` or ``DECODER`` is quantized and built.

    Raises:
        ConfigError: A value is not among the valid ones, which the message lists.
    """
    options = cfg.MODEL.GROUPNET
    own_bases = options.PART_BASES[part] or options.NUM_BASES
    quantization = Quantization(
        num_bases=min(own_bases, options.NUM_BASES) if options.SLIMMABLE_BASES else own_bases,
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


def parse_slimmable_bases(cfg: CfgNode) -> tuple[int, ...]:
    """The numbers of bases of a slimmable network, rising; none for other networks.

    Raises:
        ConfigError: The keys do not fit together.
    """
    options = cfg.MODEL.GROUPNET
    numbers = tuple(options.SLIMMABLE_BASES)
    if not numbers:
        return ()
    key = "MODEL.GROUPNET.SLIMMABLE_BASES"
    wrong = [
        number for number in numbers if type(number) is not int or not 1 <= number <= MAX_BASES
    ]
    if wrong or len(set(numbers)) < 2:
        raise ConfigError(
            f"{key} is {list(numbers)}; valid: two or more whole numbers of 1 to {MAX_BASES}"
        )
    others = {
        "STAGE_BASES": options.STAGE_BASES,
        "BPAC.LAST_RATE_ONLY": options.BPAC.LAST_RATE_ONLY,
    }
    for name, value in others.items():
        if value:
            raise ConfigError(f"{key} and MODEL.GROUPNET.{name} are both set; leave one of them")
    return tuple(sorted(set(numbers)))


def part_method(cfg: CfgNode, part: str) -> str:
    """The name of the method of a part, as in `parse_method`; it may be unknown."""
    options = cfg.MODEL.GROUPNET
    return options.METHOD if options.PARTS[part] == AS_METHOD else options.PARTS[part]
