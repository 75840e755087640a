"""A `ConvUnit` as terms of a branch: one for each base, and for each product of signs."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from groupnet_det.errors import ConfigError
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.layers.conv_unit import ConvUnit
from groupnet_det.layers.merge import WideMean, WideScales
from groupnet_det.runtime.program import Term
from groupnet_det.runtime.sign_bits import pack_sign_bits

from .activations import ActivationSteps, BinaryTerm, is_identity
from .folding import Chain
from .program_builder import ProgramBuilder
from .signal import Signal
from .weights import SignTerm, quantized_weight, sign_terms

MAX_TERMS = 64  # of a branch


@dataclass
class Unpacked:
    """Convolutions that are not computed with bits, with the reason, by name."""

    reasons: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, reason: str) -> None:
        self.reasons.setdefault(name, reason)


class UnitExporter:
    """Turns units into terms."""

    def __init__(self, builder: ProgramBuilder, names: dict[int, str]) -> None:
        """
        Args:
            builder: Gets buffers and tensors.
            names: Path of each module, by its id.
        """
        self.builder, self._names = builder, names
        self.unpacked = Unpacked()

    def name(self, module: nn.Module) -> str:
        return self._names[id(module)]

    def terms(self, unit: ConvUnit, signal: Signal, room: int = MAX_TERMS) -> list[Term]:
        """The terms whose sum is the output of `unit` on `signal`.

        Args:
            room: How many terms there may be; a unit that needs more is computed with floats.

        Raises:
            ConfigError: No program can compute this.
        """
        name = self.name(unit)
        norm = unit.norm[0] if unit.steps[0] == "norm" else None
        steps = _Activation(unit.conv, norm, f"{name}.conv")
        chain = _chain(unit)
        bases = self._base_chains(unit, chain)
        weights, activations = sign_terms(unit.conv, f"{name}.conv"), steps.binary_terms()
        reason = _reason(unit.conv, weights, activations, chain, len(bases), room)
        if reason:
            self.unpacked.note(f"{name}.conv", reason)
            return self._float_terms(unit, signal, steps, bases)
        assert weights is not None
        assert activations is not None
        inputs = [
            signal.as_bits(f"{name}.{n}" if n else name, a.threshold, a.invert, a.pad)
            for n, a in enumerate(activations)
        ]
        terms = []
        for k, (channels, base) in enumerate(bases):
            pairs = [(w, n) for w in weights for n in range(len(activations))]
            for index, (weight, n) in enumerate(pairs):
                # A shift is added once to a sum of several products.
                part = base if index == 0 else base.without_shift()
                terms.append(
                    self._binary_term(
                        unit.conv,
                        inputs[n],
                        weight.part(channels),
                        activations[n],
                        part,
                        f"{name}.{k}.{index}",
                    )
                )
        return terms

    def _base_chains(self, unit: ConvUnit, chain: Chain) -> list[tuple[slice, Chain]]:
        """For each base its output channels, and what follows its sum."""
        channels = unit.conv.out_channels // unit.num_bases
        factors = _base_factors(unit.merge, unit.num_bases)
        parts = [slice(k * channels, (k + 1) * channels) for k in range(unit.num_bases)]
        return [
            (part, chain.part(part).then_affine(factor))
            for part, factor in zip(parts, factors, strict=True)
        ]

    def _binary_term(
        self,
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
            weight=self.builder.tensor(f"{name}.weight", pack_sign_bits(weight.signs)),
            offset=None if offset is None else self.builder.tensor(f"{name}.offset", offset),
            map=self.builder.map(name, chain.values()),
            **_geometry(conv),
        )

    def _float_terms(
        self,
        unit: ConvUnit,
        signal: Signal,
        steps: "_Activation",
        bases: list[tuple[slice, Chain]],
    ) -> list[Term]:
        name = self.name(unit)
        buffer = steps.float_input(signal, name)
        weight = quantized_weight(unit.conv).permute(0, 2, 3, 1)
        return [
            Term(
                input=buffer,
                weight=self.builder.tensor(f"{name}.{k}.weight", weight[channels]),
                map=self.builder.map(f"{name}.{k}", chain.values()),
                **_geometry(unit.conv),
            )
            for k, (channels, chain) in enumerate(bases)
        ]


class _Activation:
    """What a convolution reads of its input."""

    def __init__(self, conv: QuantizedConv2d, norm: Any, name: str) -> None:
        self._identity = is_identity(conv.activation)
        if self._identity and norm is not None:
            raise ConfigError(
                f"{name}: a BN before a convolution that is not quantized cannot be exported; "
                "choose another MODEL.GROUPNET.ORDER than 'norm_conv_act'"
            )
        if not self._identity:
            self._steps = ActivationSteps(conv.activation, norm, conv.in_channels, name)

    def binary_terms(self) -> list[BinaryTerm] | None:
        return None if self._identity else self._steps.binary_terms()

    def float_input(self, signal: Signal, name: str) -> int:
        if self._identity:
            return signal.as_float()
        levels = self._steps.levels()
        return signal.as_levels(name, levels.thresholds, levels.values, levels.pad)


def _chain(unit: ConvUnit) -> Chain:
    """What follows the sum of the convolution, but for the merge of the bases."""
    chain = Chain.identity(unit.conv.out_channels)
    for step in unit.steps[unit.steps.index("conv") + 1 :]:
        chain = chain.then_norm(unit.norm[0]) if step == "norm" else chain.then_act(unit.act)
    return chain


def _base_factors(merge: nn.Module, num_bases: int) -> Tensor:
    if isinstance(merge, WideScales):
        return merge.scales.detach().double()
    assert isinstance(merge, WideMean | nn.Identity)
    return torch.full((num_bases,), 1 / num_bases, dtype=torch.float64)


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
    chain: Chain,
    num_bases: int,
    room: int,
) -> str:
    """Why a convolution is not one of bits; empty where it is."""
    if weights is None or activations is None:
        bits = conv.weight_quantizer.precision, conv.activation.precision
        if bits == (32, 32):
            return "full precision by the config"
        return "weights of {} and activations of {} bits".format(*bits)
    products = len(weights) * len(activations)
    if products > 1 and chain.act != "none":
        return f"a nonlinearity follows the sum of its {products} products of signs"
    if products * num_bases > room:
        return f"it has {products * num_bases} products of signs; there is room for {room}"
    return ""
