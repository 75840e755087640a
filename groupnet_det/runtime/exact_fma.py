"""``a * b + c`` in float32 with one rounding, without a machine's fma instruction."""

import torch
from torch import Tensor


def fma(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """``a * b + c`` as IEEE 754's fusedMultiplyAdd, rounded to nearest, ties to even.

    In float64 a product of float32 numbers is exact and does not overflow, but rounding the sum to
    float64 and then to float32 is not one rounding. So the float64 sum is rounded to odd: where it
    is inexact, its last bit is set to 1, which keeps on which side of a tie of float32 it lies.

    Source: Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms
    using rounding to odd", IEEE Transactions on Computers 57 (4), 2008.

    Args:
        a, b, c: float32, of shapes that broadcast. Infinity, NaN and subnormal numbers are as in
            IEEE 754; which NaN comes out is open.

    Returns:
        float32.
    """
    product = a.to(torch.float64) * b.to(torch.float64)
    return _add_to_odd(product, c.to(torch.float64)).to(torch.float32)


def _add_to_odd(x: Tensor, y: Tensor) -> Tensor:
    """``x + y`` in float64, rounded to odd. Neither may be so large that the sum overflows."""
    total = x + y
    # TwoSum (Knuth): `error` is what the rounding of `total` has lost, exactly.
    part = total - x
    error = (x - (total - part)).add_(y - part)
    bits = total.view(torch.int64)
    # An even last bit of an inexact sum: the odd neighbour on the side of the exact sum. As bits
    # are a sign and a magnitude, that is one more where the error has the sum's sign. NaN, from
    # infinity, is no inexact sum.
    wrong = ((error < 0) | (error > 0)) & (bits & 1 == 0)
    outwards = torch.where((error > 0) == (total > 0), 1, -1)
    return (bits + wrong * outwards).view(torch.float64)
