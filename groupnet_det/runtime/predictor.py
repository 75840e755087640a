"""Classify images with a packed file: no Detectron2, no config."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import DataError, PackedFileError, lookup

from .answers import rank, softmax
from .packed_file import PackedFile, read_packed
from .preprocessing import AnyImage, Preprocessing
from .reference import run_reference

TASK = "classification"
OUTPUT = "logits"

# From uint8 (N, H, W, C) to the outputs by name.
Network = Callable[[Tensor], dict[str, Tensor]]


@dataclass(frozen=True, eq=False)
class Classification:
    """What a network says about one image.

    Attributes:
        logits: float32 (number of classes,).
        class_names: One for each logit.
    """

    logits: Tensor
    class_names: tuple[str, ...]

    @property
    def probabilities(self) -> Tensor:
        """Softmax of the logits, with the bits that the C interface gives (`answers.softmax`)."""
        return torch.from_numpy(softmax(self.logits.numpy()))

    @property
    def class_name(self) -> str:
        """The most probable class."""
        return self.class_names[rank(self.logits.numpy(), 1)[0]]

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """The `k` most probable classes, or all where there are fewer: (name, probability).

        In the order of their logits; where two are equal, in that of the classes.
        """
        probabilities = self.probabilities.tolist()
        best = rank(self.logits.numpy(), k).tolist()
        return [(self.class_names[c], probabilities[c]) for c in best]

    def __str__(self) -> str:
        return ", ".join(f"{name} {share:.1%}" for name, share in self.top())


class PackedPredictor:
    """Runs a packed classifier::

        predictor = PackedPredictor("model.gnp")
        print(predictor("cat.jpg").top(3))

    Attributes:
        info: What the file says about itself, see docs/packed-format.md.
        task: ``classification``.
        class_names: In the order of the logits; their numbers where the file names none.
        preprocessing: What is done to each image.
    """

    def __init__(self, path: str | os.PathLike[str], *, backend: str = "native") -> None:
        """
        Args:
            path: A file made by tools/export_packed.py.
            backend: ``native``, the compiled engine, or ``reference``, which computes the same
                bits with PyTorch, slowly. There is no silent change from one to the other.

        Raises:
            PackedFileError: The file is absent, damaged, of another version, or no classifier.
            ExtensionError: The compiled engine is absent, or `GROUPNET_DET_ISA` is impossible.
            ConfigError: Unknown `backend`.
        """
        open_network = lookup(BACKENDS, backend, "backend")
        packed = read_packed(path)
        try:
            self.task: str = _task(packed.info)
            self.class_names = _class_names(packed)
            self.preprocessing = Preprocessing.from_info(packed.info)
            if packed.program.input_channels != 3:
                raise PackedFileError("it is for images of other than 3 channels")
        except PackedFileError as error:
            raise PackedFileError(f"packed file {os.fspath(path)}: {error}") from error
        self.info = packed.info
        self.network: Network = open_network(path, packed)

    def __call__(self, image: AnyImage) -> Classification:
        """Classify one image, of any kind that `Preprocessing.__call__` takes.

        Raises:
            DataError: The image cannot be used.
        """
        return self.predict_batch([image])[0]

    def predict_batch(self, images: Sequence[AnyImage]) -> list[Classification]:
        """Classify images in one pass; memory grows with their number.

        Raises:
            DataError: An image cannot be used; none is classified then.
            PackedFileError: The network gives other things than logits.
        """
        if isinstance(images, (str, os.PathLike)):
            raise DataError("images are one path; expected is a list of images")
        if len(images) == 0:
            return []
        batch = torch.cat([self.preprocessing(image) for image in images])
        logits = self.network(batch)[OUTPUT]
        if logits.shape[1:3] != (1, 1):
            raise PackedFileError(f"the logits are maps of shape {tuple(logits.shape)}")
        logits = logits.flatten(1)
        return [Classification(row, self.class_names) for row in logits]


def _native(path: str | os.PathLike[str], _: PackedFile) -> Network:
    from .extension import open_network

    network = open_network(os.fspath(path))

    def run(images: Tensor) -> dict[str, Tensor]:
        try:
            outputs: dict[str, Tensor] = network.run(images)
        except ValueError as error:  # what the engine says of images
            raise DataError(str(error).splitlines()[0]) from error
        return outputs

    return run


def _reference(_: str | os.PathLike[str], packed: PackedFile) -> Network:
    return lambda images: run_reference(packed, images)


BACKENDS: Mapping[str, Callable[[Any, PackedFile], Network]] = {
    "native": _native,
    "reference": _reference,
}


def _task(info: Mapping[str, Any]) -> str:
    if info.get("task") != TASK:
        raise PackedFileError(f"its task is {info.get('task')!r}; valid: {TASK!r}")
    return TASK


def _class_names(packed: PackedFile) -> tuple[str, ...]:
    if OUTPUT not in packed.program.outputs:
        raise PackedFileError(f"it has no output {OUTPUT!r}, only {list(packed.program.outputs)}")
    number = packed.program.buffers[packed.program.outputs[OUTPUT]].channels
    names = packed.info.get("class_names") or [str(c) for c in range(number)]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise PackedFileError("its class_names are no list of texts")
    if len(names) != number:
        raise PackedFileError(f"it has {len(names)} class_names for {number} classes")
    return tuple(names)
