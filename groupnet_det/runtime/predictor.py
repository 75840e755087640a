"""Classify, detect or segment with a packed file: no Detectron2, no config."""

import copy
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import ConfigError, DataError, PackedFileError, UserError, lookup
from groupnet_det.files.hub import fetch, on_hub, parse_name
from groupnet_det.images.reading import AnyImage
from groupnet_det.packed.packed_file import MAX_BYTES, error_about, read_packed
from groupnet_det.packed.score_thresholds import (
    DEFAULT_THRESHOLDS,
    ScoreThreshold,
    check_score_threshold,
    threshold_of_each_class,
)
from groupnet_det.runtime.backends.networks import BACKENDS, Network
from groupnet_det.runtime.results.result import Result

from .base_predictor import BasePredictor
from .task_pipelines import make_task


class PackedPredictor(BasePredictor):
    """Runs a packed network::

        predictor = PackedPredictor("model.gnp")
        print(predictor("cat.jpg"))

    Results depend on the task: a `Classification`, `Detections`, a `LabelMap` or a
    `PanopticSegmentation`. Lists, folders, patterns and videos are taken as well. Several threads
    may use one predictor.

    Attributes:
        info: What the file says about itself, see docs/reference/packed-format.md.
        task: ``classification``, ``detection``, ``instance_segmentation``,
            ``semantic_segmentation`` or ``panoptic_segmentation``.
        class_names: In the order of the labels; their numbers where the file names none.
        stuff_class_names: The same for the labels of a panoptic network; else empty.
        score_threshold: Score threshold for all classes or by class name; None for all objects.
        program: What the network computes; ``program.choices()`` are the numbers of bases of a
            file that is opened with all.
        network: Runs the program, without preparation and post-processing.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        backend: str = "native",
        bases: int | None = None,
        score_threshold: ScoreThreshold | None = DEFAULT_THRESHOLDS,
        mask_threshold: float | None = None,
        class_agnostic_nms: bool | None = None,
        threads: int | None = None,
    ) -> None:
        """
        Args:
            path: A file made by tools/export_packed.py; or one on the Hugging Face hub, such as
                ``hf://user/name/model.gnp``, which is fetched.
            backend: ``native``, the compiled engine, or ``reference``, which computes the same
                bits with PyTorch, slowly. There is no silent change from one to the other.
            bases: The number of binary bases to run, of a file that has several, such as 1, 2 and
                4: fewer are faster; None for the greatest.
            score_threshold: Score threshold, 0 to 1, for all classes or by class name, where other
                classes have the threshold of the file, or 0.5 if it has none; None for all objects
                that the file gives.
            mask_threshold: Probability from which a pixel is part of an object's mask; None for
                that of the file.
            class_agnostic_nms: Whether a box suppresses boxes of all classes, not only of its own;
                None for what the file says.
            threads: Threads of the engine; by default as many as PyTorch (`torch.set_num_threads`).

        Raises:
            PackedFileError: The file is missing, damaged, of another version or an unknown task.
            ExtensionError: The compiled engine is missing, or `GROUPNET_DET_ISA` is impossible.
            ConfigError: Unknown `backend`, a number of `bases` that the file does not have, no
                thread, or a threshold that is not a probability, of an unknown class or not for
                this task.
            HubError: The file is on the hub, and cannot be fetched.
        """
        path = _local(path)
        if score_threshold is not None:
            check_score_threshold(score_threshold)
        if threads is not None and threads < 1:
            raise ConfigError(f"threads is {threads}; valid: 1 and more")
        self._path = os.path.abspath(path)
        self._options = {
            "backend": backend,
            "bases": bases,
            "score_threshold": copy.copy(score_threshold),
            "mask_threshold": mask_threshold,
            "class_agnostic_nms": class_agnostic_nms,
            "threads": threads,
        }
        self._threads = threads
        open_network = lookup(BACKENDS, backend, "backend")
        packed = read_packed(path).with_bases(bases)
        try:
            self._task = make_task(packed)
            if packed.program.input_channels != 3:
                raise PackedFileError("it is for images of other than 3 channels")
        except UserError as error:
            raise error_about(path, PackedFileError(str(error))) from error
        if mask_threshold is not None:
            self._task.set_mask_threshold(mask_threshold)
        if class_agnostic_nms is not None:
            self._task.set_class_agnostic_nms(class_agnostic_nms)
        names = self._task.class_names if self._task.finds_objects else ()
        self.score_threshold: ScoreThreshold | None = None
        if score_threshold is not None:
            own = self._task.class_score_thresholds
            self.score_threshold = threshold_of_each_class(score_threshold, own, names)
        self.info = packed.info
        self.task = str(packed.info["task"])
        self.class_names = self._task.class_names
        self.stuff_class_names = self._task.stuff_class_names
        self.preprocessing = self._task.preprocessing
        self.program = packed.program
        self.network: Network = open_network(path, packed)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by the path of its file, which is opened again, as in a spawned process."""
        return _reopen, (self._path, self._options)

    def prepare(self, image: AnyImage) -> tuple[Tensor, tuple[int, int]]:
        """Prepare the arguments of `predict_pixels`: an image's pixels as the network sees them,
        and the size that the result is for.

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
        with _threads(self._threads):
            return self._task.results(self.network, prepared, self.score_threshold)

    def predict_pixels(self, pixels: Tensor, wanted: tuple[int, int]) -> Result:
        """The result for an image that is prepared already, with all objects that the file gives.

        Args:
            pixels: uint8 (1, H, W, 3), channels as in training.
            wanted: Height and width that boxes, masks and label maps are wanted for.

        Raises:
            DataError: The network does not take images of this size.
        """
        with _threads(self._threads):
            return self._task.results(self.network, [(pixels, wanted)])[0]


def _local(path: str | os.PathLike[str]) -> str:
    if not on_hub(path):
        return os.fspath(path)
    name = parse_name(path)
    if not name.file.endswith(".gnp"):
        raise PackedFileError(f"{name} names no packed file; add it: {name}/FILE.gnp")
    return str(fetch(name, {name.file: MAX_BYTES}) / name.file)


def _reopen(path: str, options: Mapping[str, Any]) -> PackedPredictor:
    return PackedPredictor(path, **options)


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    """While it lasts, PyTorch uses so many threads, and with it the engine."""
    if number is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
