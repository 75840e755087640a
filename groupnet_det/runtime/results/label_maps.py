"""Result of a packed segmenter."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class LabelMap:
    """What a packed segmenter says about an image.

    Attributes:
        labels: int64 (height, width), in pixels of the image.
        class_names: Of all labels.
    """

    labels: Tensor
    class_names: tuple[str, ...]

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

    def __str__(self) -> str:
        return ", ".join(f"{name} {share:.1%}" for name, share in self.shares().items())
