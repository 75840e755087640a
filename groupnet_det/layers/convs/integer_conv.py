"""Convolution of one-bit maps with one-bit weights in whole numbers: exact, and fast.

A convolution of floats is limited by multiplications of 32 bits. Its operands here are `step` times
0 or 1 and plus or minus one scale for each output channel, so oneDNN's convolution of 8-bit numbers
gives the same sums, without any rounding before the scale, several times faster. Gradients are
floats and take the float convolutions. x86 CPUs, float32.
"""

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

logger = logging.getLogger(__name__)

SLOWER = "binary convolutions compute the same with floats, which is slower"
TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class ConvGeometry:
    """`stride`, `padding` and `dilation` of a convolution, each (height, width)."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]


class PackedWeight(NamedTuple):
    """Signs in the layout of oneDNN, with a scale and a summand for each output channel."""

    signs: Tensor
    scale: Tensor
    bias: Tensor


_optimizer_steps = 0


def _count_step(*_: Any) -> None:
    global _optimizer_steps
    _optimizer_steps += 1


# Fused optimizers do not raise the version of the tensors that they change.
register_optimizer_step_post_hook(_count_step)


def optimizer_steps() -> int:
    """Steps of all optimizers of this process: after one of them, weights may have changed."""
    return _optimizer_steps


@lru_cache(maxsize=1)
def is_supported() -> bool:
    """Whether this torch on this CPU has the 8-bit convolution: it is tried on a small map.

    The operator is oneDNN's, by which torch runs quantized graphs; its signature is not promised.
    """
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return False  # elsewhere it exists too, but may be slower than the one of floats
    # Whatever the default device and dtype of the moment.
    codes = (torch.arange(2 * 5 * 6, device="cpu").view(1, 2, 5, 6) % 3 == 0).view(torch.uint8)
    half = torch.full((3, 2, 3, 3), 0.5, dtype=torch.float32, device="cpu")
    weight = half.where(torch.arange(54, device="cpu").view_as(half) % 5 < 2, -half)
    geometry = ConvGeometry((1, 1), (1, 1), (1, 1))
    try:
        packed = pack_weight(weight, -2.0, 1.0, geometry, codes.shape)
        y = integer_conv2d(codes, packed, geometry)
    except (AttributeError, RuntimeError) as error:
        logger.warning(f"torch {torch.__version__} has no 8-bit convolution ({error}): {SLOWER}")
        return False
    expected = F.conv2d(-2 * codes.to(half), weight, weight.sum(dim=(1, 2, 3)), padding=1)
    if not torch.equal(y, expected):
        logger.warning(f"the 8-bit convolution of torch {torch.__version__} is wrong: {SLOWER}")
        return False
    return True


def pack_weight(
    weight: Tensor, step: float, pad_value: float, geometry: ConvGeometry, input_shape: torch.Size
) -> PackedWeight:
    """Prepare quantized weights for `integer_conv2d`.

    Args:
        weight: (C_out, C_in, kH, kW), plus or minus one magnitude in each output channel.
        step: Value that code 1 stands for; code 0 is 0.
        pad_value: What has been taken from the input: the bias is this times the sum of weights.
        input_shape: oneDNN chooses its layout by it; maps of other sizes are right too.
    """
    sign = 1 if step > 0 else -1
    signs = (weight < 0).view(torch.int8).mul_(-2 * sign).add_(sign)
    magnitude = weight[:, 0, 0, 0].abs()
    packed = torch.ops.onednn.qconv_prepack(
        signs,
        magnitude.new_ones(1),  # the scales are used in the convolution only
        1.0,
        0,
        geometry.stride,
        geometry.padding,
        geometry.dilation,
        1,
        input_shape,
    )
    return PackedWeight(packed, magnitude * abs(step), _bias(weight, magnitude, pad_value))


def _bias(weight: Tensor, magnitude: Tensor, pad_value: float) -> Tensor:
    # A whole number of magnitudes, so that a sum of 0 is 0 and not the rounding of floats.
    balance = (weight.sum(dim=(1, 2, 3)) / magnitude.clamp(min=TINY)).round()
    return balance * magnitude * pad_value


def integer_conv2d(codes: Tensor, weight: PackedWeight, geometry: ConvGeometry) -> Tensor:
    """``conv(step * codes, W) + bias`` of (N, C, H, W) codes, uint8; float32, channels last."""
    zero_points = torch.zeros(len(weight.scale), dtype=torch.long, device=codes.device)
    y: Tensor = torch.ops.onednn.qconv2d_pointwise(
        codes,
        1.0,
        0,
        weight.signs,
        weight.scale,
        zero_points,
        weight.bias,
        geometry.stride,
        geometry.padding,
        geometry.dilation,
        1,
        1.0,
        0,
        torch.float32,
        "none",
        [],
        "",
    )
    return y


def plain_integer_conv2d(
    x: Tensor, weight: Tensor, step: float, pad_value: float, geometry: ConvGeometry
) -> Tensor:
    """Compute `integer_conv2d` with a convolution of whole numbers that are floats.

    Args:
        x: (N, C, H, W), 0 or `step`.
        weight, step, pad_value, geometry: See `pack_weight`.
    """
    magnitude = weight[:, 0, 0, 0].abs()
    signs = (weight >= 0).to(weight.dtype) * 2 - 1
    sums = F.conv2d(x / step, signs, None, geometry.stride, geometry.padding, geometry.dilation)
    scale, bias = magnitude * step, _bias(weight, magnitude, pad_value)
    return sums * scale.view(-1, 1, 1) + bias.view(-1, 1, 1)


class _BinaryConv2d(torch.autograd.Function):
    """A convolution with a forward pass in integers and a backward pass in floats."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        packed: PackedWeight,
        pad_value: float,
        geometry: ConvGeometry,
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.pad_value, ctx.geometry = pad_value, geometry
        return integer_conv2d((x != 0).view(torch.uint8), packed, geometry)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        x, weight = ctx.saved_tensors
        x_needed, weight_needed = ctx.needs_input_grad[:2]
        grad_x, grad_weight, grad_bias = torch.ops.aten.convolution_backward(
            grad,
            x,
            weight,
            [len(weight)],
            ctx.geometry.stride,
            ctx.geometry.padding,
            ctx.geometry.dilation,
            False,
            [0, 0],
            1,
            [x_needed, weight_needed, weight_needed and ctx.pad_value != 0],
        )
        if grad_bias is not None:
            grad_weight.add_(grad_bias.view(-1, 1, 1, 1), alpha=ctx.pad_value)
        return grad_x, grad_weight, None, None, None


def binary_conv2d(
    x: Tensor, weight: Tensor, packed: PackedWeight, pad_value: float, geometry: ConvGeometry
) -> Tensor:
    """`integer_conv2d` of a float map, differentiable by `x` and `weight`.

    Args:
        x: (N, C_in, H, W), 0 or `step`.
        weight, pad_value, geometry: What `packed` was made of.
    """
    return _BinaryConv2d.apply(x, weight, packed, pad_value, geometry)
