"""Pipelines of the tasks that find objects: detection, instance and panoptic segmentation."""

from dataclasses import replace

import torch
from torch import Tensor

from groupnet_det.errors import ConfigError, shortened
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.score_thresholds import ScoreThreshold, lowest_threshold
from groupnet_det.runtime.backends.networks import Network
from groupnet_det.runtime.backends.numpy_ops import pick
from groupnet_det.runtime.postprocessing.boxes import larger_than, rescale
from groupnet_det.runtime.postprocessing.dense_postprocessing import DensePostprocessing
from groupnet_det.runtime.postprocessing.output_checks import channels_of
from groupnet_det.runtime.postprocessing.panoptic import PanopticPostprocessing
from groupnet_det.runtime.postprocessing.pasted_masks import paste_masks
from groupnet_det.runtime.postprocessing.rcnn import RegionPostprocessing
from groupnet_det.runtime.postprocessing.rcnn_checks import count_classes
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.members import reach
from groupnet_det.runtime.results.panoptic_segmentation import PanopticSegmentation, combine

from .pipeline_base import OfWholeImages, Size, names_of_classes, pixel_size, read_postprocessing


class ObjectPipeline(OfWholeImages):
    """A task whose results have objects."""

    finds_objects = True
    postprocessing: DensePostprocessing | RegionPostprocessing

    def set_class_agnostic_nms(self, value: bool) -> None:
        if type(value) is not bool:
            raise ConfigError(f"class_agnostic_nms is {shortened(value)}; valid: True, False")
        self.postprocessing = replace(self.postprocessing, class_agnostic_nms=value)


class DenseDetectorPipeline(ObjectPipeline):
    """The task ``detection`` with the postprocessing of a dense detector."""

    postprocessing: DensePostprocessing

    def __init__(self, packed: PackedFile) -> None:
        """See `OfWholeImages`."""
        super().__init__(packed)
        self.postprocessing = read_postprocessing(DensePostprocessing, packed)
        self.num_classes = self.postprocessing.count_classes(packed.program)
        self.class_score_thresholds = self.postprocessing.class_score_thresholds

    def result(
        self, network: Network, pixels: Tensor, wanted: Size, threshold: ScoreThreshold | None
    ) -> Detections:
        boxes, scores, classes = self.postprocessing(network(pixels), network)
        boxes = rescale(boxes, pixel_size(pixels), wanted)
        kept = larger_than(boxes)
        found = Detections(boxes[kept], scores[kept], classes[kept], self.class_names, wanted)
        return found if threshold is None else found.above(threshold)


class RegionDetector(ObjectPipeline):
    """The tasks ``detection`` and ``instance_segmentation`` with that of an R-CNN."""

    kind: type[RegionPostprocessing] = RegionPostprocessing
    postprocessing: RegionPostprocessing

    def __init__(self, packed: PackedFile) -> None:
        """See `OfWholeImages`."""
        super().__init__(packed)
        self.postprocessing = read_postprocessing(self.kind, packed)
        self.num_classes = count_classes(self.postprocessing, packed)
        self.class_score_thresholds = self.postprocessing.class_score_thresholds

    def set_mask_threshold(self, threshold: float) -> None:
        mask = self.postprocessing.mask
        if mask is None:
            super().set_mask_threshold(threshold)
        elif not 0 <= threshold <= 1:
            raise ConfigError(f"mask_threshold is {threshold}; valid: probabilities, 0 to 1")
        else:
            mask = replace(mask, threshold=threshold)
            self.postprocessing = replace(self.postprocessing, mask=mask)

    def result(
        self, network: Network, pixels: Tensor, wanted: Size, threshold: ScoreThreshold | None
    ) -> Detections | PanopticSegmentation:
        return self.detections(network, network(pixels), pixel_size(pixels), wanted, threshold)

    def detections(
        self,
        network: Network,
        maps: dict[str, Tensor],
        size: Size,
        wanted: Size,
        threshold: ScoreThreshold | None,
    ) -> Detections:
        """The objects in the outputs for an image of `size`."""
        boxes, scores, classes = self.postprocessing(maps, size, network)
        if threshold is not None:  # before the mask head, for which each object is work
            reached = reach(scores.numpy(), classes.numpy(), self.class_names, threshold)
            kept = torch.from_numpy(reached)
            boxes, scores, classes = pick(boxes, kept), pick(scores, kept), pick(classes, kept)
        masks = self.postprocessing.masks(maps, boxes, classes, network)
        boxes = rescale(boxes, size, wanted)
        kept = larger_than(boxes)
        boxes, scores, classes = boxes[kept], scores[kept], classes[kept]
        if masks is not None and self.postprocessing.mask is not None:
            probability = self.postprocessing.mask.threshold
            masks = paste_masks(pick(masks, kept), boxes, wanted, threshold=probability)
        return Detections(boxes, scores, classes, self.class_names, wanted, masks)


class PanopticSegmenter(RegionDetector):
    """The task ``panoptic_segmentation``."""

    kind = PanopticPostprocessing
    postprocessing: PanopticPostprocessing

    def __init__(self, packed: PackedFile) -> None:
        """See `OfWholeImages`."""
        super().__init__(packed)
        number = channels_of(packed.program, "logits")
        self.stuff_class_names = names_of_classes(packed.info, number, "stuff_class_names")

    def result(
        self, network: Network, pixels: Tensor, wanted: Size, threshold: ScoreThreshold | None
    ) -> PanopticSegmentation:
        maps, size = network(pixels), pixel_size(pixels)
        detections = self.detections(network, maps, size, wanted, threshold)
        labels = network.label_map(maps["logits"][:, : size[0], : size[1]], wanted)
        label_map = LabelMap(labels, self.stuff_class_names)
        options = self.postprocessing.combination
        if threshold is not None:
            options = replace(options, score_threshold=lowest_threshold(threshold))
        return combine(detections, label_map, options)
