"""From the maps of Faster, Cascade and Mask R-CNN to boxes and masks."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from groupnet_det.errors import lookup

from .boxes import BoxCoding, clip
from .networks import Network
from .proposals import Proposals
from .regions import Pooler

Maps = dict[str, Tensor]  # float32 (N, H, W, C) by name
# Regions that go through a part at a time: many enough for its kernels, few enough for the cache.
CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A box head: its part, and what its deltas mean."""

    part: str
    box_coding: BoxCoding
    class_agnostic: bool


@dataclass(frozen=True, kw_only=True)
class MaskStage:
    """The mask head."""

    part: str
    pooler: Pooler
    class_agnostic: bool
    threshold: float


@dataclass(frozen=True, kw_only=True)
class RegionPostprocessing:
    """That of ``rcnn`` in docs/packed-format.md."""

    kind: str
    proposals: Proposals
    pooler: Pooler
    stages: tuple[Stage, ...]
    score: str
    score_threshold: float
    nms_threshold: float
    max_detections: int
    mask: MaskStage | None = None

    def __post_init__(self) -> None:
        """
        Raises:
            ConfigError: Unknown `score`.
        """
        lookup(_SCORES, self.score, "postprocessing.score")

    def outputs(self) -> list[str]:
        """The maps that it reads."""
        names = [
            f"{kind}.{level}"
            for level in self.proposals.levels
            for kind in ("objectness", "anchor_deltas")
        ]
        poolers = [self.pooler, *([self.mask.pooler] if self.mask else [])]
        return [*names, *(level for pooler in poolers for level in pooler.levels)]

    def __call__(
        self, maps: Maps, size: tuple[int, int], network: Network
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (R, 4), scores (R,) and classes (R,) of one image.

        Args:
            maps: Outputs for the image.
            size: Its height and width in the network's input.
            network: Pools regions and runs parts.
        """
        regions = self.proposals(maps, size, network)
        total = torch.zeros(())
        for stage in self.stages:
            out = run_on_regions(network, stage.part, self.pooler, maps, regions)
            total = total + _SCORES[self.score](out["scores"].flatten(1))
            boxes = stage.box_coding.decode(out["deltas"].flatten(1), regions)
            boxes = clip(boxes, size)
            if boxes.shape[1] == 4:
                regions = boxes
        return self._select(boxes, total / len(self.stages), network)

    def masks(self, maps: Maps, boxes: Tensor, classes: Tensor, network: Network) -> Tensor | None:
        """Probabilities (R, M, M) of the objects' masks in their boxes; absent without a head."""
        if self.mask is None:
            return None
        out = run_on_regions(network, self.mask.part, self.mask.pooler, maps, boxes)
        logits = out["masks"]
        channels = torch.zeros_like(classes) if self.mask.class_agnostic else classes
        return logits[torch.arange(len(classes)), ..., channels].sigmoid()

    def _select(
        self, boxes: Tensor, scores: Tensor, network: Network
    ) -> tuple[Tensor, Tensor, Tensor]:
        """NMS within classes; boxes (R, 4) or (R, classes * 4), scores (R, classes)."""
        finite = boxes.isfinite().all(dim=1) & scores.isfinite().all(dim=1)
        boxes, scores = boxes[finite], scores[finite]
        region, label = torch.nonzero(scores > self.score_threshold, as_tuple=True)
        of_class = boxes.reshape(len(boxes), -1, 4)
        column = label if of_class.shape[1] > 1 else torch.zeros_like(label)
        boxes, scores = of_class[region, column], scores[region, label]
        kept = network.suppress(boxes, scores, label, self.nms_threshold)
        if self.max_detections >= 0:
            kept = kept[: self.max_detections]
        return boxes[kept], scores[kept], label[kept]


_SCORES: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: logits.softmax(dim=1)[:, :-1],
    "sigmoid": lambda logits: logits.sigmoid()[:, :-1],
}


def run_on_regions(network: Network, part: str, pooler: Pooler, maps: Maps, boxes: Tensor) -> Maps:
    """Pool regions, any number of them, and run a part on them; some at a time, which stay in the
    cache.

    All chunks have one size, so that the engine plans its memory once: the last one is filled up
    with empty boxes, whose results are dropped.
    """
    number = len(boxes)
    chunks = max(1, -(-number // CHUNK))
    filled = torch.cat([boxes, boxes.new_zeros(chunks * CHUNK - number, 4)])
    outputs = [
        network.run_part(part, pooler(network, maps, chunk)) for chunk in filled.split(CHUNK)
    ]
    return {name: torch.cat([out[name] for out in outputs])[:number] for name in outputs[0]}
