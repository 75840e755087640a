"""A trained network whose stem computes with the rounded weights of the packed file."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from groupnet_det.modeling.backbones.stems import SignedStem, StandardStem

from .integer_stems import MAX_PIXEL, channel_signs, normalized_weight, to_integers


class RoundedConv(nn.Module):
    """The first convolution as a packed file has it: pixels times integers of 16 bits, exactly
    summed. Takes and gives what the trained one does."""

    def __init__(self, conv: nn.Conv2d, signs: Tensor, mean: Tensor, std: Tensor) -> None:
        """
        Args:
            conv: Trained.
            signs: (C_out,), that the file's weights are turned by.
            mean, std: Mean and standard deviation of the pixels, (C,).
        """
        super().__init__()
        weight = normalized_weight(conv.weight, mean, std) * signs.view(-1, 1, 1, 1)
        integers = to_integers(weight)
        factor = (signs / integers.scale).view(-1, 1, 1, 1)
        self.weight = (integers.weight * factor).permute(0, 3, 1, 2).contiguous()
        self.mean, self.std = (x.double().view(-1, 1, 1) for x in (mean, std))
        self.stride, self.padding = conv.stride, conv.padding

    def forward(self, x: Tensor) -> Tensor:
        """Normalized images (N, C, H, W) -> (N, C_out, H', W')."""
        pixels = x.double() * self.std + self.mean
        ones = torch.full_like(pixels[:, :1], MAX_PIXEL)
        sums = F.conv2d(
            torch.cat([pixels, ones], dim=1), self.weight, stride=self.stride, padding=self.padding
        )
        return sums.to(x.dtype)


def with_rounded_stem(model: nn.Module) -> nn.Module:
    """A copy of a trained network on the CPU; see the module."""
    rounded = copy.deepcopy(model)
    mean, std = (getattr(model, name).flatten() for name in ("pixel_mean", "pixel_std"))
    for stem in rounded.modules():
        if isinstance(stem, SignedStem | StandardStem):
            stem.conv1 = RoundedConv(stem.conv1, channel_signs(stem), mean, std)  # type: ignore[assignment]
    return rounded
