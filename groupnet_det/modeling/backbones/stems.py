"""First layers, always full precision; stride 4."""

from collections.abc import Callable

from torch import nn


class SignedStem(nn.Sequential):
    """7x7/2 convolution, max-pooling 3/2 and BN, without a ReLU: values of both signs, as binary
    layers need (Group-Net, arXiv 1909.09934)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 7, stride=2, padding=3, bias=False)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(out_channels)


class StandardStem(nn.Sequential):
    """7x7/2 convolution, BN, ReLU and max-pooling 3/2 (He et al., arXiv 1512.03385)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)


STEMS: dict[str, Callable[[int, int], nn.Module]] = {
    "signed": SignedStem,
    "standard": StandardStem,
}
