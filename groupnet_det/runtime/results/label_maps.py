"""Result of segmenters: a label for each pixel."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .result import Result


@dataclass(frozen=True, eq=False)
class LabelMap(Result):
    """A label for each pixel.

    Attributes:
        labels: int64 (height, width), in pixels of the image.
        class_names: Of all labels.
        class_colours: RGB, 0 to 255, of all labels; empty where the network knows none.
    """

    labels: Tensor
    class_names: tuple[str, ...]
    class_colours: tuple[tuple[int, ...], ...] = ()

    def shares(self) -> dict[str, float]:
        """Share of the pixels of each class that is there, the largest first; classes of one name
        count together."""
        numbers = torch.bincount(self.labels.flatten(), minlength=len(self.class_names))
        counts = dict.fromkeys(self.class_names, 0)
        for name, number in zip(self.class_names, numbers.tolist(), strict=True):
            counts[name] += number
        found = sorted((n for n in counts if counts[n]), key=lambda name: -counts[name])
        shares = torch.tensor([counts[name] for name in found]) / numbers.sum()
        return dict(zip(found, shares.tolist(), strict=True))

    def to_detectron2(self) -> Tensor:
        """``sem_seg``: 1 for the label of each pixel, 0 for all others; uint8 (classes, height,
        width)."""
        labels = np.arange(len(self.class_names))[:, None, None]
        return torch.from_numpy((self.labels.numpy() == labels).view(np.uint8))

    def __str__(self) -> str:
        return ", ".join(f"{name} {share:.1%}" for name, share in self.shares().items())
