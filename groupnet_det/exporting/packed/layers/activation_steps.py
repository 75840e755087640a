"""Activation quantizers of convolutions as thresholds of bits, or levels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import ConfigError
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.quantizers.base import ActivationQuantizer
from groupnet_det.quantizers.full_precision import FloatActivation, TanhActivation
from groupnet_det.quantizers.multi_bit.abc_net import ABCActivation
from groupnet_det.quantizers.sign_activation import SignActivation

from .conv_bases import Reading
from .threshold_search import find_switches, find_values, read_levels


@dataclass(frozen=True, kw_only=True)
class BinaryTerm:
    """One of the signs whose sum is the activation: ``centre + half * sign``.

    Attributes:
        threshold, invert: Members of `BitsSink`, (C,).
        pad: The bit outside.
        half, centre: Numbers.
    """

    threshold: Tensor
    invert: Tensor
    pad: int
    half: float
    centre: float


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The tensors of a `LevelsSink`: (L, C), (L + 1, C), and the number outside."""

    thresholds: Tensor
    values: Tensor
    pad: float


class ActivationSteps:
    """The steps of a quantizer, which is constant between them, after a BN where there is one.

    Raises:
        ConfigError: The quantizer is smooth, or has not been trained.
    """

    def __init__(self, quantizer: ActivationQuantizer, norm: Any, channels: int, name: str) -> None:
        """
        Args:
            quantizer: In eval mode.
            norm: The BatchNorm2d before it, or None.
            channels: C.
            name: Name of the convolution, for messages.
        """
        check_exportable(quantizer, name)
        self._quantizer, self._norm, self._channels = quantizer, norm, channels
        self._ends: list[tuple[float, float]]
        if isinstance(quantizer, ABCActivation):
            scales = quantizer.scales.detach().tolist()
            self._ends = [(-scale, scale) for scale in scales]
            passed: Callable[[Tensor], Tensor] = self._abc_signs
        else:
            self._values = self._all_values()
            self._ends = list(
                zip(self._values[:-1].tolist(), self._values[1:].tolist(), strict=True)
            )
            passed = self._reached
            if not self._ends:
                raise ConfigError(f"the activations of {name} have one value only: train it again")
        with torch.no_grad():
            self._thresholds, self._falling = find_switches(passed, len(self._ends), channels)

    def binary_terms(self) -> list[BinaryTerm] | None:
        """Signs whose sum is the activation, or None where there are none.

        An activation of several levels from 0 up, padded with 0, is the sum of the steps that it
        has passed: ``sum_l (v_l+1 - v_l) [x >= t_l]``, one sign for each threshold.
        """
        ends = self._ends
        if len(ends) > 1 and not isinstance(self._quantizer, ABCActivation):
            if ends[0][0] != 0 or float(self._quantizer.pad_value) != 0:
                return None
            ends = [(0.0, high - low) for low, high in ends]
        pads = [self._pad_bit(*each) for each in ends]
        terms = [
            BinaryTerm(
                threshold=threshold,
                invert=falling,
                pad=pad,
                half=(high - low) / 2,
                centre=(high + low) / 2,
            )
            for (low, high), threshold, falling, pad in zip(
                ends, self._thresholds, self._falling, pads, strict=True
            )
            if pad is not None
        ]
        in_integers = all(t.centre == 0 or abs(t.centre) == abs(t.half) for t in terms)
        return terms if in_integers and len(terms) == len(ends) else None

    def levels(self) -> Levels:
        """All of its values, with the thresholds between them."""
        with torch.no_grad():
            thresholds, values = read_levels(self._quantize, self._thresholds)
            return Levels(
                thresholds=thresholds, values=values, pad=float(self._quantizer.pad_value)
            )

    def _all_values(self) -> Tensor:
        if isinstance(self._quantizer, SignActivation):  # its thresholds differ between channels
            return torch.tensor([-1.0, 1.0])
        with torch.no_grad():
            return find_values(self._quantizer)

    def _pad_bit(self, low: float, high: float) -> int | None:
        if isinstance(self._quantizer, ABCActivation):
            return 0  # all its bases are +1 outside
        return {high: 0, low: 1}.get(float(self._quantizer.pad_value))

    def _normalize(self, x: Tensor) -> Tensor:
        return x if self._norm is None else self._norm(x)

    def _quantize(self, x: Tensor) -> Tensor:
        return self._quantizer(self._normalize(x))

    def _reached(self, x: Tensor) -> Tensor:
        return self._quantize(x) >= self._values[1:].view(-1, 1, 1, 1)

    def _abc_signs(self, x: Tensor) -> Tensor:
        assert isinstance(self._quantizer, ABCActivation)
        shifts = self._quantizer.shifts.detach()
        return self._normalize(x) + shifts.view(-1, 1, 1, 1) - 0.5 >= 0


def is_identity(quantizer: ActivationQuantizer) -> bool:
    return isinstance(quantizer, FloatActivation)


def check_exportable(quantizer: Any, name: str) -> None:
    """
    Raises:
        ConfigError: It has no steps, or as `check_trained`.
    """
    if isinstance(quantizer, TanhActivation):
        raise ConfigError(
            f"{name} has tanh activations, which only the first stage of a training has: export "
            "the network of the second stage (MODEL.GROUPNET.ACTIVATION 'sign')"
        )
    check_trained(quantizer, name)


def check_trained(quantizer: Any, name: str) -> None:
    """
    Raises:
        ConfigError: It is in the midst of a training, or has not seen a batch.
    """
    if isinstance(quantizer, SignActivation) and not quantizer.is_hard:
        raise ConfigError(f"{name} is in the midst of SOLVER.GRADUAL_BINARIZATION: train it first")
    if hasattr(quantizer, "is_initialized") and not quantizer.is_initialized():
        raise ConfigError(f"a quantizer of {name} has never seen a batch: train the network first")
    if not all(bool(value.isfinite().all()) for value in quantizer.state_dict().values()):
        raise ConfigError(
            f"a quantizer of {name} has values that are not finite: its training has diverged"
        )


class ConvActivation:
    """What a convolution reads of its input."""

    def __init__(self, conv: QuantizedConv2d, norm: Any, name: str) -> None:
        self._identity = is_identity(conv.activation)
        self._levels: Levels | None = None
        if self._identity and norm is not None:
            raise ConfigError(
                f"{name}: a BN before a convolution that is not quantized cannot be exported; "
                "choose a MODEL.GROUPNET.ORDER that starts with 'conv', or another "
                "MODEL.GROUPNET.ACTIVATION than 'float'"
            )
        if not self._identity:
            self._steps = ActivationSteps(conv.activation, norm, conv.in_channels, name)

    def binary_terms(self) -> list[BinaryTerm] | None:
        return None if self._identity else self._steps.binary_terms()

    def float_input(self, reading: Reading, name: str) -> int:
        if self._identity:
            return reading.feature.as_float()
        self._levels = self._levels or self._steps.levels()
        thresholds = self._levels.thresholds[:, reading.channels]
        values = self._levels.values[:, reading.channels]
        return reading.feature.as_levels(name, thresholds, values, self._levels.pad)
