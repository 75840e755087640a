"""Design of residual blocks and their decomposition, as one value to hand around."""

from dataclasses import dataclass
from typing import Any

from groupnet_det.layers.convs.conv_unit import ORDERS, ConvUnit
from groupnet_det.layers.convs.quantization import Quantization

BN_LAST = frozenset(order for order, steps in ORDERS.items() if steps[-1] == "norm")


@dataclass(frozen=True, kw_only=True)
class BlockDesign:
    """The choices that make one network of the family another.

    Attributes:
        order: Order of convolution, BN and nonlinearity: a key of `ORDERS`.
        nonlinearity: A key of `NONLINEARITIES`.
        shortcut: A key of `BRANCHES`: ``conv``, around every convolution, or ``block``.
        downsample: A key of `DOWNSAMPLES`, for blocks that change stride or channels.
        group: What is decomposed as one: ``layer``, ``block``, ``stage`` or ``network``.
        gates: Whether groups but the first receive a soft mixture of branch and merged input.
        merge: A key of `MERGES`: how the branches of a group become one.
        stage_bases: K of each of the four stages; empty where all have that of the quantization.
            Where K changes, the branches of a stage start from the merged map, without gates.
    """

    order: str = "conv_act_norm"
    nonlinearity: str = "relu"
    shortcut: str = "conv"
    downsample: str = "binary"
    group: str = "block"
    gates: bool = True
    merge: str = "mean"
    stage_bases: tuple[int, ...] = ()

    @property
    def signed_output(self) -> bool:
        """Whether blocks give values of both signs, as binary layers after them need."""
        return self.order in BN_LAST or self.nonlinearity == "none"

    def make_unit(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        quantization: Quantization,
        dilation: int = 1,
        **options: Any,
    ) -> ConvUnit:
        """A unit of this design that keeps the size of the map, but for its stride."""
        defaults = {"order": self.order, "nonlinearity": self.nonlinearity}
        if self.group == "layer":
            defaults["merge"] = self.merge
        return ConvUnit(
            in_channels,
            out_channels,
            kernel_size,
            padding=dilation * (kernel_size // 2),
            dilation=dilation,
            quantization=quantization,
            **{**defaults, **options},
        )
