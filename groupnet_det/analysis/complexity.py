"""Cost of a network: operations and bytes, by the `CONVENTION`."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from .layer_costs import layer_costs

CONVENTION = """\
An operation is one multiply-accumulate (MAC) of a convolution or linear layer, for one image; BN,
nonlinearities and additions are not counted. Where weights and activations both have at most 8
bits, a MAC is w * a binary operations (BOPs: an XNOR and its share of a popcount), where w and a
are bits, or the signs whose sum stands for a value (ABC-Net). All other MACs are float operations.
A 64-bit word does 64 BOPs at once, so the two are summed as BOPs / 64 + MACs (Liu et al., Bi-Real
Net, arXiv 1808.00278). Bytes: "simulated" are those of the network as it is trained, 32 bits for
each parameter and BN statistic of all K bases; "float" the same of its full-precision baseline,
which has one base; "packed" those of a packed file, with w bits for a quantized weight and 32 for
any other number, without what belongs to the file format; scales of quantized weights are left
out, as they can be folded into the BN."""

WORD_BITS = 64


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """Costs of a network for one image.

    Attributes:
        binary_operations: BOPs.
        float_operations: MACs in full precision.
        num_bytes: Size of the packed file in bytes.
    """

    binary_operations: int
    float_operations: int
    num_bytes: int

    @property
    def operations(self) -> float:
        """``BOPs / 64 + MACs``."""
        return self.binary_operations / WORD_BITS + self.float_operations


def count_complexity(model: nn.Module, run: Callable[[], Any]) -> Complexity:
    """Count what `run()`, one forward pass of `model` on one image, costs.

    Convolutions outside of modules are not seen.
    """
    rows = layer_costs(model, run)
    return Complexity(
        binary_operations=sum(row.binary_operations for row in rows),
        float_operations=sum(row.float_operations for row in rows),
        num_bytes=math.ceil(sum(row.packed_bits for row in rows) / 8),
    )
