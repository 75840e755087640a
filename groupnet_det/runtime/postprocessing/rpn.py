"""Post-processing of a region proposal network: maps to regions."""

from dataclasses import dataclass

import torch
from torch import Tensor

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.limits import MAX_ELEMENTS, in_range
from groupnet_det.runtime.backends.networks import Network
from groupnet_det.runtime.backends.numpy_ops import flat, pick, rows_of

from .boxes import Anchors, BoxCoding, clip, larger_than
from .output_checks import expect_one_size


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """``postprocessing.proposals`` of docs/reference/packed-format.md."""

    levels: tuple[str, ...]
    anchors: Anchors
    box_coding: BoxCoding
    pre_nms_topk: int
    nms_threshold: float
    post_nms_topk: int
    min_box_size: float

    def __post_init__(self) -> None:
        """
        Raises:
            UserError: No level or one without anchors, or a number below 0.
        """
        self.anchors.check_levels(self.levels)
        in_range(self.pre_nms_topk, 0, MAX_ELEMENTS, "postprocessing.proposals.pre_nms_topk")
        in_range(self.post_nms_topk, 0, MAX_ELEMENTS, "postprocessing.proposals.post_nms_topk")
        if self.min_box_size < 0:
            raise PackedFileError(f"postprocessing.proposals.min_box_size is {self.min_box_size}")

    def __call__(self, maps: dict[str, Tensor], size: tuple[int, int], network: Network) -> Tensor:
        """
        Args:
            maps: float32 (1, H, W, C) by name.
            size: Height and width of the image in the network's input.
            network: Finds boxes that overlap.

        Returns:
            Boxes (R, 4), the most certain first.
        """
        found = [self._candidates(maps, level) for level in self.levels]
        boxes = clip(torch.cat([b for b, _ in found]), size)
        scores = torch.cat([s for _, s in found])
        levels = torch.cat([torch.full((len(s),), n) for n, (_, s) in enumerate(found)])
        # Where numbers overflow there is no region.
        kept = boxes.isfinite().all(dim=1) & scores.isfinite()
        kept &= larger_than(boxes, self.min_box_size)
        boxes, scores, levels = pick(boxes, kept), pick(scores, kept), pick(levels, kept)
        best = network.nms(boxes, scores, levels, self.nms_threshold)[: self.post_nms_topk]
        return pick(boxes, best)

    def _candidates(self, maps: dict[str, Tensor], level: str) -> tuple[Tensor, Tensor]:
        expect_one_size(maps, (f"objectness.{level}", f"anchor_deltas.{level}"))
        objectness = maps[f"objectness.{level}"]
        scores, index = flat(objectness).topk(min(self.pre_nms_topk, objectness.numel()))
        anchors = self.anchors.at(level, index, objectness.shape[2])
        deltas = rows_of(maps[f"anchor_deltas.{level}"], index, columns=4)
        return self.box_coding.decode(deltas, anchors), scores
