"""Design of a pyramid: how its convolutions are quantized, decomposed and built."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from detectron2.config import CfgNode

from groupnet_det.config import parse_method
from groupnet_det.errors import lookup
from groupnet_det.layers import BranchedUnit, ConvUnit, Quantization

# MODEL.GROUPNET.FPN.GROUP -> whether the bases meet at the levels of the pyramid only.
GROUPS = {"layer": False, "pyramid": True}
FLOAT = Quantization(num_bases=1, activation="float", weight="float")
# MODEL.GROUPNET.FPN.LATERALS -> their quantization, from that of the other convolutions.
LATERALS: dict[str, Callable[[Quantization], Quantization]] = {
    "method": lambda quantization: quantization,
    "float": lambda quantization: FLOAT,
}


@dataclass(frozen=True, kw_only=True)
class PyramidDesign:
    """Each convolution is ``mean_k BN_k(conv_k(sign(x)))``.

    Attributes:
        quantization: Quantizers and K.
        relu: Whether a ReLU follows each BN.
        group: A key of `GROUPS`: the K bases meet after each ``layer``; or there are K parallel
            pyramids (``pyramid``), whose levels are averaged.
        gates: Whether parallel pyramids exchange what they know by soft gates between the lateral
            and the output convolutions, and between p6 and p7; see `BranchedUnit`.
        laterals: A key of `LATERALS`. They have no shortcut, so that all that the backbone's maps
            carry goes through one sign where they are binary.
    """

    quantization: Quantization = field(default_factory=Quantization)
    relu: bool = False
    group: str = "layer"
    gates: bool = True
    laterals: str = "method"

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "PyramidDesign":
        """The design of ``MODEL.GROUPNET.PARTS.NECK``.

        Raises:
            ConfigError: A value is not among the valid ones.
        """
        options = cfg.MODEL.GROUPNET.FPN
        lookup(GROUPS, options.GROUP, "MODEL.GROUPNET.FPN.GROUP")
        return cls(
            quantization=parse_method(cfg, "NECK").quantization,
            relu=options.RELU,
            group=options.GROUP,
            gates=options.GATES,
            laterals=options.LATERALS,
        )

    def make_lateral(self, in_channels: int, out_channels: int) -> ConvUnit | BranchedUnit:
        """A 1x1 convolution from a map of the backbone.

        Raises:
            ConfigError: Unknown `laterals`.
        """
        quantize = lookup(LATERALS, self.laterals, "MODEL.GROUPNET.FPN.LATERALS")
        design = replace(self, quantization=quantize(self.quantization))
        return design.make_conv(in_channels, out_channels, 1, first=True)

    def make_conv(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        first: bool,
        has_relu: bool = True,
    ) -> ConvUnit | BranchedUnit:
        """A convolution that pads such that only its stride changes the size of the map.

        Args:
            first: Whether all bases have a common input, in parallel pyramids too.
            has_relu: Whether `relu` applies to it.
        """
        make = partial(
            ConvUnit,
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=kernel_size // 2,
            nonlinearity="relu" if self.relu and has_relu else "none",
        )
        num_bases = self.quantization.num_bases
        if num_bases == 1 or not lookup(GROUPS, self.group, "MODEL.GROUPNET.FPN.GROUP"):
            return make(quantization=self.quantization)
        one_base = replace(self.quantization, num_bases=1)
        return BranchedUnit(
            partial(make, quantization=one_base),
            num_branches=num_bases,
            gated=self.gates and not first,
        )
