"""Post-processing of dense detectors: maps to boxes."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from groupnet_det.errors import PackedFileError, lookup
from groupnet_det.packed.limits import MAX_ELEMENTS, in_range
from groupnet_det.packed.program import Program
from groupnet_det.runtime.backends.networks import Network
from groupnet_det.runtime.backends.numpy_ops import flat, pick, rows_of, sigmoid, sqrt, where_above

from .boxes import Anchors, BoxCoding
from .output_checks import channels_of, expect_channels, expect_one_size

Maps = dict[str, Tensor]  # float32 (1, H, W, C) by name
Found = tuple[Tensor, Tensor, Tensor]  # boxes (R, 4), scores (R,), classes (R,)


KINDS = ("retinanet", "fcos")  # of postprocessing.kind


@dataclass(frozen=True, kw_only=True)
class DensePostprocessing:
    """The postprocessing of `KINDS` in docs/reference/packed-format.md."""

    kind: str
    levels: tuple[str, ...]
    anchors: Anchors
    box_coding: BoxCoding
    score: str
    score_threshold: float
    topk: int
    nms_threshold: float
    max_detections: int
    class_agnostic_nms: bool = False
    class_score_thresholds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """
        Raises:
            UserError: Unknown `score`, no level or one without anchors, or `topk` below 0.
        """
        lookup(_SCORES, self.score, "postprocessing.score")
        self.anchors.check_levels(self.levels)
        in_range(self.topk, 0, MAX_ELEMENTS, "postprocessing.topk")

    def count_classes(self, program: Program) -> int:
        """The number of classes that the maps of all levels have.

        Raises:
            PackedFileError: The program lacks a map, or one has other channels.
        """
        numbers = set()
        for level in self.levels:
            anchors = self.anchors.number(level)
            expect_channels(program, f"deltas.{level}", 4 * anchors)
            for kind in _SCORES[self.score]:
                expect_channels(program, f"{kind}.{level}", anchors)
            numbers.add(channels_of(program, f"logits.{level}") / anchors)
        (classes, *others) = numbers
        if others or not classes.is_integer():
            raise PackedFileError(
                f"its logits are of {sorted(numbers)} classes for each anchor; valid: one number"
            )
        return int(classes)

    def __call__(self, maps: Maps, network: Network) -> Found:
        """Objects of one image, in pixels of the network's input.

        Args:
            maps: Outputs for the image.
            network: Searches the logits, of which there may be millions, and finds boxes that
                overlap.
        """
        found = (self._candidates(maps, level, network) for level in self.levels)
        parts = zip(*found, strict=True)
        boxes, scores, classes = (torch.cat(part) for part in parts)
        groups = torch.zeros_like(classes) if self.class_agnostic_nms else classes
        kept = network.nms(boxes, scores, groups, self.nms_threshold)
        if self.max_detections >= 0:
            kept = kept[: self.max_detections]
        return pick(boxes, kept), pick(scores, kept), pick(classes, kept)

    def _candidates(self, maps: Maps, level: str, network: Network) -> Found:
        kinds = ("logits", "deltas", *_SCORES[self.score])
        expect_one_size(maps, (f"{kind}.{level}" for kind in kinds))
        logits, deltas = maps[f"logits.{level}"], maps[f"deltas.{level}"]
        number = self.anchors.number(level)
        num_classes = logits.shape[3] // number
        factors = [flat(maps[f"{kind}.{level}"]) for kind in _SCORES[self.score]]
        index, above = network.above_threshold(
            flat(logits), lowest_logit(self.score_threshold, 1 + len(factors))
        )
        scores = sigmoid(above)
        for factor in factors:
            scores = sqrt(scores * sigmoid(pick(factor, index // num_classes)))
        (kept,) = where_above(scores, self.score_threshold)
        index, scores = pick(index, kept), pick(scores, kept)
        scores, order = scores.topk(min(self.topk, len(scores)))
        index = pick(index, order)
        anchor = index // num_classes
        anchors = self.anchors.at(level, anchor, logits.shape[2])
        boxes = self.box_coding.decode(rows_of(deltas, anchor, columns=4), anchors)
        # Where numbers overflow there is no object; one NaN would end the suppression of all.
        finite = boxes.isfinite().all(dim=1) & scores.isfinite()
        return pick(boxes, finite), pick(scores, finite), pick(index % num_classes, finite)


# postprocessing.score -> maps whose sigmoid, times that of the logits, is under the root.
_SCORES: dict[str, tuple[str, ...]] = {"sigmoid": (), "sigmoid_centerness": ("centerness",)}


def lowest_logit(threshold: float, factors: int) -> float:
    """A bound, a bit too low, on the logits whose scores are above a threshold: most are far below
    it, and so their exponentials are spared.

    Args:
        threshold: A score threshold.
        factors: How many sigmoids are in a score, the logit's own among them.
    """
    bound = min(max(threshold, 0.0), 1.0) ** factors  # sqrt(a b) > t needs a > t^2
    return math.log(bound / (1 - bound)) - 1e-3 if 0 < bound < 1 else -math.inf
