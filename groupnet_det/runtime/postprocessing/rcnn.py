"""Post-processing of Faster, Cascade and Mask R-CNN: maps to boxes and masks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from groupnet_det.errors import PackedFileError, lookup
from groupnet_det.runtime.backends.networks import Network
from groupnet_det.runtime.backends.numpy_ops import joined, pick, sigmoid, where_above

from .boxes import BoxCoding, clip
from .roi_pooling import Pooler
from .rpn import Proposals

Maps = dict[str, Tensor]  # float32 (N, H, W, C) by name
# Regions that go through a head at a time: many enough for the kernels, few enough for the cache.
CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class CascadeStage:
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
    """The postprocessing ``rcnn`` in docs/reference/packed-format.md."""

    kind: str
    proposals: Proposals
    pooler: Pooler
    stages: tuple[CascadeStage, ...]
    score: str
    score_threshold: float
    nms_threshold: float
    max_detections: int
    mask: MaskStage | None = None
    class_agnostic_nms: bool = False
    class_score_thresholds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """
        Raises:
            UserError: Unknown `score`, or no stage.
        """
        lookup(_SCORES, self.score, "postprocessing.score")
        if not self.stages:
            raise PackedFileError("postprocessing.stages is empty")

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
        boxes, scores, labels = self._candidates(maps, regions, size, network)
        groups = torch.zeros_like(labels) if self.class_agnostic_nms else labels
        kept = network.nms(boxes, scores, groups, self.nms_threshold)
        if self.max_detections >= 0:
            kept = kept[: self.max_detections]
        return pick(boxes, kept), pick(scores, kept), pick(labels, kept)

    def _candidates(
        self, maps: Maps, regions: Tensor, size: tuple[int, int], network: Network
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes, scores and classes above the threshold: few, so that boxes of all classes need not
        be decoded. Where numbers overflow there is no object."""
        total = torch.zeros(())
        for number, stage in enumerate(self.stages, start=1):
            out = self._run_head(stage.part, maps, regions, network)
            total = total + _SCORES[self.score](out["scores"])
            deltas = out["deltas"].unflatten(1, (-1, 4))
            if number < len(self.stages):
                regions = clip(stage.box_coding.decode(deltas[:, 0], regions), size)
                finite = regions.isfinite().all(dim=1)
                regions, total = pick(regions, finite), pick(total, finite)
        scores = total / len(self.stages)
        region, label = where_above(scores, self.score_threshold)
        column = label if deltas.shape[1] > 1 else torch.zeros_like(label)
        boxes = stage.box_coding.decode(pick(deltas, region, column), pick(regions, region))
        boxes, scores = clip(boxes, size), pick(scores, region, label)
        finite = boxes.isfinite().all(dim=1) & scores.isfinite()
        return pick(boxes, finite), pick(scores, finite), pick(label, finite)

    def _run_head(self, part: str, maps: Maps, regions: Tensor, network: Network) -> Maps:
        """Outputs (R, ...) of a box head. Regions go through it in the order of their places, so
        that neighbours find their pixels in the cache; each has the same numbers in any order."""
        order = self.pooler.order_of_places(regions)
        found = list(run_in_chunks(network, part, self.pooler, maps, pick(regions, order)))
        back = torch.from_numpy(np.argsort(order.numpy()))
        return {
            name: pick(joined([outputs[name] for outputs in found]).flatten(1), back)
            for name in ("scores", "deltas")
        }

    def masks(self, maps: Maps, boxes: Tensor, classes: Tensor, network: Network) -> Tensor | None:
        """Probabilities (R, M, M) of the objects' masks in their boxes; None without a head."""
        if self.mask is None:
            return None
        channels = torch.zeros_like(classes) if self.mask.class_agnostic else classes
        masks = []
        found = run_in_chunks(network, self.mask.part, self.mask.pooler, maps, boxes)
        for out, channel in zip(found, channels.split(CHUNK), strict=True):
            logits = out["masks"].permute(0, 3, 1, 2)
            masks.append(sigmoid(pick(logits, torch.arange(len(channel)), channel)).numpy())
        return torch.from_numpy(np.concatenate(masks))


def _softmax(logits: Tensor) -> Tensor:
    """The softmax of rows, by numpy: see `numpy_ops`."""
    values = logits.numpy()
    shares = np.exp(values - values.max(axis=1, keepdims=True))
    return torch.from_numpy(shares / shares.sum(axis=1, keepdims=True))


_SCORES: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: _softmax(logits)[:, :-1],
    "sigmoid": lambda logits: sigmoid(logits)[:, :-1],
}


def run_in_chunks(
    network: Network, part: str, pooler: Pooler, maps: Maps, boxes: Tensor
) -> Iterator[Maps]:
    """Pool regions and run a part on them: the outputs of at most `CHUNK` regions at a time.

    All chunks have one size, so that the engine plans its memory once: the last one is filled up
    with empty boxes, whose results are dropped. Without a region there is one empty chunk.
    """
    sizes = [len(chunk) for chunk in boxes.split(CHUNK)]
    filled = torch.cat([boxes, boxes.new_zeros(CHUNK - sizes[-1], 4)])
    levels = pooler.assign(filled)
    for size, regions, level_of in zip(
        sizes, filled.split(CHUNK), levels.split(CHUNK), strict=True
    ):
        outputs = network.run_part(part, pooler(network, maps, regions, level_of))
        yield {name: values[:size] for name, values in outputs.items()}
