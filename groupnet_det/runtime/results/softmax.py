"""Probabilities and classes from logits, with the same bits on every machine.

PyTorch's softmax differs in the last bit from one machine to another, and leaves open which of two
equal numbers comes first. What is written here is computed in C++ too (csrc/capi/softmax.cpp).
"""

import numpy as np
from numpy.typing import NDArray

LOG2_E, LN_2 = 1.4426950408889634, 0.6931471805599453
LOWEST = -1000.0  # its exponential is 0 in float64
DEGREE = 8


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax in float64, by ``+ - * /`` alone, rounded to float32 at the end.

    Each exponential is 2^n times a Taylor polynomial, with a relative error of 2e-10; the sum goes
    from the first to the last.

    Args:
        logits: Shape (count,), one at least.

    Returns:
        Of the same shape. All NaN where one logit is NaN, or the greatest is infinite.
    """
    greatest = logits.max()
    if not np.isfinite(greatest):
        return np.full_like(logits, np.nan)
    shares = _exponential(logits.astype(np.float64) - np.float64(greatest))
    shares /= np.add.accumulate(shares)[-1]
    return shares.astype(np.float32)


def _exponential(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.maximum(x, LOWEST)
    n = np.rint(x * LOG2_E)
    r = x - n * LN_2
    total = np.ones_like(r)
    for i in range(DEGREE, 0, -1):
        total *= r
        total /= i
        total += 1
    return np.ldexp(total, n.astype(np.int32))


def rank(logits: NDArray[np.float32], top: int) -> NDArray[np.intp]:
    """The numbers of the `top` greatest in falling order, or of all where there are fewer.

    Where two are equal, the lower number comes first; NaN comes last.
    """
    return np.argsort(-logits, kind="stable")[: max(0, top)]
