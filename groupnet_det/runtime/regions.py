"""Regions of a detector's maps, pooled to one size."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import roi_align, roi_pool

from groupnet_det.errors import PackedFileError, lookup


@dataclass(frozen=True, kw_only=True)
class Pooler:
    """Pools each region from the level that suits its size; see docs/packed-format.md.

    Attributes:
        levels: Names of maps, from high to low resolution.
        strides: Of each level.
        resolution: Rows and columns of a pooled region.
        sampling_ratio: Samples for each of these, 0 for as many as there are pixels.
        type: ``ROIAlignV2``, ``ROIAlign`` or ``ROIPool``.
        canonical_box_size: Side of the square that is pooled from `canonical_level`.
        canonical_level: Logarithm of that level's stride.
    """

    levels: tuple[str, ...]
    strides: tuple[int, ...]
    resolution: tuple[int, ...]
    sampling_ratio: int
    type: str
    canonical_box_size: int
    canonical_level: int

    def __post_init__(self) -> None:
        """
        Raises:
            ConfigError: Unknown `type`.
            PackedFileError: The strides are not those of the levels, or the resolution no pair.
        """
        lookup(_POOLINGS, self.type, "postprocessing.pooler.type")
        if len(self.strides) != len(self.levels) or min(self.strides, default=0) < 1:
            raise PackedFileError("postprocessing.pooler.strides are not those of its levels")
        if len(self.resolution) != 2 or min(self.resolution) < 1:
            raise PackedFileError("postprocessing.pooler.resolution is no pair of sizes")

    def __call__(self, maps: dict[str, Tensor], boxes: Tensor) -> Tensor:
        """
        Args:
            maps: float32 (1, H, W, C) by name.
            boxes: (R, 4) in pixels of the network's input.

        Returns:
            float32 (R, *resolution, C).
        """
        channels = maps[self.levels[0]].shape[3]
        pooled = boxes.new_zeros(len(boxes), channels, *self.resolution)
        assigned = self._assign(boxes)
        for number, (level, stride) in enumerate(zip(self.levels, self.strides, strict=True)):
            (index,) = torch.nonzero(assigned == number, as_tuple=True)
            if len(index):
                features = maps[level].permute(0, 3, 1, 2).contiguous()
                pool = _POOLINGS[self.type]
                pooled[index] = pool(self, features, [boxes[index]], 1 / stride)
        return pooled.permute(0, 2, 3, 1).contiguous()

    def _assign(self, boxes: Tensor) -> Tensor:
        """Number of the level of each box."""
        if len(self.levels) == 1:
            return torch.zeros(len(boxes), dtype=torch.int64)
        first, last = (int(math.log2(stride)) for stride in (self.strides[0], self.strides[-1]))
        sides = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt()
        wanted = self.canonical_level + torch.log2(sides / self.canonical_box_size + 1e-8)
        return wanted.floor().clamp(first, last).long() - first


def _align(pooler: Pooler, maps: Tensor, boxes: list[Tensor], scale: float) -> Tensor:
    aligned = pooler.type == "ROIAlignV2"
    size, ratio = list(pooler.resolution), pooler.sampling_ratio
    return roi_align(maps, boxes, size, scale, sampling_ratio=ratio, aligned=aligned)


def _max(pooler: Pooler, maps: Tensor, boxes: list[Tensor], scale: float) -> Tensor:
    return roi_pool(maps, boxes, list(pooler.resolution), scale)


_POOLINGS = {"ROIAlignV2": _align, "ROIAlign": _align, "ROIPool": _max}
