"""Hold a packed file against the training model, part by part, on identical inputs.

Part by part, because the rounding of floats may turn a sign near 0, and what lies behind it then
differs with right. Inputs of every unit are taken from the packed program.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

# (packed file, images uint8 (N, H, W, C)) -> step, buffer, content (N, H, W, C), as trace_reference
Trace = Callable[[Any, Tensor], list[tuple[int, int, Tensor]]]


@dataclass(frozen=True, kw_only=True)
class PartComparison:
    """One map of the network.

    Attributes:
        name: Such as ``res2.0.branches.1.unit2``, whose input it is; ``stem``; ``logits``.
        kind: ``floats`` or ``integers``.
        largest: Greatest magnitude of the training model's values.
        difference: Greatest absolute difference.
    """

    name: str
    kind: str
    largest: float
    difference: float

    @property
    def agrees(self) -> bool:
        """Integers equal; floats to 1e-4 of the largest."""
        limit = 1e-4 * self.largest if self.kind == "floats" else 0.0
        return self.difference <= limit


def compare_blocks(
    classifier: Any, packed: Any, images: Tensor, trace: Trace
) -> list[PartComparison]:
    """Compare all parts of an `ImageClassifier` in eval mode with its packed file.

    Args:
        classifier: What `packed` was exported from.
        packed: A `PackedFile`.
        images: uint8 (N, H, W, C), as the packed network takes them.
        trace: `trace_reference`, or the engine's.

    Returns:
        One for each map, in the order of the network.
    """
    raise NotImplementedError
