"""Base of the pipelines of tasks: preparation of an image, and post-processing of outputs."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from torch import Tensor

from groupnet_det.errors import ConfigError, PackedFileError
from groupnet_det.images.reading import AnyImage
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.program_json import read_value
from groupnet_det.packed.score_thresholds import ScoreThreshold
from groupnet_det.runtime.backends.networks import Network
from groupnet_det.runtime.preprocessing.center_crop import Preprocessing
from groupnet_det.runtime.preprocessing.shortest_edge import ShortestEdge
from groupnet_det.runtime.results.result import Result

T = TypeVar("T")
Size = tuple[int, int]  # height, width
Prepared = tuple[Tensor, Size]  # pixels, and the size that the result is wanted for


class TaskPipeline:
    """Preparation of images, and the results of a network's outputs.

    Attributes:
        preprocessing: Makes the pixels.
        num_classes: Number of classes of the network.
        class_names: One for each.
        stuff_class_names: Names of the further labels of a panoptic network.
        finds_objects: Whether results have objects, of these classes.
        class_score_thresholds: Score thresholds of the file, by class name.
    """

    preprocessing: Preprocessing | ShortestEdge
    num_classes: int
    class_names: tuple[str, ...] = ()
    stuff_class_names: tuple[str, ...] = ()
    finds_objects = False
    class_score_thresholds: Mapping[str, float] = {}

    def prepare(self, image: AnyImage) -> tuple[Tensor, Size]:
        """Pixels for the network, uint8 (1, H, W, 3), and the size that the result is wanted for.

        Raises:
            DataError: The image cannot be used.
        """
        raise NotImplementedError

    def results(
        self,
        network: Network,
        prepared: Sequence[Prepared],
        threshold: ScoreThreshold | None = None,
    ) -> list[Result]:
        """Run the network on images; one after the other, as they may differ in size.

        Args:
            threshold: Score threshold of objects: a number, or a mapping that names each class;
                None for all objects.
        """
        return [self.result(network, *image, threshold) for image in prepared]

    def set_mask_threshold(self, threshold: float) -> None:
        """Take another threshold than the file's for masks.

        Raises:
            ConfigError: The network makes no masks, or it is not a probability.
        """
        raise ConfigError("mask_threshold is for networks with masks of objects; leave it out")

    def set_class_agnostic_nms(self, value: bool) -> None:
        """Suppress boxes across classes, or within each, whatever the file says.

        Raises:
            ConfigError: The network finds no objects, or it is not a bool.
        """
        raise ConfigError("class_agnostic_nms is for networks that find objects; leave it out")

    def result(
        self, network: Network, pixels: Tensor, wanted: Size, threshold: ScoreThreshold | None
    ) -> Result:
        """Run the network on one image."""
        raise NotImplementedError


class OfWholeImages(TaskPipeline):
    """A task whose results are for the image's own size."""

    preprocessing: ShortestEdge

    def __init__(self, packed: PackedFile) -> None:
        """
        Raises:
            PackedFileError: The file does not hold what the task needs.
        """
        values = packed.info.get("preprocessing")
        self.preprocessing = read_value(ShortestEdge, values, "preprocessing")

    def prepare(self, image: AnyImage) -> tuple[Tensor, Size]:
        return self.preprocessing(image)


def read_postprocessing(kind: type[T], packed: PackedFile) -> T:
    """The values of ``info.postprocessing``.

    Raises:
        PackedFileError: They are not those of `kind`.
    """
    values: T = read_value(kind, packed.info["postprocessing"], "postprocessing")
    return values


def names_of_classes(
    info: Mapping[str, Any], number: int, key: str = "class_names"
) -> tuple[str, ...]:
    """One for each of `number` classes: those of ``info``, or numbers.

    Raises:
        PackedFileError: There are more or fewer.
    """
    names = info.get(key)
    if names is None or names == []:
        return tuple(str(label) for label in range(number))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise PackedFileError(f"its {key} must be a list of strings")
    if len(names) != number:
        raise PackedFileError(f"it has {len(names)} {key} for {number} classes")
    return tuple(names)


def pixel_size(pixels: Tensor) -> Size:
    """The size of pixels (1, H, W, C)."""
    return pixels.shape[1], pixels.shape[2]
