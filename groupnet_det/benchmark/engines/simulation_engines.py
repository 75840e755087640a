"""Our own networks as they are trained: signs in floats, or in 8-bit integers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groupnet_det.benchmark.measure.timing import Burst, burst_of
from groupnet_det.benchmark.measure.unavailable import EngineUnavailableError
from groupnet_det.benchmark.measure.workload import LayerWorkload, Workload
from groupnet_det.benchmark.workloads.torch_networks import (
    BranchChains,
    EndToEnd,
    binary_layers,
    binary_network,
    body_input,
    layer_input,
    network_input,
)
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.layers.convs import integer_conv

from .torch_engines import in_inference_mode, parts_of


class SignedConv2d(nn.Module):
    """A binary convolution in floats whose weights are signed and scaled before the runs."""

    weight: Tensor

    def __init__(self, conv: QuantizedConv2d) -> None:
        """
        Args:
            conv: With signs, padded with a number that is not learned.
        """
        super().__init__()
        signed = conv.weight_quantizer(conv.weight).detach()
        self.register_buffer("weight", signed.contiguous(memory_format=torch.channels_last))
        self.activation = conv.activation
        self.geometry, self.subsampling = conv.geometry, conv.subsampling
        self.pad_value = float(conv.activation.pad_value)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H', W')."""
        if self.subsampling > 1:
            x = x[:, :, :: self.subsampling, :: self.subsampling]
        height, width = self.geometry.padding
        signs = self.activation(x)
        if height or width:
            signs = F.pad(signs, (width, width, height, height), value=self.pad_value)
        return F.conv2d(signs, self.weight, None, self.geometry.stride, 0, self.geometry.dilation)

    def forward_maps(self, maps: list[Tensor]) -> list[Tensor]:
        """See `QuantizedConv2d`."""
        return [self(x) for x in maps]


def sign_beforehand(model: nn.Module) -> None:
    """Replace all `QuantizedConv2d` inside `model`, which then only infers."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, QuantizedConv2d):
                setattr(module, name, SignedConv2d(child))


def make_signed(workload: Workload, threads: int) -> Burst:
    """The best that a simulation in floats can do: nothing is left but signs and convolutions."""
    model, argument = _simulated_model(workload)
    sign_beforehand(model)
    return burst_of(in_inference_mode(model, argument), parts=parts_of(workload))


def make_integers(workload: Workload, threads: int) -> Burst:
    """Evaluation as it is, where oneDNN's 8-bit convolution sums the signs.

    Raises:
        EngineUnavailableError: There is none on this machine.
    """
    if not integer_conv.is_supported():
        raise EngineUnavailableError("torch has no 8-bit convolution on this machine")
    model, argument = _simulated_model(workload)
    return burst_of(in_inference_mode(model, argument), parts=parts_of(workload))


class Body(nn.Module):
    """The residual blocks of a Group-Net ResNet."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, merged: Tensor) -> Tensor:
        branches: list[Tensor] = []
        for name in ("res2", "res3", "res4", "res5"):
            for block in self.backbone.get_submodule(name).children():
                merged, branches = block(merged, branches)
        return merged


def _simulated_model(workload: Workload) -> tuple[nn.Module, Tensor | list[Tensor]]:
    """The binary model of a workload, and its input."""
    if isinstance(workload, LayerWorkload):
        model: BranchChains = binary_layers(workload)
        return model, [layer_input(workload) for _ in range(workload.num_bases)]
    network = binary_network(workload)
    if workload.part == "body":
        return Body(network.backbone), body_input(workload)
    return EndToEnd(network), network_input(workload)
