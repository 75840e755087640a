"""A quantized convolution as terms of a branch: one for each base, and for each product of signs.

Legend: C output channels of a base, K bases, n input channels.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.builder.folding import Chain
from groupnet_det.exporting.packed.builder.step_builders import BranchBuilder
from groupnet_det.exporting.packed.eight_bits.float_layers import Operands
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.layers.convs.averaged_conv import AveragedConv
from groupnet_det.layers.convs.conv_unit import ConvUnit
from groupnet_det.packed.sign_bits import pack_sign_bits
from groupnet_det.packed.steps.conv import MAX_TERMS, Term

from .activation_steps import BinaryTerm, ConvActivation
from .conv_bases import Base, Reading, base_channels, base_factors, unit_chain, whole
from .exporter import Exporter
from .float_convs import float_convs_for
from .weight_steps import SignTerm, quantized_weight, sign_terms

FLOAT_BITS = 32
# Of a convolution with quantizers of several bits: from about 3 bits on, floats are faster.
MAX_PRODUCTS = 32


def unit_terms(
    exporter: Exporter,
    unit: ConvUnit,
    feature: FeatureMap,
    room: int = MAX_TERMS,
    *,
    level: int = 0,
    input_norm: nn.Module | None = None,
    order: Tensor | None = None,
    alone: BranchBuilder | None = None,
) -> list[Term]:
    """The terms whose sum is the output of `unit` on `feature`, but for its shortcut.

    Args:
        exporter: Exporter of the program.
        unit: The layer.
        feature: Its input.
        room: How many terms there may be; a unit that needs more is computed with floats.
        level: Level of the pyramid whose BN is taken; the weights are the same for all levels.
        input_norm: A BN that `feature` still has to go through, if any.
        order: The output channels in the order that is wanted, int64 (C,); all in theirs if
            missing.
        alone: The branch of the unit, if nothing else is added there: its final map takes a
            nonlinearity that follows the sum of several products of signs.

    Raises:
        ConfigError: No program can compute this.
    """
    chain = unit_chain(unit, level)
    bases = [
        Base(channels=channels, chain=chain.part(channels).then_affine(factor))
        for channels, factor in zip(base_channels(unit, order), base_factors(unit), strict=True)
    ]
    name = exporter.name(unit) + (f".{level}" if len(unit.norm) > 1 else "")
    if alone is not None and len(bases) == 1 and _is_sum_of_products(unit.conv):
        first, last = bases[0].chain.split()
        alone.final = exporter.builder.map(f"{name}.final", last.values())
        bases = [replace(bases[0], chain=first)]
    norm = _composed(input_norm, unit.norm_before_sign(level))
    return base_terms(exporter, unit.conv, name, whole(feature), bases, norm, room)


def _is_sum_of_products(conv: QuantizedConv2d) -> bool:
    """Whether its weights or activations are of several bits, or several signs."""
    quantizers = (conv.weight_quantizer, conv.activation)
    return any(q.num_terms > 1 or 1 < q.precision < FLOAT_BITS for q in quantizers)


def averaged_terms(
    exporter: Exporter, unit: AveragedConv, feature: FeatureMap, input_norm: nn.Module | None = None
) -> list[Term]:
    """The same for ``BN(mean_k conv_k(Q(x)))``, without what follows the BN."""
    number = unit.conv.out_channels // unit.norm.num_features
    chain = Chain.identity(unit.norm.num_features).then_affine(1 / number).then_norm(unit.norm)
    channels = torch.arange(unit.conv.out_channels).chunk(number)
    bases = [
        Base(channels=part, chain=chain if k == 0 else chain.without_shift())
        for k, part in enumerate(channels)
    ]
    norm = _composed(input_norm, None)
    return base_terms(exporter, unit.conv, exporter.name(unit), whole(feature), bases, norm)


def base_terms(
    exporter: Exporter,
    conv: QuantizedConv2d,
    name: str,
    readings: Sequence[Reading],
    bases: Sequence[Base],
    norm: nn.Module | None = None,
    room: int = MAX_TERMS,
) -> list[Term]:
    """The terms of some bases of a convolution.

    Args:
        exporter: Exporter of the program.
        conv: The convolution.
        name: Name of its unit.
        readings: The maps that its input is put together of.
        bases: The bases that are wanted.
        norm: What its input goes through before.
        room: See `unit_terms`.
    """
    steps = ConvActivation(conv, norm, exporter.name(conv))
    weights, activations = sign_terms(conv, exporter.name(conv)), steps.binary_terms()
    act = next((b.chain.act for b in bases if b.chain.act != "none"), "none")
    assert act == "none" or len(readings) == 1, "f(a + b) is not a sum of two terms"
    reason = _reason(
        conv, weights, activations, act, num_parts=len(bases) * len(readings), room=room
    )
    if reason:
        if conv.is_float:
            return _float_terms(exporter, conv, name, readings, bases, reason)
        exporter.unpacked.note(exporter.name(conv), reason)
        return _level_terms(exporter, conv, name, readings, bases, steps)
    assert weights is not None
    assert activations is not None
    inputs = _bits(name, activations, readings)
    terms: list[Term] = []
    for k, base in enumerate(bases):
        chain = base.chain
        for index, (weight, (buffer, channels, activation)) in enumerate(product(weights, inputs)):
            part = weight.part(base.channels).inputs(channels)
            own = f"{name}.{k}.{index}"
            terms.append(_binary_term(exporter, conv, buffer, part, activation, chain, own))
            if chain.act == "none":  # a shift is added once to a sum of several products
                chain = chain.without_shift()
    return terms


def _bits(
    name: str, activations: Sequence[BinaryTerm], readings: Sequence[Reading]
) -> list[tuple[int, slice, BinaryTerm]]:
    """The buffers of bits, with the input channels and the signs that they hold."""
    found = []
    for (number, activation), reading in product(enumerate(activations), readings):
        channels = reading.channels
        buffer = reading.feature.as_bits(
            f"{name}.{number}" if number else name,
            activation.threshold[channels],
            activation.invert[channels],
            activation.pad,
        )
        found.append((buffer, channels, activation))
    return found


def _binary_term(
    exporter: Exporter,
    conv: QuantizedConv2d,
    buffer: int,
    weight: SignTerm,
    activation: BinaryTerm,
    chain: Chain,
    name: str,
) -> Term:
    offset = None
    if activation.centre:
        # half * (offset - 2 m) is the sum, with all activations shifted by +- half.
        signs = weight.signs.sum(dim=(1, 2, 3)) * (activation.centre / activation.half)
        offset = (signs + weight.signs[0].numel()).to(torch.int32)
    chain = chain.after_scale(weight.magnitude * activation.half)
    return Term(
        input=buffer,
        weight=exporter.builder.tensor(f"{name}.weight", pack_sign_bits(weight.signs)),
        offset=None if offset is None else exporter.builder.tensor(f"{name}.offset", offset),
        map=exporter.builder.map(name, chain.values()),
        **_geometry(conv),
    )


def _float_terms(
    exporter: Exporter,
    conv: QuantizedConv2d,
    name: str,
    readings: Sequence[Reading],
    bases: Sequence[Base],
    reason: str,
) -> list[Term]:
    """Terms of a convolution that is in full precision, for this reason."""
    convs = float_convs_for(exporter, conv, readings)
    exporter.unpacked.note(exporter.name(conv), convs.reason(reason))
    weight = quantized_weight(conv).permute(0, 2, 3, 1)

    def operands(reading: Reading, part: Tensor, chain: Chain) -> Operands:
        return convs.operands(exporter.name(conv), reading.feature, part, chain)

    return _unpacked_terms(exporter, conv, name, readings, bases, weight, operands)


def _level_terms(
    exporter: Exporter,
    conv: QuantizedConv2d,
    name: str,
    readings: Sequence[Reading],
    bases: Sequence[Base],
    steps: ConvActivation,
) -> list[Term]:
    """Terms, as floats, of quantized weights and activations that no product of signs computes."""
    weight = quantized_weight(conv).permute(0, 2, 3, 1)
    inputs = {id(reading): steps.float_input(reading, name) for reading in readings}

    def operands(reading: Reading, part: Tensor, chain: Chain) -> Operands:
        return Operands(input=inputs[id(reading)], weight=part, chain=chain)

    return _unpacked_terms(exporter, conv, name, readings, bases, weight, operands)


def _unpacked_terms(
    exporter: Exporter,
    conv: QuantizedConv2d,
    name: str,
    readings: Sequence[Reading],
    bases: Sequence[Base],
    weight: Tensor,
    operands: Callable[[Reading, Tensor, Chain], Operands],
) -> list[Term]:
    terms = []
    for k, base in enumerate(bases):
        chain = base.chain
        for index, reading in enumerate(readings):
            own = f"{name}.{k}" + (f".{index}" if index else "")
            part = weight[base.channels][..., reading.channels]
            given = operands(reading, part, chain)
            terms.append(
                Term(
                    input=given.input,
                    weight=exporter.builder.tensor(f"{own}.weight", given.weight),
                    map=exporter.builder.map(own, given.chain.values()),
                    **_geometry(conv),
                )
            )
            if len(readings) > 1:
                chain = chain.without_shift()
    return terms


def _composed(first: nn.Module | None, second: nn.Module | None) -> nn.Module | None:
    """One after the other; an identity is nothing."""
    norms = [n for n in (first, second) if n is not None and not isinstance(n, nn.Identity)]
    return nn.Sequential(*norms) if norms else None


def _geometry(conv: QuantizedConv2d) -> dict[str, Any]:
    return {
        "stride": conv.stride[0],
        "padding": int(conv.padding[0]),
        "dilation": conv.dilation[0],
    }


def _reason(
    conv: QuantizedConv2d,
    weights: list[SignTerm] | None,
    activations: list[BinaryTerm] | None,
    act: str,
    *,
    num_parts: int,
    room: int,
) -> str:
    """The reason why a convolution has no bits; empty if it has."""
    if weights is None or activations is None:
        bits = conv.weight_quantizer.precision, conv.activation.precision
        if bits == (FLOAT_BITS, FLOAT_BITS):
            return "full precision by the config"
        return "weights of {} and activations of {} bits".format(*bits)
    products = len(weights) * len(activations)
    if products > 1 and act != "none":
        return f"a nonlinearity follows the sum of its {products} products of signs"
    if products > MAX_PRODUCTS and conv.weight_quantizer.precision > 1:
        return f"floats are faster than its {products} products of signs"
    if products * num_parts > room:
        return f"it has {products * num_parts} products of signs; there is room for {room}"
    return ""
