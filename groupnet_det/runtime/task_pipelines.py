"""Pipelines by task: preparation of an image, and post-processing of a network's outputs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import ConfigError, PackedFileError, shortened
from groupnet_det.images.reading import AnyImage
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.program_json import read_value
from groupnet_det.runtime.backends.networks import Network
from groupnet_det.runtime.backends.numpy_ops import joined, pick
from groupnet_det.runtime.postprocessing.boxes import larger_than, rescale
from groupnet_det.runtime.postprocessing.dense_detectors import KINDS, DensePostprocessing
from groupnet_det.runtime.postprocessing.output_checks import channels_of
from groupnet_det.runtime.postprocessing.panoptic import PanopticPostprocessing
from groupnet_det.runtime.postprocessing.pasted_masks import paste_masks
from groupnet_det.runtime.postprocessing.rcnn import RegionPostprocessing
from groupnet_det.runtime.postprocessing.rcnn_checks import count_classes
from groupnet_det.runtime.postprocessing.segmentation import SegmentationPostprocessing
from groupnet_det.runtime.preprocessing.center_crop import Preprocessing
from groupnet_det.runtime.preprocessing.shortest_edge import ShortestEdge
from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.panoptic_segmentation import PanopticSegmentation, combine
from groupnet_det.runtime.results.result import Result

Size = tuple[int, int]  # height, width
Prepared = tuple[Tensor, Size]  # pixels, and the size that the result is wanted for


class Task:
    """Preparation of images, and the results of a network's outputs.

    Attributes:
        preprocessing: Makes the pixels.
        num_classes: That the network tells apart.
        class_names: One for each.
        stuff_class_names: Of the labels that a panoptic network has besides.
    """

    preprocessing: Preprocessing | ShortestEdge
    num_classes: int
    class_names: tuple[str, ...] = ()
    stuff_class_names: tuple[str, ...] = ()

    def prepare(self, image: AnyImage) -> tuple[Tensor, Size]:
        """Pixels for the network, uint8 (1, H, W, 3), and the size that the result is wanted for.

        Raises:
            DataError: The image cannot be used.
        """
        raise NotImplementedError

    def results(
        self, network: Network, prepared: Sequence[Prepared], threshold: float | None = None
    ) -> list[Result]:
        """Run the network on images; one after the other, as they may differ in size.

        Args:
            threshold: Score threshold of objects, as `Result.above` has it; None for all.
        """
        return [self.result(network, *image, threshold) for image in prepared]

    def set_mask_threshold(self, threshold: float) -> None:
        """Take another threshold than the file's for masks.

        Raises:
            ConfigError: The network makes no masks, or it is no probability.
        """
        raise ConfigError("mask_threshold is for networks with masks of objects; leave it out")

    def result(
        self, network: Network, pixels: Tensor, wanted: Size, threshold: float | None
    ) -> Result:
        """Run the network on one image."""
        raise NotImplementedError


class Classifier(Task):
    """Of the task ``classification``."""

    preprocessing: Preprocessing

    def __init__(self, packed: PackedFile) -> None:
        """
        Raises:
            PackedFileError: The file does not hold what the task needs.
        """
        self.preprocessing = Preprocessing.from_info(packed.info)
        self.num_classes = channels_of(packed.program, "logits")

    def prepare(self, image: AnyImage) -> tuple[Tensor, Size]:
        pixels = self.preprocessing(image)
        return pixels, _size(pixels)

    def results(
        self, network: Network, prepared: Sequence[Prepared], threshold: float | None = None
    ) -> list[Result]:
        """All in one pass: they have one size."""
        if not prepared:
            return []
        logits = network(joined([pixels for pixels, _ in prepared]))["logits"]
        if logits.shape[1:3] != (1, 1):
            raise PackedFileError(f"the logits are maps of shape {tuple(logits.shape)}")
        return [Classification(row, self.class_names) for row in logits.flatten(1)]


class OfWholeImages(Task):
    """A task whose results are for the image's own size."""

    preprocessing: ShortestEdge

    def __init__(self, packed: PackedFile) -> None:
        """As `Classifier`."""
        values = packed.info.get("preprocessing")
        self.preprocessing = read_value(ShortestEdge, values, "preprocessing")

    def prepare(self, image: AnyImage) -> tuple[Tensor, Size]:
        return self.preprocessing(image)


class Segmenter(OfWholeImages):
    """Of the task ``semantic_segmentation``."""

    def __init__(self, packed: PackedFile) -> None:
        """As `Classifier`."""
        super().__init__(packed)
        self.postprocessing: SegmentationPostprocessing = _postprocessing(packed)
        self.num_classes = channels_of(packed.program, "logits")

    def result(
        self, network: Network, pixels: Tensor, wanted: Size, threshold: float | None
    ) -> LabelMap:
        labels = self.postprocessing(
            lambda p: network(p)["logits"], pixels, wanted, network.label_map
        )
        return LabelMap(labels, self.class_names)


class DenseDetector(OfWholeImages):
    """Of the task ``detection`` with the postprocessing of a dense detector."""

    def __init__(self, packed: PackedFile) -> None:
        """As `Classifier`."""
        super().__init__(packed)
        self.postprocessing: DensePostprocessing = _postprocessing(packed)
        self.num_classes = self.postprocessing.count_classes(packed.program)

    def result(
        self, network: Network, pixels: Tensor, wanted: Size, threshold: float | None
    ) -> Detections:
        boxes, scores, classes = self.postprocessing(network(pixels), network)
        boxes = rescale(boxes, _size(pixels), wanted)
        kept = larger_than(boxes)
        found = Detections(boxes[kept], scores[kept], classes[kept], self.class_names, wanted)
        return found if threshold is None else found.above(threshold)


class RegionDetector(OfWholeImages):
    """Of the tasks ``detection`` and ``instance_segmentation`` with that of an R-CNN."""

    def __init__(self, packed: PackedFile) -> None:
        """As `Classifier`."""
        super().__init__(packed)
        self.postprocessing: RegionPostprocessing = _postprocessing(packed)
        self.num_classes = count_classes(self.postprocessing, packed)

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
        self, network: Network, pixels: Tensor, wanted: Size, threshold: float | None
    ) -> Detections | PanopticSegmentation:
        return self.detections(network, network(pixels), _size(pixels), wanted, threshold)

    def detections(
        self,
        network: Network,
        maps: dict[str, Tensor],
        size: Size,
        wanted: Size,
        threshold: float | None,
    ) -> Detections:
        """From the outputs for an image of `size`."""
        boxes, scores, classes = self.postprocessing(maps, size, network)
        if threshold is not None:  # before the mask head, for which each object is work
            kept = torch.from_numpy(scores.numpy() >= threshold)
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
    """Of the task ``panoptic_segmentation``."""

    postprocessing: PanopticPostprocessing

    def __init__(self, packed: PackedFile) -> None:
        """As `Classifier`."""
        super().__init__(packed)
        number = channels_of(packed.program, "logits")
        self.stuff_class_names = _class_names(packed.info, number, "stuff_class_names")

    def result(
        self, network: Network, pixels: Tensor, wanted: Size, threshold: float | None
    ) -> PanopticSegmentation:
        maps, size = network(pixels), _size(pixels)
        detections = self.detections(network, maps, size, wanted, threshold)
        labels = network.label_map(maps["logits"][:, : size[0], : size[1]], wanted)
        label_map = LabelMap(labels, self.stuff_class_names)
        options = self.postprocessing.combination
        if threshold is not None:
            options = replace(options, score_threshold=threshold)
        return combine(detections, label_map, options)


# info.task -> postprocessing.kind -> what does it.
TASKS: dict[str, dict[str | None, Callable[[PackedFile], Task]]] = {
    "classification": {None: Classifier},
    "semantic_segmentation": {"segmentation": Segmenter},
    "detection": {**dict.fromkeys(KINDS, DenseDetector), "rcnn": RegionDetector},
    "instance_segmentation": {"rcnn": RegionDetector},
    "panoptic_segmentation": {"panoptic": PanopticSegmenter},
}
_POSTPROCESSINGS: dict[str, type] = {
    "segmentation": SegmentationPostprocessing,
    **dict.fromkeys(KINDS, DensePostprocessing),
    "rcnn": RegionPostprocessing,
    "panoptic": PanopticPostprocessing,
}


def make_task(packed: PackedFile) -> Task:
    """What the file's ``info`` asks for, with its names of classes.

    Raises:
        PackedFileError: The task is unknown, or the file does not hold what it needs.
    """
    task_name = packed.info.get("task")
    kinds = TASKS.get(str(task_name))
    if kinds is None:
        raise PackedFileError(f"its task is {shortened(task_name)}; valid: {list(TASKS)}")
    kind = _kind(packed.info)
    if kind not in kinds:
        raise PackedFileError(f"its postprocessing.kind is {shortened(kind)}; valid: {list(kinds)}")
    task = kinds[kind](packed)
    task.class_names = _class_names(packed.info, task.num_classes)
    return task


def _kind(info: Mapping[str, Any]) -> str | None:
    postprocessing = info.get("postprocessing")
    return postprocessing.get("kind") if isinstance(postprocessing, dict) else None


def _postprocessing(packed: PackedFile) -> Any:
    """The values of ``info.postprocessing``."""
    kind = str(_kind(packed.info))
    return read_value(_POSTPROCESSINGS[kind], packed.info["postprocessing"], "postprocessing")


def _class_names(info: Mapping[str, Any], number: int, key: str = "class_names") -> tuple[str, ...]:
    names = info.get(key)
    if names is None or names == []:
        return tuple(str(label) for label in range(number))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise PackedFileError(f"its {key} are no list of texts")
    if len(names) != number:
        raise PackedFileError(f"it has {len(names)} {key} for {number} classes")
    return tuple(names)


def _size(pixels: Tensor) -> Size:
    return pixels.shape[1], pixels.shape[2]
