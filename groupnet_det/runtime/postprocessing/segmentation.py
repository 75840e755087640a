"""From the logits of a packed segmenter to a label for each pixel."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from groupnet_det.errors import PackedFileError, lookup
from groupnet_det.images.windows import windows

Size = tuple[int, int]  # height, width
Logits = Callable[[Tensor], Tensor]  # pixels (1, H, W, 3) -> logits (1, H' >= H, W' >= W, C)
Labels = Callable[[Tensor, Size], Tensor]  # logits (1, H, W, C), size -> labels of that size


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


@dataclass(frozen=True, kw_only=True)
class SegmentationPostprocessing:
    """That of ``segmentation`` in docs/packed-format.md."""

    kind: str
    inference: str
    window: tuple[int, ...] = field(default=())
    stride: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        """
        Raises:
            ConfigError: Unknown `inference`.
            PackedFileError: Windows without sizes.
        """
        lookup(_INFERENCE, self.inference, "postprocessing.inference")
        needed = 2 if self.inference == "slide" else 0
        if len(self.window) != needed or len(self.stride) != needed:
            raise PackedFileError(
                f"postprocessing.window and stride have {len(self.window)} and "
                f"{len(self.stride)} numbers, not {needed}"
            )
        if min((*self.window, *self.stride), default=1) < 1:
            raise PackedFileError("postprocessing.window and stride must be above 0")

    def __call__(self, run: Logits, pixels: Tensor, wanted: Size, label: Labels) -> Tensor:
        """Labels int64 of the size `wanted`."""
        return label(_INFERENCE[self.inference](self, run, pixels), wanted)


def label_map(logits: Tensor, size: Size) -> Tensor:
    """For each pixel the number of the greatest channel, the first of several; NaN counts as -inf.

    Operation by operation as docs/c-api.md has it, so that each machine and the C++ engine give the
    same bits.

    Args:
        logits: float32 (1, H, W, C), resized bilinearly where `size` is another one.
        size: Height and width of the result.

    Returns:
        int64 `size`.
    """
    values = logits[0]
    if logits.shape[1:3] != size:
        for dim in (1, 0):
            values = _resized(values, dim, size[dim])
    return values.nan_to_num(-math.inf, math.inf, -math.inf).argmax(dim=2)


def _resized(values: Tensor, dim: int, outputs: int) -> Tensor:
    """As PyTorch's ``interpolate`` without `align_corners`, along one dimension."""
    inputs = values.shape[dim]
    place = (torch.arange(outputs, dtype=torch.float64) + 0.5) * (inputs / outputs) - 0.5
    place = place.clamp(min=0)
    low = place.long().clamp(max=inputs - 1)
    high = (low + 1).clamp(max=inputs - 1)
    share = (place - low).float().reshape(-1, *[1] * (values.dim() - 1 - dim))
    return values.index_select(dim, low) * (1 - share) + values.index_select(dim, high) * share


def _whole(_: SegmentationPostprocessing, run: Logits, pixels: Tensor) -> Tensor:
    height, width = pixels.shape[1:3]
    logits = run(pixels)
    if logits.shape[1] < height or logits.shape[2] < width:
        raise PackedFileError("the logits are smaller than the image")
    return logits[:, :height, :width]


def _slide(options: SegmentationPostprocessing, run: Logits, pixels: Tensor) -> Tensor:
    height, width = pixels.shape[1:3]
    total: Tensor | None = None
    count = torch.zeros(height, width, 1)
    for rows, columns in windows((height, width), options.window, options.stride):
        logits = _whole(options, run, pixels[:, rows, columns].contiguous())
        if total is None:
            total = logits.new_zeros(1, height, width, logits.shape[3])
        total[:, rows, columns] += logits
        count[rows, columns] += 1
    assert total is not None  # there is always a window
    return total / count


_INFERENCE: dict[str, Callable[[SegmentationPostprocessing, Logits, Tensor], Tensor]] = {
    "whole": _whole,
    "slide": _slide,
}
