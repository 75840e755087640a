"""Regions of a detector's maps, pooled to one size."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from groupnet_det.errors import PackedFileError, lookup
from groupnet_det.packed.limits import MAX_ELEMENTS, MAX_GEOMETRY, in_range
from groupnet_det.runtime.backends.networks import AlignOptions, Network

MAX_LEVEL = 64
BAND = 64
# postprocessing.pooler.type -> whether the centre of pixel (0, 0) is at (0.5, 0.5).
ALIGNED = {"ROIAlignV2": True, "ROIAlign": False}


@dataclass(frozen=True, kw_only=True)
class Pooler:
    """Pools each region from the level that suits its size; see docs/reference/packed-format.md.

    Attributes:
        levels: Names of maps, from high to low resolution.
        strides: Stride of each level.
        resolution: Rows and columns of a pooled region.
        sampling_ratio: Samples for each of these, 0 for as many as there are pixels.
        type: ``ROIAlignV2`` or ``ROIAlign``.
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
            PackedFileError: The strides are not those of the levels, one twice the other, the
                resolution is not a pair, or a number is out of its range.
        """
        lookup(ALIGNED, self.type, "postprocessing.pooler.type")
        what = "postprocessing.pooler."
        if len(self.strides) != len(self.levels) or not self.levels:
            raise PackedFileError(f"{what}strides are not those of its levels")
        if any(b != 2 * a for a, b in pairwise(self.strides)):
            raise PackedFileError(
                f"{what}strides are {list(self.strides)}; valid: each is twice the one before"
            )
        if len(self.resolution) != 2:
            raise PackedFileError(f"{what}resolution is not a pair of sizes")
        for number in (*self.strides, *self.resolution):
            in_range(number, 1, MAX_GEOMETRY, f"a number of {what}strides or resolution")
        in_range(self.sampling_ratio, 0, MAX_GEOMETRY, f"{what}sampling_ratio")
        in_range(self.canonical_box_size, 1, MAX_ELEMENTS, f"{what}canonical_box_size")
        in_range(self.canonical_level, 0, MAX_LEVEL, f"{what}canonical_level")

    def __call__(
        self, network: Network, maps: dict[str, Tensor], boxes: Tensor, level_of: Tensor
    ) -> Tensor:
        """
        Args:
            network: The network that pools.
            maps: float32 (1, H, W, C) by name.
            boxes: (R, 4) in pixels of the network's input.
            level_of: int64 (R,), see `assign`.

        Returns:
            float32 (R, *resolution, C).
        """
        options = AlignOptions(
            scales=[1 / stride for stride in self.strides],
            rows=self.resolution[0],
            columns=self.resolution[1],
            sampling_ratio=self.sampling_ratio,
            aligned=ALIGNED[self.type],
        )
        levels = [maps[level] for level in self.levels]
        return network.roi_align(levels, boxes, level_of, options)

    def order_of_places(self, boxes: Tensor) -> Tensor:
        """Numbers of the boxes (R, 4) level by level, each in bands of `BAND` pixels of the image
        from the top, where every other one runs from right to left."""
        centre = (boxes[:, :2] + boxes[:, 2:]).numpy() / 2
        x, band = centre[:, 0], np.floor(centre[:, 1] / BAND)
        order = np.lexsort((np.where(band % 2 == 0, x, -x), band, self.assign(boxes).numpy()))
        return torch.from_numpy(order)

    def assign(self, boxes: Tensor) -> Tensor:
        """Number of the level of each box, (R, 4) -> int64 (R,)."""
        if len(self.levels) == 1:
            return torch.zeros(len(boxes), dtype=torch.int64)
        first, last = (int(math.log2(stride)) for stride in (self.strides[0], self.strides[-1]))
        sides = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt()
        wanted = self.canonical_level + torch.log2(sides / self.canonical_box_size + 1e-8)
        return wanted.floor().clamp(first, last).long() - first
