"""K quantized convolutions with a common input, normalized, joined: what all our networks are made
of.

Shapes: N images, C channels out, K bases.
"""

from collections.abc import Callable

from torch import Tensor, nn

from groupnet_det.errors import lookup
from groupnet_det.layers.norms.per_level_norm import PerLevelBatchNorm
from groupnet_det.layers.rprelu import RPReLU

from .base_merge import merge_wide
from .quantization import Quantization

# The steps of a unit, in their order. The quantizer of the input belongs to the convolution.
ORDERS: dict[str, tuple[str, ...]] = {
    "conv_act_norm": ("conv", "act", "norm"),  # Group-Net
    "conv_norm_act": ("conv", "norm", "act"),  # k-bit and full-precision networks
    "norm_conv_act": ("norm", "conv", "act"),  # XNOR-Net
    # Group-Net with XNOR-Net's BN before the sign besides its own.
    "norm_conv_act_norm": ("input_norm", "conv", "act", "norm"),
}


def _relu(num_channels: int) -> nn.Module:
    return nn.ReLU(inplace=True)


def _identity(num_channels: int) -> nn.Module:
    return nn.Identity()


NONLINEARITIES: dict[str, Callable[[int], nn.Module]] = {
    "relu": _relu,
    "rprelu": RPReLU,
    "none": _identity,
}


class ConvUnit(nn.Module):
    """Convolution, BN and nonlinearity in a chosen order, for K bases, and their average.

    With the order of Group-Net (arXiv 1909.09934): ``mean_k BN_k(ReLU(conv_k(sign(x))))``.

    The K bases share their input, so they are one wide convolution with K * C output channels and
    one BatchNorm over these; each base keeps its own weight scale.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        quantization: Quantization,
        order: str = "conv_norm_act",
        nonlinearity: str = "none",
        merge: str = "mean",
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        shortcut: bool = False,
        num_levels: int = 1,
        shared_norm: bool = False,
    ) -> None:
        """
        Args:
            in_channels, out_channels, kernel_size, stride, padding, dilation: Shape of each base.
            quantization: Quantizers and K.
            order: A key of `ORDERS`.
            nonlinearity: A key of `NONLINEARITIES`.
            merge: A key of `WIDE_MERGES`.
            shortcut: Whether the input is added to the average.
            num_levels: Maps per forward call, each with its own BN statistics and affine.
            shared_norm: Whether the levels share one BN instead, see `PerLevelBatchNorm`.

        Raises:
            ConfigError: A value is not among the valid ones, which the message lists.
        """
        super().__init__()
        self.steps = lookup(ORDERS, order, "the order of a unit")
        self.num_bases = quantization.num_bases
        self.shortcut = shortcut
        wide = self.num_bases * out_channels
        self.conv = quantization.make_conv(
            in_channels,
            wide,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            num_groups=self.num_bases,
        )
        self.input_norm = (
            PerLevelBatchNorm(num_levels, in_channels, shared=shared_norm)
            if "input_norm" in self.steps
            else None
        )
        before_conv = self.steps[0] == "norm"
        self.norm = PerLevelBatchNorm(
            num_levels,
            in_channels if before_conv else wide,
            shared=shared_norm,
            num_wide=1 if before_conv else self.num_bases,
        )
        self.act = lookup(NONLINEARITIES, nonlinearity, "MODEL.GROUPNET.NONLINEARITY")(wide)
        self.merge = merge_wide(merge, self.num_bases)

    def run_bases(self, number: int) -> None:
        """See `groupnet_det.layers.slimmable`."""
        channels = self.conv.out_channels // self.num_bases
        self.conv.run_channels = channels * min(number, self.num_bases)

    def norm_before_sign(self, level: int) -> nn.Module | None:
        """The BN that the map of a level goes through before it is quantized, if any."""
        norms = self.norm if self.steps[0] == "norm" else self.input_norm
        return None if norms is None else norms[level]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C, H', W'), for a unit with one level."""
        return self.forward_maps([x])[0]

    def forward_maps(self, maps: list[Tensor]) -> list[Tensor]:
        """One map per level; the same weights serve all of them.

        Raises:
            ValueError: The number of maps is not that of the levels.
        """
        run: dict[str, Callable[[list[Tensor]], list[Tensor]]] = {
            "conv": self.conv.forward_maps,
            "norm": self.norm,
            "act": self._activate,
        }
        if self.input_norm is not None:
            run["input_norm"] = self.input_norm
        outputs = maps
        for step in self.steps:
            outputs = run[step](outputs)
        merged = [self.merge(y) for y in outputs]
        return [y + x for y, x in zip(merged, maps, strict=True)] if self.shortcut else merged

    def forward_branches(self, branches: list[list[Tensor]]) -> list[list[Tensor]]:
        """See `BranchedUnit`. The bases meet within this unit, so there is one branch."""
        (maps,) = branches
        return [self.forward_maps(maps)]

    def _activate(self, maps: list[Tensor]) -> list[Tensor]:
        return [self.act(x) for x in maps]
