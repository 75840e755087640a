"""Run-length encoding of masks as COCO has it, without pycocotools.

A mask is read column by column; its runs of 0 and 1 take turns and start with 0. The compressed
form writes each run as its difference to the run before the last, in digits of 5 bits.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGIT_BITS = 5
MORE = 1 << DIGIT_BITS  # another digit of the number follows
FIRST_CHARACTER = 48


def encode_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask (H, W) -> ``{"size": [H, W], "counts": text}``."""
    height, width = mask.shape
    text = "".join(map(_digits, _differences(_runs(mask))))
    return {"size": [height, width], "counts": text}


def _runs(mask: NDArray[np.bool_]) -> list[int]:
    values = mask.flatten(order="F")
    ends = np.flatnonzero(values[1:] != values[:-1]) + 1
    bounds = [0, *ends.tolist(), len(values)]
    runs = np.diff(bounds).tolist()
    return [0, *runs] if len(values) and values[0] else runs


def _differences(runs: list[int]) -> list[int]:
    """The first three runs themselves, then each one less that of two before."""
    return [run - runs[i - 2] if i > 2 else run for i, run in enumerate(runs)]


def _digits(number: int) -> str:
    """Digits of a number in two's complement, the lowest first; the last one carries the sign."""
    text = ""
    while True:
        digit = number & (MORE - 1)
        number >>= DIGIT_BITS
        is_negative = bool(digit & (MORE >> 1))
        is_last = number == (-1 if is_negative else 0)
        text += chr(FIRST_CHARACTER + (digit if is_last else digit | MORE))
        if is_last:
            return text
