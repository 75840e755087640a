"""One binary base of a residual block, with a shortcut around every convolution."""

import torch.nn.functional as F
from torch import Tensor, nn

from .binarization import Binarization


class BasicBranch(nn.Module):
    """One base of the basic block of ResNet-18 and -34.

    ``o = BN1(ReLU(conv1(sign(x)))) + r`` and ``y = BN2(ReLU(conv2(sign(o)))) + o``, where r is x,
    or the downsampled x where the block changes its stride or its channels (Group-Net, arXiv
    1909.09934; the shortcut around every convolution is Bi-Real Net's, arXiv 1808.00278).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        binarization: Binarization,
    ) -> None:
        super().__init__()
        self.conv1 = binarization.make_conv(in_channels, out_channels, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = binarization.make_conv(out_channels, out_channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor, downsample: nn.Module) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H/stride, W/stride).

        Args:
            downsample: The block's shared map of x to the shape of the output; the identity where
                that is the shape of x.
        """
        hidden = self.bn1(F.relu(self.conv1(x))) + downsample(x)
        return self.bn2(F.relu(self.conv2(hidden))) + hidden
