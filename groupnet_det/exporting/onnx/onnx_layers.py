"""The layers of a trained network in the form that ONNX can hold: fixed weights, signs as a choice
between two numbers, padding of its own."""

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groupnet_det.exporting.packed.layers.activation_steps import check_trained
from groupnet_det.layers.convs.quantized_conv import QuantizedConv2d
from groupnet_det.quantizers.base import ActivationQuantizer
from groupnet_det.quantizers.full_precision import ClipActivation
from groupnet_det.quantizers.multi_bit.abc_net import ABCActivation
from groupnet_det.quantizers.multi_bit.dorefa import DorefaActivation, quantize_uniform
from groupnet_det.quantizers.multi_bit.lq_nets import LQActivation, code_table
from groupnet_det.quantizers.rsign import RSignActivation
from groupnet_det.quantizers.sign_activation import SignActivation

FLOAT_BITS = 32


class SignChoice(nn.Module):
    """``x >= 0 ? 1 : -1``. ONNX's ``Sign`` would give 0 for 0, which is not a bit."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x >= 0, 1.0, -1.0)


class ThresholdChoice(nn.Module):
    """RSign: ``x - a_c >= 0 ? 1 : -1`` for each channel c."""

    thresholds: Tensor

    def __init__(self, quantizer: RSignActivation) -> None:
        super().__init__()
        self.register_buffer("thresholds", quantizer.thresholds.detach().view(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x - self.thresholds >= 0, 1.0, -1.0)


class ChoiceSum(nn.Module):
    """ABC-Net: ``sum_n beta_n (x + v_n - 0.5 >= 0 ? 1 : -1)``."""

    def __init__(self, quantizer: ABCActivation) -> None:
        super().__init__()
        self.shifts: list[float] = quantizer.shifts.tolist()
        self.scales: list[float] = quantizer.scales.tolist()

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for shift, scale in zip(self.shifts, self.scales, strict=True):
            total = total + torch.where(x + shift - 0.5 >= 0, scale, -scale)
        return total


class LevelChoice(nn.Module):
    """LQ-Nets: the nearest of a few levels, by counting the limits that a value reaches.

    ONNX has no search in a sorted list.
    """

    levels: Tensor

    def __init__(self, quantizer: LQActivation) -> None:
        super().__init__()
        basis = quantizer.basis.detach()
        table = code_table(basis, signed=quantizer.signed)
        levels = (basis[:, None] * table).sum(dim=-1)[0].sort().values
        self.register_buffer("levels", levels)
        self.limits: list[float] = ((levels[1:] + levels[:-1]) / 2).tolist()

    def forward(self, x: Tensor) -> Tensor:
        count = torch.zeros_like(x, dtype=torch.int64)
        for limit in self.limits:
            count = count + (x >= limit).to(torch.int64)
        return self.levels[count]


class UnitClip(nn.Module):
    """``clip(x, 0, 1)`` as ReLU and minimum.

    Where two layers clip one map, as the first convolution of a stage and its downsampling do, the
    optimizer of the exporter (onnxscript 0.7) joins each ``Clip`` with the ReLU before them and
    loses the limits of one: no runtime reads that graph.
    """

    one: Tensor

    def __init__(self, quantizer: ActivationQuantizer) -> None:
        super().__init__()
        self.register_buffer("one", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return torch.minimum(torch.relu(x), self.one)


class UnitLevels(UnitClip):
    """DoReFa-Net: ``clip(x, 0, 1)`` rounded to one of 2^bits evenly spread levels."""

    def __init__(self, quantizer: DorefaActivation) -> None:
        super().__init__(quantizer)
        self.bits = quantizer.precision

    def forward(self, x: Tensor) -> Tensor:
        return quantize_uniform(super().forward(x), bits=self.bits)


# Quantizers whose own forward is made for training. The others are exported as they are.
CHOICES: dict[type[ActivationQuantizer], Callable[[Any], nn.Module]] = {
    SignActivation: lambda quantizer: SignChoice(),
    RSignActivation: ThresholdChoice,
    ABCActivation: ChoiceSum,
    ClipActivation: UnitClip,
    DorefaActivation: UnitLevels,
    LQActivation: LevelChoice,
}


class Noted(nn.Module):
    """A quantizer that notes what it gives, in the order of the calls."""

    def __init__(self, quantizer: nn.Module, notes: list[Tensor]) -> None:
        super().__init__()
        self.quantizer = quantizer
        self.notes = notes

    def forward(self, x: Tensor) -> Tensor:
        y = self.quantizer(x)
        self.notes.append(y)
        return y


class FixedConv(nn.Module):
    """`QuantizedConv2d` with its quantized weights as constants.

    The padding is a step of its own in front of a convolution without one, so that the graph says
    what a binary network pads with: +1, not 0. Weights of one bit are the numbers +1 and -1, and
    their scale comes after: sums of signs are then whole numbers, exact in any order of addition,
    and 0 where they are 0, which the next sign may turn on.
    """

    weight: Tensor
    scale: Tensor | None

    def __init__(self, conv: QuantizedConv2d, activation: nn.Module) -> None:
        super().__init__()
        with torch.no_grad():
            weight, scale = _split(conv.weight_quantizer(conv.weight))
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        self.activation = activation
        self.subsampling = conv.subsampling
        self.geometry = conv.geometry
        self.pad_value = float(conv.activation.pad_value)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H', W')."""
        if self.subsampling > 1:
            x = x[:, :, :: self.subsampling, :: self.subsampling]
        x = self.activation(x)
        height, width = self.geometry.padding
        if self.pad_value != 0 and (height or width):
            x = F.pad(x, (width, width, height, height), value=self.pad_value)
            height = width = 0
        stride, dilation = self.geometry.stride, self.geometry.dilation
        y = F.conv2d(x, self.weight, None, stride, (height, width), dilation)
        # In this order: ONNX Runtime would fold a constant *after* the convolution into its
        # weights, and the sums would no longer be exact.
        return y if self.scale is None else self.scale * y

    def forward_maps(self, maps: list[Tensor]) -> list[Tensor]:
        """See `QuantizedConv2d`."""
        return [self(x) for x in maps]


def _split(weight: Tensor) -> tuple[Tensor, Tensor | None]:
    """Signs and the magnitude (C_out, 1, 1) of each channel, or the weights and nothing."""
    scale = weight[:, :1, :1, :1].abs()
    if not torch.equal(weight.abs(), scale.expand_as(weight)):
        return weight.clone(), None
    return torch.where(weight >= 0, 1.0, -1.0), scale.flatten(1).unsqueeze(2)


def exportable(model: nn.Module, notes: list[Tensor]) -> nn.Module:
    """A copy of a trained model, in eval mode, whose quantized convolutions are `FixedConv`.

    Args:
        model: On the CPU.
        notes: Where each forward call appends the quantized maps; float ones are left out.

    Raises:
        ConfigError: A quantizer is not trained.
    """
    model = copy_for_changes(model)
    for name, conv in list(model.named_modules()):
        if isinstance(conv, QuantizedConv2d):
            check_trained(conv.activation, name)
            replace_module(model, name, FixedConv(conv, _activation(conv.activation, notes)))
    return model


def copy_for_changes(model: nn.Module) -> nn.Module:
    """A copy in eval mode without gradients, whose modules may be replaced."""
    return copy.deepcopy(model).eval().requires_grad_(False)


def replace_module(model: nn.Module, name: str, module: nn.Module) -> None:
    """Put `module` instead of the submodule called `name`."""
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, module)


def _activation(quantizer: ActivationQuantizer, notes: list[Tensor]) -> nn.Module:
    choice = CHOICES.get(type(quantizer), lambda own: own)(quantizer)
    return choice if quantizer.precision == FLOAT_BITS else Noted(choice, notes)
