"""The convolution of all quantized networks, simulated with floats for training."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groupnet_det.quantizers import (
    ActivationQuantizer,
    FloatActivation,
    FloatWeight,
    WeightQuantizer,
    is_exporting,
)

from . import integer_conv
from .integer_conv import (
    ConvGeometry,
    PackedWeight,
    binary_conv2d,
    integer_conv2d,
    pack_weight,
    plain_integer_conv2d,
)


class QuantizedConv2d(nn.Conv2d):
    """Quantize the input, pad it with the quantizer's own value, convolve with quantized weights.

    ``y = conv(pad(Q_a(x), value=pad_value), Q_w(W))``, without a bias.

    No padded copy is made: with ``e = Q_a(x) - pad_value`` the native zero padding stands for
    `pad_value`, and ``y = conv(e, Q_w(W)) + pad_value * sum(Q_w(W))``, exactly.

    Where both operands have one bit, the CPU sums whole numbers instead: see `integer_conv`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        activation: ActivationQuantizer,
        weight: WeightQuantizer,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
    ) -> None:
        """
        Args:
            in_channels, out_channels, kernel_size, stride, padding, dilation: See `nn.Conv2d`.
            activation: Quantizes the input; owned by this convolution.
            weight: Quantizes the weights, which stay float parameters.
        """
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            bias=False,
        )
        self.activation: ActivationQuantizer = activation
        self.weight_quantizer: WeightQuantizer = weight
        # A 1x1 convolution with a stride reads one value of many: taking these first saves the
        # quantization of the others. It also avoids oneDNN's gradient of such a convolution, which
        # destroys memory for 8 channels and fewer in channels-last layout (torch 2.14.1).
        self.subsampling = stride if kernel_size == 1 and padding == 0 else 1
        steps = stride // self.subsampling
        self.geometry = ConvGeometry((steps, steps), (padding, padding), (dilation, dilation))
        # The first of the output channels alone are computed; None for all.
        self.run_channels: int | None = None
        self._packed: tuple[tuple[int | None, ...], PackedWeight] | None = None

    @property
    def is_float(self) -> bool:
        """Whether it is a convolution in full precision."""
        return isinstance(self.activation, FloatActivation) and isinstance(
            self.weight_quantizer, FloatWeight
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H', W')."""
        return self.forward_maps([x])[0]

    def forward_maps(self, maps: list[Tensor]) -> list[Tensor]:
        """Convolve several maps, such as the levels of a pyramid; weights are quantized once."""
        if self.subsampling > 1:
            maps = [x[:, :, :: self.subsampling, :: self.subsampling] for x in maps]
        if all(self._fits_integers(x) for x in maps):
            return self._convolve_integers(maps)
        if is_exporting() and self._is_binary():
            return self._convolve_plainly(maps)
        return self._convolve_floats(maps)

    def train(self, mode: bool = True) -> "QuantizedConv2d":
        if mode:
            self._packed = None
        return super().train(mode)

    def __getstate__(self) -> dict[str, Any]:
        """The state without what evaluation prepares, which can neither be copied nor saved."""
        return {**self.__dict__, "_packed": None}

    def _is_binary(self) -> bool:
        """Whether both operands have one bit."""
        return self.activation.code_step is not None and self.weight_quantizer.binary

    def _fits_integers(self, x: Tensor) -> bool:
        """Whether `integer_conv` does the same as floats, but faster."""
        return (
            self._is_binary()
            and not (torch.compiler.is_compiling() or is_exporting())
            and x.device.type == "cpu"
            and x.dtype == self.weight.dtype == torch.float32
            and x.numel() > 0
            and not torch.is_autocast_enabled("cpu")
            and integer_conv.is_supported()
        )

    def _quantized_weight(self) -> Tensor:
        weight = self.weight_quantizer(self.weight)
        return weight if self.run_channels is None else weight[: self.run_channels]

    def _convolve_floats(self, maps: list[Tensor]) -> list[Tensor]:
        weight = self._quantized_weight()
        pad_value = self.activation.pad_value
        pads_zero = not isinstance(pad_value, Tensor) and pad_value == 0
        bias = None if pads_zero else weight.sum(dim=(1, 2, 3)) * pad_value
        return [
            F.conv2d(
                self.activation.shifted(x),
                weight,
                bias,
                self.geometry.stride,
                self.geometry.padding,
                self.geometry.dilation,
            )
            for x in maps
        ]

    def _convolve_integers(self, maps: list[Tensor]) -> list[Tensor]:
        if not torch.is_grad_enabled():
            packed = self._packed_for_evaluation(maps[0].shape)
            codes = [self.activation.codes(x) for x in maps]
            return [integer_conv2d(x, packed, self.geometry) for x in codes]
        weight = self._quantized_weight()
        packed = self._pack(weight.detach(), maps[0].shape)
        pad_value = float(self.activation.pad_value)
        return [
            binary_conv2d(self.activation.shifted(x), weight, packed, pad_value, self.geometry)
            for x in maps
        ]

    def _convolve_plainly(self, maps: list[Tensor]) -> list[Tensor]:
        """Compute `_convolve_integers` in operations that every file knows."""
        weight = self._quantized_weight()
        step, pad_value = self.activation.code_step, float(self.activation.pad_value)
        assert step is not None
        shifted = [self.activation.shifted(x) for x in maps]
        return [plain_integer_conv2d(x, weight, step, pad_value, self.geometry) for x in shifted]

    def _pack(self, weight: Tensor, input_shape: torch.Size) -> PackedWeight:
        step = self.activation.code_step
        assert step is not None
        pad_value = float(self.activation.pad_value)
        return pack_weight(weight, step, pad_value, self.geometry, input_shape)

    def _packed_for_evaluation(self, input_shape: torch.Size) -> PackedWeight:
        """Packed weights, kept in evaluation for as long as the parameter is the same.

        Writing through ``weight.data`` passes unnoticed until the next ``train()``, as elsewhere
        in torch.
        """
        version = (
            self.weight.data_ptr(),
            self.weight._version,
            integer_conv.optimizer_steps(),
            self.run_channels,
        )
        if self._packed is not None and self._packed[0] == version:
            return self._packed[1]
        packed = self._pack(self._quantized_weight(), input_shape)
        self._packed = None if self.training else (version, packed)
        return packed
