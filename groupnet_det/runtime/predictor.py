"""Classify, detect or segment with a packed file: no Detectron2, no config."""

import os
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from groupnet_det.errors import DataError, PackedFileError, UserError, lookup
from groupnet_det.images.reading import AnyImage
from groupnet_det.packed.packed_file import error_about, read_packed
from groupnet_det.runtime.backends.networks import BACKENDS, Network
from groupnet_det.runtime.results.result import Result, check_score_threshold

from .task_pipelines import make_task


class PackedPredictor:
    """Runs a packed network::

        predictor = PackedPredictor("model.gnp")
        print(predictor("cat.jpg"))

    What comes back depends on the task: a `Classification`, `Detections`, a `LabelMap` or a
    `PanopticSegmentation`. Several threads may use one predictor.

    Attributes:
        info: What the file says about itself, see docs/packed-format.md.
        task: ``classification``, ``detection``, ``instance_segmentation``,
            ``semantic_segmentation`` or ``panoptic_segmentation``.
        class_names: In the order of the labels; their numbers where the file names none.
        stuff_class_names: The same for the labels of a panoptic network; else empty.
        program: What the network computes.
        network: Runs the program, without preparation and post-processing.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        backend: str = "native",
        score_threshold: float | None = None,
    ) -> None:
        """
        Args:
            path: A file made by tools/export_packed.py.
            backend: ``native``, the compiled engine, or ``reference``, which computes the same
                bits with PyTorch, slowly. There is no silent change from one to the other.
            score_threshold: Of objects, 0 to 1; None for all that the file gives.

        Raises:
            PackedFileError: The file is missing, damaged, of another version or an unknown task.
            ExtensionError: The compiled engine is missing, or `GROUPNET_DET_ISA` is impossible.
            ConfigError: Unknown `backend`, or a threshold that is no score.
        """
        if score_threshold is not None:
            check_score_threshold(score_threshold)
        self._opened = os.path.abspath(path), backend, score_threshold
        self.score_threshold = score_threshold
        open_network = lookup(BACKENDS, backend, "backend")
        packed = read_packed(path)
        try:
            self._task = make_task(packed)
            if packed.program.input_channels != 3:
                raise PackedFileError("it is for images of other than 3 channels")
        except UserError as error:
            raise error_about(path, PackedFileError(str(error))) from error
        self.info = packed.info
        self.task = str(packed.info["task"])
        self.class_names = self._task.class_names
        self.stuff_class_names = self._task.stuff_class_names
        self.preprocessing = self._task.preprocessing
        self.program = packed.program
        self.network: Network = open_network(path, packed)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by the path of its file, which is opened again, as in a spawned process."""
        return _reopen, self._opened

    def __call__(self, image: AnyImage) -> Result:
        """The result for one image, of any kind that `read_image` takes.

        Raises:
            DataError: The image cannot be used.
        """
        return self.predict_batch([image])[0]

    def prepare(self, image: AnyImage) -> tuple[Tensor, tuple[int, int]]:
        """What `predict_pixels` takes: an image's pixels as the network sees them, and the size
        that the result is for.

        Raises:
            DataError: The image cannot be used.
        """
        return self._task.prepare(image)

    def predict_batch(self, images: Sequence[AnyImage]) -> list[Result]:
        """Results for images; classifiers run them in one pass, whose memory grows with their
        number.

        Raises:
            DataError: An image cannot be used; there are no results for the others then.
        """
        if isinstance(images, (str, os.PathLike)):
            raise DataError("images are one path; expected is a list of images")
        prepared = [self.prepare(image) for image in images]
        results = self._task.results(self.network, prepared)
        if self.score_threshold is None:
            return results
        return [result.above(self.score_threshold) for result in results]

    def predict_pixels(self, pixels: Tensor, wanted: tuple[int, int]) -> Result:
        """The result for an image that is prepared already, with all objects that the file gives.

        Args:
            pixels: uint8 (1, H, W, 3), channels as in training.
            wanted: Height and width that boxes, masks and label maps are wanted for.

        Raises:
            DataError: The network does not take images of this size.
        """
        return self._task.results(self.network, [(pixels, wanted)])[0]


def _reopen(path: str, backend: str, score_threshold: float | None) -> PackedPredictor:
    return PackedPredictor(path, backend=backend, score_threshold=score_threshold)
