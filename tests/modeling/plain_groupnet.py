"""Group-Net's ResNet as a plain loop over branches: a reference for tests and for timings.

A straight reading of the paper (arXiv 1909.09934), one line a formula, nothing fused and nothing
shared with the package. The keys of its state dict are those of the authors' public checkpoints.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


class Sign(torch.autograd.Function):
    """+1 from 0 on, else -1; the gradient is ``2 - 2 |x|`` inside ``|x| < 1``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        inside = x.abs() < 1
        return torch.where(inside, grad * (2 - 2 * x.abs()), torch.zeros_like(x))


class ScaledSignWeight(torch.autograd.Function):
    """``sign(W) * mean |W|``; the gradient passes unchanged."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:
        signs = torch.where(weight >= 0, torch.ones_like(weight), -torch.ones_like(weight))
        return signs * weight.abs().mean()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


class PlainBinaryConv(nn.Conv2d):
    """Takes a map of +1 and -1; pads it with +1; its weights become binary."""

    def forward(self, signs: Tensor) -> Tensor:
        pad = self.padding[0]
        padded = F.pad(signs, (pad, pad, pad, pad), value=1.0)
        return F.conv2d(padded, ScaledSignWeight.apply(self.weight), stride=self.stride)


class PlainDownsample(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, stride: int, binary: bool) -> None:
        super().__init__()
        conv = PlainBinaryConv if binary else nn.Conv2d
        self.conv = conv(in_channels, out_channels, 1, stride=stride, bias=False)
        self.batch_norm = nn.BatchNorm2d(out_channels)
        self.binary = binary

    def forward(self, x: Tensor) -> Tensor:
        return self.batch_norm(self.conv(Sign.apply(x) if self.binary else x))


class PlainBlock(nn.Module):
    """K branches of two binary convolutions each."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_bases: int,
        *,
        stride: int,
        gate: bool,
        scales: bool,
        binary_downsample: bool,
    ) -> None:
        super().__init__()

        def convs(channels: int, stride: int) -> nn.ModuleList:
            return nn.ModuleList(
                PlainBinaryConv(channels, out_channels, 3, stride=stride, padding=1, bias=False)
                for _ in range(num_bases)
            )

        def norms() -> nn.ModuleList:
            return nn.ModuleList(nn.BatchNorm2d(out_channels) for _ in range(num_bases))

        self.num_bases = num_bases
        self.conv1, self.bn1 = convs(in_channels, stride), norms()
        self.conv2, self.bn2 = convs(out_channels, 1), norms()
        self.block_gate = nn.Parameter(torch.zeros(1)) if gate else None
        self.scales = None
        if scales:
            start = torch.full((1,), 1 / num_bases)
            self.scales = nn.ParameterList(nn.Parameter(start.clone()) for _ in range(num_bases))
        self.downsample = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = PlainDownsample(in_channels, out_channels, stride, binary_downsample)

    def forward(self, merged: Tensor, branches: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        outputs = []
        # One input of all branches is downsampled once.
        common = self.block_gate is None and self.downsample is not None
        common_shortcut = self.downsample(merged) if common else merged
        for k in range(self.num_bases):
            x = merged
            if self.block_gate is not None:
                share = torch.sigmoid(self.block_gate)
                x = share * branches[k] + (1 - share) * merged
            if self.downsample is None:
                shortcut = x
            else:
                shortcut = common_shortcut if common else self.downsample(x)
            hidden = self.bn1[k](F.relu(self.conv1[k](Sign.apply(x)))) + shortcut
            output = self.bn2[k](F.relu(self.conv2[k](Sign.apply(hidden)))) + hidden
            outputs.append(output)
        return self.merge(outputs), outputs

    def merge(self, outputs: list[Tensor]) -> Tensor:
        if self.scales is None:
            return sum(outputs[1:], outputs[0]) / self.num_bases
        scaled = [scale * output for scale, output in zip(self.scales, outputs, strict=True)]
        return sum(scaled[1:], scaled[0])


class PlainGroupNet(nn.Module):
    """The classifier: stem, four stages, average pooling, fully connected layer."""

    def __init__(
        self,
        *,
        depth: int = 18,
        num_bases: int = 5,
        width: float = 1.0,
        gates: bool = True,
        scales: bool = False,
        binary_downsample: bool = True,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        sizes = [max(1, round(channels * width)) for channels in (64, 128, 256, 512)]
        self.conv1 = nn.Conv2d(3, sizes[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(sizes[0])
        channels = sizes[0]
        for number, (size, num_blocks) in enumerate(zip(sizes, BLOCKS[depth], strict=True)):
            blocks = nn.ModuleList()
            for index in range(num_blocks):
                first = number == 0 and index == 0
                blocks.append(
                    PlainBlock(
                        channels,
                        size,
                        num_bases,
                        stride=2 if number > 0 and index == 0 else 1,
                        gate=gates and not first,
                        scales=scales,
                        binary_downsample=binary_downsample,
                    )
                )
                channels = size
            self.add_module(f"layer{number + 1}", blocks)
        self.fc = nn.Linear(channels, num_classes)

    def features(self, images: Tensor) -> list[Tensor]:
        """The merged output of each stage."""
        merged = self.bn1(F.max_pool2d(self.conv1(images), 3, stride=2, padding=1))
        branches: list[Tensor] = []
        features = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in stage:
                merged, branches = block(merged, branches)
            features.append(merged)
        return features

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, num_classes)."""
        return self.fc(self.features(images)[-1].mean(dim=(2, 3)))
