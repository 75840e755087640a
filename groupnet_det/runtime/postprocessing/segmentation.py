"""Post-processing of a segmenter: logits to a label for each pixel."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from groupnet_det.errors import PackedFileError, lookup
from groupnet_det.images.windows import windows

Size = tuple[int, int]  # height, width
Logits = Callable[[Tensor], Tensor]  # pixels (1, H, W, 3) -> logits (1, H' >= H, W' >= W, C)
LabelFunction = Callable[[Tensor, Size], Tensor]  # logits (1, H, W, C), size -> labels of that size


@dataclass(frozen=True, kw_only=True)
class SegmentationPostprocessing:
    """The postprocessing ``segmentation`` in docs/reference/packed-format.md."""

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

    def __call__(self, run: Logits, pixels: Tensor, wanted: Size, label: LabelFunction) -> Tensor:
        """Labels int64 of the size `wanted`."""
        return label(_INFERENCE[self.inference](self, run, pixels), wanted)


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
