"""Protocol of backbones: what pyramids and export need of one, whatever its layers are."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class StagedBackbone(Protocol):
    """A stem, then stages of blocks, each with a lower resolution than the one before.

    A module of this kind trains below a pyramid and is exported, if its stem is one of `stems`
    and its blocks are `GroupBlock`s; for others `exporting.packed.models.backbone` needs to learn
    their steps.

    Attributes:
        stem: Its first layers; a submodule of this name.
        stages: Names of the stages that there are, in their order, after Detectron2: ``res2`` for
            a stride of 4, and so on. Each is a submodule whose children are the blocks.
        out_features: The names in `stages` whose last map `forward` returns.
        feature_channels, feature_strides: Channels and stride of that map by the name of the stage.
        signed_output: Whether maps have values of both signs, which binary layers need. Else a
            pyramid of binary layers puts a BatchNorm in front.
    """

    stem: nn.Module
    stages: tuple[str, ...]
    out_features: tuple[str, ...]
    feature_channels: Mapping[str, int]
    feature_strides: Mapping[str, int]
    signed_output: bool

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(N, C, H, W) -> the `out_features` by name, each (N, C_i, H/stride_i, W/stride_i)."""

    def get_submodule(self, target: str) -> nn.Module:
        """See ``torch.nn.Module``."""
