"""Result of classifiers."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .result import Result
from .softmax import rank, softmax


@dataclass(frozen=True, eq=False)
class Classification(Result):
    """The classes of an image, each with its logit.

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

    def to_detectron2(self) -> Tensor:
        """The logits, as our classifiers return them."""
        return self.logits

    def __str__(self) -> str:
        return ", ".join(f"{name} {share:.1%}" for name, share in self.top())
