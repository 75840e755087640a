"""Result of classifiers."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groupnet_det.errors import ConfigError, lookup
from groupnet_det.images.decoding import FULL_SIZE
from groupnet_det.images.reading import AnyImage, read_image

from .drawing import Canvas, Colour
from .members import is_number, selection
from .result import Result, load_supervision
from .softmax import rank, softmax

SHOWN = 3  # classes that are drawn
BACKGROUND: Colour = (0, 0, 0)


@dataclass(frozen=True)
class ClassProbability:
    """One class of an image.

    Attributes:
        class_name: Its name.
        label: Its number.
        probability: 0 to 1.
    """

    class_name: str
    label: int
    probability: float


@dataclass(frozen=True, eq=False, repr=False)
class Classification(Result):
    """The classes of an image, each with its logit.

    A sequence of `ClassProbability` in the order of the classes; a name gives one as well, and a
    slice, a mask such as ``found[found.probabilities > 0.1]`` or a list of numbers gives several.

    Attributes:
        logits: float32 (number of classes,).
        class_names: One for each logit.
    """

    logits: Tensor
    class_names: tuple[str, ...]

    @property
    def probabilities(self) -> Tensor:
        """Softmax of the logits, with the bits that the C interface gives (`softmax.softmax`)."""
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

    def __len__(self) -> int:
        return len(self.logits)

    @overload
    def __getitem__(self, index: int | str) -> ClassProbability: ...
    @overload
    def __getitem__(self, index: Any) -> tuple[ClassProbability, ...]: ...
    def __getitem__(self, index: Any) -> ClassProbability | tuple[ClassProbability, ...]:
        """One class by its number or name; or several by a slice, a bool for each, or numbers.

        Raises:
            ConfigError: No class has this name.
            IndexError: There are not so many classes.
        """
        every = tuple(self)
        if isinstance(index, str):
            return lookup({each.class_name: each for each in every}, index, "the class")
        if is_number(index):
            return every[operator.index(index)]
        return tuple(every[i] for i in np.arange(len(every))[selection(index)].tolist())

    def __iter__(self) -> Iterator[ClassProbability]:
        shares = self.probabilities.tolist()
        for label, (name, share) in enumerate(zip(self.class_names, shares, strict=True)):
            yield ClassProbability(class_name=name, label=label, probability=share)

    def plot(self, image: AnyImage, *, scale: float = 1.0) -> NDArray[np.uint8]:
        """See `Result.plot`: the most probable classes, in a corner of an image of any size."""
        canvas = Canvas(read_image(image, least_side=FULL_SIZE).copy(), scale)
        canvas.lines([(f"{name} {share:.0%}", BACKGROUND) for name, share in self.top(SHOWN)])
        return canvas.pixels()

    def to_dict(self) -> dict[str, Any]:
        """``classes``, the most probable first: ``class``, ``label`` and ``probability``."""
        every = tuple(self)
        best = rank(self.logits.numpy(), len(every)).tolist()
        return {
            "classes": [
                {
                    "class": every[label].class_name,
                    "label": label,
                    "probability": every[label].probability,
                }
                for label in best
            ]
        }

    def to_coco(self, image_id: int | str = 0) -> list[dict[str, Any]]:
        """
        Raises:
            ConfigError: Always.
        """
        raise ConfigError("COCO has no results for classes of images; use to_json()")

    def to_detectron2(self) -> Tensor:
        """The logits, as our classifiers return them."""
        return self.logits

    def to_supervision(self) -> Any:
        """supervision's ``Classifications``."""
        return load_supervision().Classifications(
            class_id=np.arange(len(self)), confidence=self.probabilities.numpy()
        )

    def __repr__(self) -> str:
        return f"Classification({self}; {len(self)} classes)"

    def __str__(self) -> str:
        return ", ".join(f"{name} {share:.1%}" for name, share in self.top())
