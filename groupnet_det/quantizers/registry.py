"""Registry of quantizers by name."""

from collections.abc import Callable
from dataclasses import dataclass

from groupnet_det.errors import ConfigError, lookup
from groupnet_det.quantizers.multi_bit.abc_net import ABCActivation, ABCWeight
from groupnet_det.quantizers.multi_bit.dorefa import DorefaActivation, DorefaWeight
from groupnet_det.quantizers.multi_bit.lq_nets import LQActivation, LQWeight
from groupnet_det.quantizers.multi_bit.lsq import LSQActivation, LSQWeight

from .base import ActivationQuantizer, WeightQuantizer
from .full_precision import ClipActivation, FloatActivation, FloatWeight, TanhActivation
from .rsign import RSignActivation
from .sign_activation import SignActivation
from .sign_gradients import sign_gradient
from .sign_weight import WEIGHT_GRADIENTS, WEIGHT_SCALES, SignWeight
from .zero_one import ZERO_ONE_GRADIENTS, ZeroOneActivation

MAX_BITS = 8
MAX_TERMS = 8


@dataclass(frozen=True, kw_only=True)
class ActivationSpec:
    """Settings of activation quantizers; each uses those that it needs.

    Attributes:
        num_channels: Channels of the input.
        bits: Bits of k-bit quantizers (`dorefa`, `lq`, `lsq`), 1 to 8.
        num_bases: ABC-Net's N, 1 to 8.
        gradient: Estimator of `sign` and `rsign`, a key of `SIGN_GRADIENTS`.
        gradient_width: Width of that estimator, see `sign_gradient`.
        zero_one_gradient: Estimator of `zero_one`, a key of `ZERO_ONE_GRADIENTS`.

    Raises:
        ConfigError: A value is not among the valid ones, which the message lists.
    """

    num_channels: int
    bits: int = 1
    num_bases: int = 1
    gradient: str = "polynomial"
    gradient_width: float = 1.0
    zero_one_gradient: str = "clipped"

    def __post_init__(self) -> None:
        _check_range(self.bits, MAX_BITS, "bits of activations")
        _check_range(self.num_bases, MAX_TERMS, "number of activation bases")
        sign_gradient(self.gradient, width=self.gradient_width)
        lookup(ZERO_ONE_GRADIENTS, self.zero_one_gradient, "gradient of {0, 1}")


@dataclass(frozen=True, kw_only=True)
class WeightSpec:
    """Settings of weight quantizers; each uses those that it needs.

    Attributes:
        out_channels: Output channels of the weights.
        num_groups: Number of equal groups of output channels (the bases of wide convolutions),
            each with its own statistics.
        scale: Scale of `sign`, a key of `WEIGHT_SCALES`.
        bits: Bits of k-bit quantizers (`dorefa`, `lq`, `lsq`), 1 to 8.
        num_bases: ABC-Net's M, 1 to 8.
        gradient: Estimator of `sign`, a key of `WEIGHT_GRADIENTS`.

    Raises:
        ConfigError: A value is not among the valid ones, which the message lists.
    """

    out_channels: int
    num_groups: int = 1
    scale: str = "layer"
    bits: int = 1
    num_bases: int = 1
    gradient: str = "identity"

    def __post_init__(self) -> None:
        _check_range(self.bits, MAX_BITS, "bits of weights")
        _check_range(self.num_bases, MAX_TERMS, "number of weight bases")
        lookup(WEIGHT_SCALES, self.scale, "weight scale")
        lookup(WEIGHT_GRADIENTS, self.gradient, "weight gradient")
        if self.num_groups < 1 or self.out_channels % self.num_groups:
            raise ConfigError(
                f"{self.out_channels} output channels do not make {self.num_groups} equal groups"
            )


def _check_range(value: int, largest: int, what: str) -> None:
    if not 1 <= value <= largest:
        raise ConfigError(f"{what} is {value}; valid: 1 to {largest}")


ACTIVATION_QUANTIZERS: dict[str, Callable[[ActivationSpec], ActivationQuantizer]] = {
    "sign": lambda spec: SignActivation(gradient=spec.gradient, width=spec.gradient_width),
    "zero_one": lambda spec: ZeroOneActivation(gradient=spec.zero_one_gradient),
    "tanh": lambda spec: TanhActivation(),
    "clip": lambda spec: ClipActivation(),
    "rsign": lambda spec: RSignActivation(
        spec.num_channels, gradient=spec.gradient, width=spec.gradient_width
    ),
    "abc": lambda spec: ABCActivation(num_bases=spec.num_bases),
    "dorefa": lambda spec: DorefaActivation(bits=spec.bits),
    "lq": lambda spec: LQActivation(bits=spec.bits),
    "lsq": lambda spec: LSQActivation(bits=spec.bits),
    "float": lambda spec: FloatActivation(),
}

WEIGHT_QUANTIZERS: dict[str, Callable[[WeightSpec], WeightQuantizer]] = {
    "sign": lambda spec: SignWeight(
        scale=spec.scale, num_groups=spec.num_groups, gradient=spec.gradient
    ),
    "float": lambda spec: FloatWeight(),
    "abc": lambda spec: ABCWeight(num_bases=spec.num_bases, num_groups=spec.num_groups),
    "dorefa": lambda spec: DorefaWeight(bits=spec.bits, num_groups=spec.num_groups),
    "lq": lambda spec: LQWeight(out_channels=spec.out_channels, bits=spec.bits),
    "lsq": lambda spec: LSQWeight(bits=spec.bits, num_groups=spec.num_groups),
}


def build_activation_quantizer(name: str, spec: ActivationSpec) -> ActivationQuantizer:
    """Make the quantizer called `name`.

    Raises:
        ConfigError: Unknown name; the message lists the valid ones.
    """
    return lookup(ACTIVATION_QUANTIZERS, name, "activation quantizer")(spec)


def build_weight_quantizer(name: str, spec: WeightSpec) -> WeightQuantizer:
    """Make the quantizer called `name`.

    Raises:
        ConfigError: Unknown name; the message lists the valid ones.
    """
    return lookup(WEIGHT_QUANTIZERS, name, "weight quantizer")(spec)
