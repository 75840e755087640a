"""``a * b + c`` in float32 with one rounding, without a machine's fma instruction."""

import torch
from torch import Tensor

# float32 has 23 of float64's 52 bits after the point.
BEHIND = (1 << 29) - 1
MIDDLE = 1 << 28
LEAST_NORMAL = 2.0**-126


def fma(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """``a * b + c`` as IEEE 754's fusedMultiplyAdd, rounded to nearest, ties to even.

    In float64 a product of float32 numbers is exact and does not overflow, but rounding the sum to
    float64 and then to float32 is not one rounding. It gives the same unless the rounded sum is in
    the middle of two numbers of float32, since such a middle is a number of float64: what lies on
    one side of it is not rounded to the other. The few sums that may be in a middle, and those of
    subnormal results, whose middles are others, are added again and rounded to odd.

    Args:
        a, b, c: float32, of shapes that broadcast. Infinity, NaN and subnormal numbers are as in
            IEEE 754; which NaN comes out is open.

    Returns:
        float32.
    """
    product = a.to(torch.float64) * b.to(torch.float64)
    total = product + c
    if not bool(_doubtful(total).any()):
        return total.to(torch.float32)
    doubtful = _doubtful(total) & (total != 0)  # a sum of 0 is exact
    product, c = (t.expand_as(total)[doubtful] for t in (product, c))
    total[doubtful] = _add_to_odd(product, c.to(torch.float64))
    return total.to(torch.float32)


def _doubtful(total: Tensor) -> Tensor:
    """Find sums rounded to float64 that are halfway between two numbers of float32, or small.

    All that is after float32's last bit is then a 1 and zeros.
    """
    middle = (total.view(torch.int64) & BEHIND) == MIDDLE
    return middle | (total.abs() < LEAST_NORMAL)


def _add_to_odd(x: Tensor, y: Tensor) -> Tensor:
    """``x + y`` in float64, rounded to odd: where inexact, the last bit is set to 1.

    That keeps on which side of a tie of float32 a sum lies. Neither may be so large that the sum
    overflows.

    Source: Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms
    using rounding to odd", IEEE Transactions on Computers 57 (4), 2008.
    """
    total = x + y
    # TwoSum (Knuth): `error` is what the rounding of `total` has lost, exactly.
    part = total - x
    error = (x - (total - part)).add_(y - part)
    bits = total.view(torch.int64)
    # An even last bit of an inexact sum: the odd neighbour on the side of the exact sum. As bits
    # are a sign and a magnitude, that is one more where the error has the sum's sign. NaN, from
    # infinity, is not an inexact sum.
    wrong = ((error < 0) | (error > 0)) & (bits & 1 == 0)
    outwards = torch.where((error > 0) == (total > 0), 1, -1)
    return (bits + wrong * outwards).view(torch.float64)
