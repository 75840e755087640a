"""Pipelines by task: which one a packed file asks for, and those of tasks without objects."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from groupnet_det.errors import PackedFileError, shortened
from groupnet_det.images.reading import AnyImage
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.score_thresholds import ScoreThreshold
from groupnet_det.runtime.backends.networks import Network
from groupnet_det.runtime.backends.numpy_ops import joined
from groupnet_det.runtime.postprocessing.dense_postprocessing import KINDS
from groupnet_det.runtime.postprocessing.output_checks import channels_of
from groupnet_det.runtime.postprocessing.segmentation import SegmentationPostprocessing
from groupnet_det.runtime.preprocessing.center_crop import Preprocessing
from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.result import Result

from .object_pipelines import DenseDetectorPipeline, PanopticSegmenter, RegionDetector
from .pipeline_base import (
    OfWholeImages,
    Prepared,
    Size,
    TaskPipeline,
    names_of_classes,
    pixel_size,
    read_postprocessing,
)


class Classifier(TaskPipeline):
    """The task ``classification``."""

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
        return pixels, pixel_size(pixels)

    def results(
        self,
        network: Network,
        prepared: Sequence[Prepared],
        threshold: ScoreThreshold | None = None,
    ) -> list[Result]:
        """All in one pass: they have one size."""
        if not prepared:
            return []
        logits = network(joined([pixels for pixels, _ in prepared]))["logits"]
        if logits.shape[1:3] != (1, 1):
            raise PackedFileError(f"the logits are maps of shape {tuple(logits.shape)}")
        return [Classification(row, self.class_names) for row in logits.flatten(1)]


class Segmenter(OfWholeImages):
    """The task ``semantic_segmentation``."""

    def __init__(self, packed: PackedFile) -> None:
        """See `Classifier`."""
        super().__init__(packed)
        self.postprocessing = read_postprocessing(SegmentationPostprocessing, packed)
        self.num_classes = channels_of(packed.program, "logits")

    def result(
        self, network: Network, pixels: Tensor, wanted: Size, threshold: ScoreThreshold | None
    ) -> LabelMap:
        labels = self.postprocessing(
            lambda p: network(p)["logits"], pixels, wanted, network.label_map
        )
        return LabelMap(labels, self.class_names)


# info.task -> postprocessing.kind -> what does it.
TASKS: dict[str, dict[str | None, Callable[[PackedFile], TaskPipeline]]] = {
    "classification": {None: Classifier},
    "semantic_segmentation": {"segmentation": Segmenter},
    "detection": {**dict.fromkeys(KINDS, DenseDetectorPipeline), "rcnn": RegionDetector},
    "instance_segmentation": {"rcnn": RegionDetector},
    "panoptic_segmentation": {"panoptic": PanopticSegmenter},
}


def make_task(packed: PackedFile) -> TaskPipeline:
    """Make the pipeline that the file's ``info`` asks for, with its names of classes.

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
    task.class_names = names_of_classes(packed.info, task.num_classes)
    for name in task.class_score_thresholds.keys() - set(task.class_names):
        raise PackedFileError(
            f"its class_score_thresholds have {shortened(name)}, which is none of its classes"
        )
    return task


def _kind(info: Mapping[str, Any]) -> str | None:
    postprocessing = info.get("postprocessing")
    return postprocessing.get("kind") if isinstance(postprocessing, dict) else None
