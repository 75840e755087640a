"""An ONNX graph where the pipelines of packed files expect a network."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from groupnet_det.runtime.backends.label_map import Size
from groupnet_det.runtime.backends.networks import AlignOptions, Network

# From pixels, uint8 (1, H, W, 3) with the channels of training, to the outputs by name: maps
# float32 (1, H', W', C), or (1, C).
RunGraph = Callable[[np.ndarray], Mapping[str, np.ndarray]]


class GraphNetwork:
    """The outputs of a graph, prepared and post-processed as those of the packed file of the same
    network, so that both sides of a comparison differ in what computes the network alone."""

    def __init__(self, run: RunGraph, packed: Network) -> None:
        """
        Args:
            run: Computes the outputs, named as in ONNX files: ``logits_p3`` for ``logits.p3``.
            packed: The packed network, whose post-processing is used.
        """
        self.run, self.packed = run, packed

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        outputs = self.run(images.numpy())
        return {name.replace("_", ".", 1): _as_maps(values) for name, values in outputs.items()}

    def run_part(self, name: str, maps: Tensor) -> dict[str, Tensor]:
        """
        Raises:
            NotImplementedError: Graphs have no parts that see regions.
        """
        raise NotImplementedError(f"a graph without the part {name}")

    def roi_align(
        self, maps: Sequence[Tensor], boxes: Tensor, level_of: Tensor, options: AlignOptions
    ) -> Tensor:
        return self.packed.roi_align(maps, boxes, level_of, options)

    def label_map(self, logits: Tensor, size: Size) -> Tensor:
        return self.packed.label_map(logits, size)

    def above_threshold(self, values: Tensor, bound: float) -> tuple[Tensor, Tensor]:
        return self.packed.above_threshold(values, bound)

    def nms(self, boxes: Tensor, scores: Tensor, classes: Tensor, threshold: float) -> Tensor:
        return self.packed.nms(boxes, scores, classes, threshold)


def _as_maps(values: np.ndarray) -> Tensor:
    if values.ndim == 2:  # logits, which results keep; a graph may write its next outputs there
        return torch.tensor(values)[:, None, None, :]
    return torch.from_numpy(np.ascontiguousarray(values))
