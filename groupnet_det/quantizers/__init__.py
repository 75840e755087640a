"""Quantizers: pure functions, and modules that convolutions own."""

from groupnet_det.quantizers.multi_bit.abc_net import ABCActivation, ABCWeight, approximate_weight
from groupnet_det.quantizers.multi_bit.dorefa import (
    DorefaActivation,
    DorefaWeight,
    quantize_dorefa_weight,
    quantize_uniform,
)
from groupnet_det.quantizers.multi_bit.lq_nets import LQActivation, LQWeight
from groupnet_det.quantizers.multi_bit.lsq import LSQActivation, LSQWeight, quantize_step

from .base import ActivationQuantizer, WeightQuantizer
from .exporting import is_exporting
from .full_precision import FloatActivation, FloatWeight, TanhActivation
from .pass_through import pass_through, pass_through_clipped
from .registry import (
    ACTIVATION_QUANTIZERS,
    WEIGHT_QUANTIZERS,
    ActivationSpec,
    WeightSpec,
    build_activation_quantizer,
    build_weight_quantizer,
)
from .rsign import RSignActivation
from .sign_activation import SignActivation, sign, sign_polynomial
from .sign_gradients import SIGN_GRADIENTS
from .sign_weight import WEIGHT_GRADIENTS, WEIGHT_SCALES, SignWeight, binarize_weight
from .zero_one import ZERO_ONE_GRADIENTS, ZeroOneActivation, round_clipped

__all__ = [
    "ACTIVATION_QUANTIZERS",
    "SIGN_GRADIENTS",
    "WEIGHT_GRADIENTS",
    "WEIGHT_QUANTIZERS",
    "WEIGHT_SCALES",
    "ZERO_ONE_GRADIENTS",
    "ABCActivation",
    "ABCWeight",
    "ActivationQuantizer",
    "ActivationSpec",
    "DorefaActivation",
    "DorefaWeight",
    "FloatActivation",
    "FloatWeight",
    "LQActivation",
    "LQWeight",
    "LSQActivation",
    "LSQWeight",
    "RSignActivation",
    "SignActivation",
    "SignWeight",
    "TanhActivation",
    "WeightQuantizer",
    "WeightSpec",
    "ZeroOneActivation",
    "approximate_weight",
    "binarize_weight",
    "build_activation_quantizer",
    "build_weight_quantizer",
    "is_exporting",
    "pass_through",
    "pass_through_clipped",
    "quantize_dorefa_weight",
    "quantize_step",
    "quantize_uniform",
    "round_clipped",
    "sign",
    "sign_polynomial",
]
