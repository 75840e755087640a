"""Quantizers: pure functions, and the modules by which a convolution owns them."""

from .activations import (
    ACTIVATION_QUANTIZERS,
    ActivationQuantizer,
    SignActivation,
    TanhActivation,
    ZeroOneActivation,
    build_activation_quantizer,
)
from .functional import binarize_weight, round_clipped, sign_polynomial
from .weights import (
    WEIGHT_QUANTIZERS,
    WEIGHT_SCALES,
    SignWeight,
    WeightQuantizer,
    build_weight_quantizer,
)

__all__ = [
    "ACTIVATION_QUANTIZERS",
    "WEIGHT_QUANTIZERS",
    "WEIGHT_SCALES",
    "ActivationQuantizer",
    "SignActivation",
    "SignWeight",
    "TanhActivation",
    "WeightQuantizer",
    "ZeroOneActivation",
    "binarize_weight",
    "build_activation_quantizer",
    "build_weight_quantizer",
    "round_clipped",
    "sign_polynomial",
]
