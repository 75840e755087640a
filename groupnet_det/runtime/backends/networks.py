"""The two ways to run a packed file: the compiled engine, and the reference in PyTorch."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torchvision.ops import batched_nms, roi_align

from groupnet_det.errors import DataError
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.runtime.reference.interpreter import run_reference, run_reference_part

from .label_map import Size, label_map
from .numpy_ops import pick

FEW = 4000  # numbers of boxes up to which torchvision's `batched_nms` moves those of classes apart


@dataclass(frozen=True, kw_only=True)
class AlignOptions:
    """Options of RoIAlign, as torchvision's ``roi_align`` has them.

    Attributes:
        scales: Scale of each map: its pixels for one pixel of the image.
        rows, columns: Size of a pooled region.
        sampling_ratio: Samples for each of these, 0 for as many as there are pixels.
        aligned: Whether the centre of pixel (0, 0) is at (0.5, 0.5).
    """

    scales: Sequence[float]
    rows: int
    columns: int
    sampling_ratio: int
    aligned: bool


class Network(Protocol):
    """A packed network, ready to run."""

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Images uint8 (N, H, W, C) -> outputs float32 (N, H', W', C') by name.

        Raises:
            DataError: The images cannot be used.
        """

    def run_part(self, name: str, maps: Tensor) -> dict[str, Tensor]:
        """Run a part on maps float32 (N, H, W, C), as a call runs the program."""

    def roi_align(
        self, maps: Sequence[Tensor], boxes: Tensor, level_of: Tensor, options: AlignOptions
    ) -> Tensor:
        """RoIAlign of boxes float32 (R, 4), each on the map float32 (1, H, W, C) that `level_of`,
        int64 (R,), names -> float32 (R, rows, columns, C)."""

    def label_map(self, logits: Tensor, size: Size) -> Tensor:
        """See `label_map.label_map`."""

    def above_threshold(self, values: Tensor, bound: float) -> tuple[Tensor, Tensor]:
        """Numbers, rising, and values of those of (R,) that are above a bound, which is rounded to
        float32."""

    def nms(self, boxes: Tensor, scores: Tensor, classes: Tensor, threshold: float) -> Tensor:
        """Numbers of the boxes (R, 4) that remain, like torchvision's ``batched_nms``: the best
        score first, and of equal ones the first box."""


class NativeNetwork:
    """A network that the compiled engine runs."""

    def __init__(self, path: str | os.PathLike[str], packed: PackedFile) -> None:
        """
        Raises:
            ExtensionError: The engine is missing, or `GROUPNET_DET_ISA` is impossible.
            PackedFileError: The engine refuses the file.
        """
        from .extension import open_network

        self.engine = open_network(os.fspath(path), packed.program.num_bases)
        self.parts = {name: self.engine.part(name) for name in packed.program.parts}

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        return _run(self.engine, images)

    def run_part(self, name: str, maps: Tensor) -> dict[str, Tensor]:
        return _run(self.parts[name], maps)

    def roi_align(
        self, maps: Sequence[Tensor], boxes: Tensor, level_of: Tensor, options: AlignOptions
    ) -> Tensor:
        aligned: Tensor = self.engine.roi_align(
            list(maps),
            boxes,
            level_of,
            list(options.scales),
            options.rows,
            options.columns,
            options.sampling_ratio,
            options.aligned,
        )
        return aligned

    def label_map(self, logits: Tensor, size: Size) -> Tensor:
        labels: Tensor = self.engine.label_map(logits, *size)
        return labels

    def above_threshold(self, values: Tensor, bound: float) -> tuple[Tensor, Tensor]:
        found: tuple[Tensor, Tensor] = self.engine.above_threshold(values, bound)
        return found

    def nms(self, boxes: Tensor, scores: Tensor, classes: Tensor, threshold: float) -> Tensor:
        """torchvision calls its ``nms`` for each class of many boxes, which takes long; few boxes
        it moves apart, which rounds otherwise."""
        if boxes.numel() <= FEW:
            return batched_nms(boxes, scores, classes, threshold)
        kept: Tensor = self.engine.nms(boxes, scores, classes, threshold)
        return _best_first(kept, scores)


def _best_first(kept: Tensor, scores: Tensor) -> Tensor:
    """Rising numbers of boxes by falling scores; unless the sort is stable, the order of equal ones
    depends on the processor."""
    return pick(kept, pick(scores, kept).sort(descending=True, stable=True).indices)


def _run(engine: Any, values: Tensor) -> dict[str, Tensor]:
    try:
        outputs: dict[str, Tensor] = engine.run(values)
    except ValueError as error:  # what the engine says of images
        raise DataError(str(error).splitlines()[0]) from error
    return outputs


class ReferenceNetwork:
    """A network that PyTorch runs, slowly; the same bits."""

    def __init__(self, _: str | os.PathLike[str], packed: PackedFile) -> None:
        self.packed = packed

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        return run_reference(self.packed, images)

    def run_part(self, name: str, maps: Tensor) -> dict[str, Tensor]:
        return run_reference_part(self.packed, name, maps)

    def roi_align(
        self, maps: Sequence[Tensor], boxes: Tensor, level_of: Tensor, options: AlignOptions
    ) -> Tensor:
        """Pool by torchvision, which sums the samples in another order: 1e-5 apart."""
        size = options.rows, options.columns
        pooled = boxes.new_zeros(len(boxes), maps[0].shape[3], *size)
        for number, (x, scale) in enumerate(zip(maps, options.scales, strict=True)):
            (index,) = torch.nonzero(level_of == number, as_tuple=True)
            channels_first = x.permute(0, 3, 1, 2).contiguous()
            pooled[index] = roi_align(
                channels_first,
                [boxes[index]],
                size,
                scale,
                sampling_ratio=options.sampling_ratio,
                aligned=options.aligned,
            )
        return pooled.permute(0, 2, 3, 1).contiguous()

    def label_map(self, logits: Tensor, size: Size) -> Tensor:
        return label_map(logits, size)

    def above_threshold(self, values: Tensor, bound: float) -> tuple[Tensor, Tensor]:
        (index,) = torch.nonzero(values > bound, as_tuple=True)
        return index, values[index]

    def nms(self, boxes: Tensor, scores: Tensor, classes: Tensor, threshold: float) -> Tensor:
        return _best_first(batched_nms(boxes, scores, classes, threshold).msort(), scores)


BACKENDS: Mapping[str, Callable[[Any, PackedFile], Network]] = {
    "native": NativeNetwork,
    "reference": ReferenceNetwork,
}
