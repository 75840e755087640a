"""Result of segmenters: a label for each pixel."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groupnet_det.errors import lookup
from groupnet_det.images.reading import AnyImage

from .drawing import Canvas, Colour, label_colours, pixels_of
from .members import is_number, selection
from .result import Result, load_supervision
from .run_lengths import encode_mask


@dataclass(frozen=True, eq=False)
class Region:
    """All pixels of one label.

    Attributes:
        class_name: Its class.
        label: The number of the class.
        area: Pixels.
        share: Share of the image's pixels, 0 to 1.
        mask: bool (height, width).
    """

    class_name: str
    label: int
    area: int
    share: float
    mask: Tensor = field(repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class LabelMap(Result):
    """A label for each pixel.

    A sequence of `Region`: the labels that there are, the largest first. The name of a class gives
    its region as well, and a slice, a mask such as ``found[found.areas > 100]`` or a list of
    numbers gives several.

    Attributes:
        labels: int64 (height, width), in pixels of the image.
        class_names: Names of all labels.
        class_colours: RGB, 0 to 255, of all labels; empty where the network knows none.
    """

    labels: Tensor
    class_names: tuple[str, ...]
    class_colours: tuple[tuple[int, ...], ...] = ()

    @property
    def areas(self) -> Tensor:
        """Pixels of each region, int64 (len,), in the order of the regions."""
        return self._counts()[self._present()]

    def shares(self) -> dict[str, float]:
        """Share of the pixels of each class that is there, the largest first; classes of one name
        count together."""
        numbers = self._counts()
        counts = dict.fromkeys(self.class_names, 0)
        for name, number in zip(self.class_names, numbers.tolist(), strict=True):
            counts[name] += number
        found = sorted((n for n in counts if counts[n]), key=lambda name: -counts[name])
        shares = torch.tensor([counts[name] for name in found]) / numbers.sum()
        return dict(zip(found, shares.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self._present())

    @overload
    def __getitem__(self, index: int | str) -> Region: ...
    @overload
    def __getitem__(self, index: Any) -> tuple[Region, ...]: ...
    def __getitem__(self, index: Any) -> Region | tuple[Region, ...]:
        """One region by its number or the name of its class, whose area may be 0; or several by a
        slice, a bool for each, or numbers.

        Raises:
            ConfigError: No class has this name.
            IndexError: There are not so many regions.
        """
        if isinstance(index, str):
            labels_of = {name: label for label, name in reversed([*enumerate(self.class_names)])}
            return self._region(lookup(labels_of, index, "the class"))
        labels = self._present()
        if is_number(index):
            return self._region(int(labels[operator.index(index)]))
        return tuple(self._region(label) for label in labels.numpy()[selection(index)].tolist())

    def __iter__(self) -> Iterator[Region]:
        return map(self._region, self._present().tolist())

    def plot(self, image: AnyImage, *, scale: float = 1.0) -> NDArray[np.uint8]:
        """See `Result.plot`: regions in their colours, and a list of these with the classes. Where
        the colour is black, as of most data sets' background, the image stays as it is."""
        height, width = self.labels.shape
        canvas = Canvas(pixels_of(image, (height, width)), scale)
        colours = self.colours()
        lines = []
        for region in self:
            if any(colours[region.label]):
                canvas.region(region.mask.numpy(), colours[region.label])
            lines.append((f"{region.class_name} {region.share:.0%}", colours[region.label]))
        canvas.lines(lines)
        return canvas.pixels()

    def colours(self) -> list[Colour]:
        """RGB, 0 to 255, of each label: those of the data set, or Pascal VOC's."""
        return label_colours(len(self.class_names), self.class_colours)

    def to_dict(self) -> dict[str, Any]:
        """``image_size`` (height, width) and ``regions``, the largest first: ``class``, ``label``,
        ``share`` and ``mask``."""
        return {
            "image_size": list(self.labels.shape),
            "regions": [
                {
                    "class": region.class_name,
                    "label": region.label,
                    "share": region.share,
                    "mask": encode_mask(region.mask.numpy()),
                }
                for region in self
            ],
        }

    def to_coco(self, image_id: int | str = 0) -> list[dict[str, Any]]:
        """See `Result.to_coco`: a ``segmentation`` for each label, as of COCO's stuff."""
        return [
            {
                "image_id": image_id,
                "category_id": region.label,
                "segmentation": encode_mask(region.mask.numpy()),
            }
            for region in self
        ]

    def to_detectron2(self) -> Tensor:
        """``sem_seg``: 1 for the label of each pixel, 0 for all others; uint8 (classes, height,
        width)."""
        labels = np.arange(len(self.class_names))[:, None, None]
        return torch.from_numpy((self.labels.numpy() == labels).view(np.uint8))

    def to_supervision(self) -> Any:
        """supervision's ``Detections``: a mask for each region, with ``class_name`` among its
        data."""
        return masks_for_supervision(
            [region.mask for region in self],
            [region.label for region in self],
            [region.class_name for region in self],
        )

    def _counts(self) -> Tensor:
        return torch.bincount(self.labels.flatten(), minlength=len(self.class_names))

    def _present(self) -> Tensor:
        """The labels that there are, the largest first; of equal ones the lower first."""
        counts = self._counts()
        order = torch.argsort(-counts, stable=True)
        return order[counts[order] > 0]

    def _region(self, label: int) -> Region:
        mask = self.labels == label
        area = int(mask.sum())
        share = area / max(mask.numel(), 1)
        return Region(self.class_names[label], label, area, share, mask)

    def __repr__(self) -> str:
        height, width = self.labels.shape
        return f"LabelMap({self}; image of {width} x {height} pixels)"

    def __str__(self) -> str:
        return ", ".join(f"{name} {share:.1%}" for name, share in self.shares().items())


def masks_for_supervision(masks: list[Tensor], labels: list[int], names: list[str]) -> Any:
    """supervision's ``Detections`` of masks (height, width), with the boxes around them.

    Raises:
        MissingExtraError: supervision is not installed.
    """
    supervision = load_supervision()
    if not masks:
        return supervision.Detections.empty()
    stacked = torch.stack(masks).numpy()
    return supervision.Detections(
        xyxy=supervision.mask_to_xyxy(stacked).astype(np.float32),
        mask=stacked,
        class_id=np.array(labels, dtype=np.int64),
        data={"class_name": np.array(names, dtype=str)},
    )
