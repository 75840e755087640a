"""Pyramid levels above p5."""

from collections.abc import Callable

from detectron2.modeling.backbone.fpn import LastLevelMaxPool, LastLevelP6P7
from torch import Tensor, nn

from groupnet_det.layers import join_branches

from .pyramid_design import PyramidDesign


class BinaryP6P7(nn.Module):
    """p6 and p7 by binary 3x3 convolutions with stride 2.

    The call contract is that of Detectron2's ``LastLevelP6P7``: attributes `num_levels` and
    `in_feature`, and a forward that returns the list of levels.
    """

    num_levels = 2

    def __init__(
        self, in_channels: int, out_channels: int, *, in_feature: str, design: PyramidDesign
    ) -> None:
        super().__init__()
        self.in_feature = in_feature
        # Without a ReLU, as in Detectron2, whatever the other convolutions have.
        self.p6 = design.make_conv(
            in_channels, out_channels, 3, stride=2, first=True, has_relu=False
        )
        self.p7 = design.make_conv(
            out_channels, out_channels, 3, stride=2, first=False, has_relu=False
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, C_in, H, W) -> [(N, C, H/2, W/2), (N, C, H/4, W/4)]."""
        p6 = self.p6.forward_branches([[x]])
        p7 = self.p7.forward_branches(p6)
        return [*join_branches(p6), *join_branches(p7)]


# Make a top block from (channels of res5, channels of the pyramid, design or None for float).
TopBlockBuilder = Callable[[int, int, PyramidDesign | None], nn.Module | None]


def _p6p7(in_feature: str) -> TopBlockBuilder:
    def build(res5: int, channels: int, design: PyramidDesign | None) -> nn.Module:
        in_channels = res5 if in_feature == "res5" else channels
        if design is None:
            return LastLevelP6P7(in_channels, channels, in_feature)
        return BinaryP6P7(in_channels, channels, in_feature=in_feature, design=design)

    return build


TOP_BLOCKS: dict[str, TopBlockBuilder] = {
    "p6p7_from_res5": _p6p7("res5"),
    "p6p7_from_p5": _p6p7("p5"),
    "maxpool": lambda res5, channels, design: LastLevelMaxPool(),
    "none": lambda res5, channels, design: None,
}
