"""Convolutions of floats with a bias or a BN: what is not of our own quantized layers."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.folding import Chain
from groupnet_det.exporting.packed.builder.step_builders import ConvBuilder
from groupnet_det.exporting.packed.eight_bits.float_layers import Float32Convs, FloatConvs
from groupnet_det.packed.steps.conv import Term

from .conv_bases import Reading
from .exporter import Exporter

NORMS = ("running_mean", "running_var", "weight", "bias", "eps")  # what a BN has, frozen or not


def float_chain(conv: Any, norm: nn.Module | None, name: str) -> Chain:
    """The map after the sum: the bias, then the BN.

    Raises:
        ConfigError: The norm is not a BatchNorm.
    """
    chain = Chain.identity(conv.weight.shape[0])
    if conv.bias is not None:
        chain = chain.then_affine(1.0, conv.bias.detach().double())
    if norm is None or isinstance(norm, nn.Identity):
        return chain
    if not all(getattr(norm, member, None) is not None for member in NORMS):
        raise ConfigError(
            f"{name} is normalized by {type(norm).__name__}, which cannot be exported; train with "
            "BN (MODEL.FPN.NORM)"
        )
    return chain.then_norm(norm)


def float_convs_for(exporter: Exporter, conv: nn.Conv2d, readings: Sequence[Reading]) -> FloatConvs:
    """Choose how a convolution in full precision is computed: with floats if its input consists of
    several maps, because the scale of a channel's weights belongs to all of them."""
    is_whole = [reading.channels for reading in readings] == [slice(0, conv.in_channels)]
    return exporter.float_convs if is_whole else Float32Convs()


def float_terms(
    exporter: Exporter, conv: nn.Conv2d, readings: Sequence[Reading], chain: Chain, name: str
) -> list[Term]:
    """Terms of a float convolution, one for each map that its input is put together of.

    Args:
        exporter: Exporter of the program.
        conv: The convolution.
        readings: The maps.
        chain: What follows the sum; no nonlinearity where there are several maps.
        name: Name of the convolution.

    Raises:
        ConfigError: Its geometry is one that no program can compute.
    """
    convs = float_convs_for(exporter, conv, readings)
    exporter.unpacked.note(name, convs.reason("full precision always"))
    weight = conv.weight.detach().permute(0, 2, 3, 1)
    terms = []
    for index, reading in enumerate(readings):
        own = f"{name}.{index}" if index else name
        part = weight[..., reading.channels]
        given = convs.operands(name, reading.feature, part, chain)
        terms.append(
            Term(
                input=given.input,
                weight=exporter.builder.tensor(f"{own}.weight", given.weight),
                map=exporter.builder.map(own, given.chain.values()),
                **conv_geometry(conv, name),
            )
        )
        if len(readings) > 1:
            chain = chain.without_shift()
    return terms


def export_float_conv(
    exporter: Exporter,
    conv: nn.Conv2d,
    readings: Sequence[Reading],
    *,
    norm: nn.Module | None = None,
    act: nn.Module | None = None,
    name: str,
) -> ConvBuilder:
    """Append a float convolution, its BN and its nonlinearity."""
    builder = exporter.builder
    step = builder.conv(name, num_branches=1, channels=conv.out_channels)
    (branch,) = step.branches
    chain = float_chain(conv, norm, name)
    branch.terms = float_terms(exporter, conv, readings, chain, name)
    if act is not None:
        final = Chain.identity(conv.out_channels).then_act(act)
        branch.final = builder.map(f"{name}.final", final.values())
    return step


def conv_geometry(conv: nn.Conv2d, name: str) -> dict[str, Any]:
    """Stride, padding and dilation.

    Raises:
        ConfigError: They differ between rows and columns, or there are groups.
    """
    sizes = {"stride": conv.stride, "padding": conv.padding, "dilation": conv.dilation}
    if conv.groups != 1 or any(isinstance(s, str) or s[0] != s[1] for s in sizes.values()):
        raise ConfigError(f"{name}: a convolution with groups, or not square, cannot be exported")
    return {key: int(size[0]) for key, size in sizes.items()}
