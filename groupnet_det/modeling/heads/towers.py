"""Towers: the chains of convolutions of which heads are made."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from detectron2.config import CfgNode
from torch import Tensor, nn

from groupnet_det.config import parse_method, part_method
from groupnet_det.errors import lookup
from groupnet_det.layers import BranchedUnit, ConvUnit, Quantization, join_branches

# MODEL.GROUPNET.HEAD.GROUP -> whether the bases meet at the end only.
GROUPS = {"layer": False, "tower": True}


class Tower(nn.ModuleList):
    """Layers with a ``forward_branches``, one after the other; branches that are left at the end
    are averaged."""

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """One (N, C, H_l, W_l) map per level in, one of the last layer's shape out."""
        branches = [maps]
        for layer in self:
            branches = layer.forward_branches(branches)  # type: ignore[operator]
        return join_branches(branches)

    def forward_map(self, x: Tensor) -> Tensor:
        """The output of a tower with one level."""
        return self([x])[0]


@dataclass(frozen=True, kw_only=True)
class UnitShape:
    """One convolution of a tower, with a stride of 1."""

    in_channels: int
    out_channels: int
    kernel_size: int = 3
    padding: int = 1

    @property
    def keeps_shape(self) -> bool:
        return self.in_channels == self.out_channels and self.kernel_size == 2 * self.padding + 1


def conv_chain(in_channels: int, out_channels: Sequence[int]) -> list[UnitShape]:
    """3x3 convolutions with these output channels."""
    inputs = [in_channels, *out_channels]
    return [
        UnitShape(in_channels=a, out_channels=b) for a, b in zip(inputs, out_channels, strict=False)
    ]


@dataclass(frozen=True, kw_only=True)
class TowerDesign:
    """Quantization, decomposition and structure of a head's convolutions.

    Each is ``mean_k ReLU(BN_k(conv_k(sign(x))))``, with an identity shortcut around it where it
    keeps the shape. Without one there is no ReLU in front of another layer, whose sign would be +1
    throughout. In full precision there are no shortcuts, and always a ReLU, as in the original
    heads.

    Attributes:
        quantization: Quantizers and K.
        relu: Whether a ReLU follows the BN.
        group: A key of `GROUPS`: the K bases meet after each ``layer``, or at the end of K
            parallel towers (``tower``).
        gates: Whether K parallel towers exchange what they know by soft gates, see `BranchedUnit`.
        full_precision: Whether these are the original heads, with the float quantizers.
        shared_norm: Whether all levels of a pyramid share one BN: for comparisons.
    """

    quantization: Quantization = field(default_factory=Quantization)
    relu: bool = True
    group: str = "layer"
    gates: bool = True
    full_precision: bool = False
    shared_norm: bool = False

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "TowerDesign":
        """The design of ``MODEL.GROUPNET.PARTS.HEAD``.

        Raises:
            ConfigError: A value is not among the valid ones.
        """
        options = cfg.MODEL.GROUPNET.HEAD
        lookup(GROUPS, options.GROUP, "MODEL.GROUPNET.HEAD.GROUP")
        return cls(
            quantization=parse_method(cfg, "HEAD").quantization,
            relu=options.RELU,
            group=options.GROUP,
            gates=options.GATES,
            full_precision=part_method(cfg, "HEAD") == "float",
            shared_norm=options.SHARED_NORM,
        )

    def make_tower(self, shapes: Sequence[UnitShape], *, num_levels: int = 1) -> Tower:
        """A chain of convolutions; BN is unshared between the levels but with `shared_norm`."""
        layers = []
        for index, shape in enumerate(shapes):
            relu = self._has_relu(shape, last=index == len(shapes) - 1)
            layers.append(self._make_layer(shape, num_levels, relu=relu, first=index == 0))
        return Tower(layers)

    def _has_relu(self, shape: UnitShape, *, last: bool) -> bool:
        return self.full_precision or (self.relu and (last or shape.keeps_shape))

    def _make_layer(
        self, shape: UnitShape, num_levels: int, *, relu: bool, first: bool
    ) -> ConvUnit | BranchedUnit:
        make = partial(
            ConvUnit,
            shape.in_channels,
            shape.out_channels,
            shape.kernel_size,
            padding=shape.padding,
            nonlinearity="relu" if relu else "none",
            shortcut=shape.keeps_shape and not self.full_precision,
            num_levels=num_levels,
            shared_norm=self.shared_norm,
        )
        num_bases = self.quantization.num_bases
        if num_bases == 1 or not lookup(GROUPS, self.group, "MODEL.GROUPNET.HEAD.GROUP"):
            unit = make(quantization=self.quantization)
            if self.full_precision:
                nn.init.normal_(unit.conv.weight, std=0.01)  # as RetinaNet's and the RPN's
            return unit
        one_base = replace(self.quantization, num_bases=1)
        return BranchedUnit(
            partial(make, quantization=one_base),
            num_branches=num_bases,
            gated=self.gates and not first,
        )
