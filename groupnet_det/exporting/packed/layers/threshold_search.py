"""Finds exactly where a quantizer's value changes, by bisection over all float32 numbers.

The quantizer itself is asked, with the BN before it where there is one, so that the thresholds are
right to the last bit, whatever it computes; each of its steps must be monotone in every channel.

Legend: C channels, L steps.
"""

from collections.abc import Callable

import torch
from torch import Tensor

_LARGEST_KEY = 0x7F7FFFFF  # bits of the largest finite float32

# (L, C, 1, 1) floats -> booleans of that shape: whether step l is after, in channel c.
Passed = Callable[[Tensor], Tensor]


def float_of(key: Tensor) -> Tensor:
    """The `key`-th float32 number, counted from 0 up and down; int64 -> float32."""
    magnitude = key.abs().to(torch.int32).view(torch.float32)
    return torch.where(key < 0, -magnitude, magnitude)


def find_switches(passed: Passed, steps: int, channels: int) -> tuple[Tensor, Tensor]:
    """Find the float at which `passed` changes.

    Args:
        passed: Asked with float32 (L, C, 1, 1).
        steps: L.
        channels: C.

    Returns:
        Thresholds, float32 (L, C): the least number at which it is as it is for all above;
        and uint8 (L, C), 1 where it is false there ("falling"). Where it never changes, the
        threshold is -inf (always true) or +inf, and not falling.
    """
    low = torch.full((steps, channels, 1, 1), -_LARGEST_KEY, dtype=torch.int64)
    high = -low
    below, above = passed(float_of(low)), passed(float_of(high))
    while bool((high - low > 1).any()):
        middle = (low + high).div(2, rounding_mode="floor")
        as_above = passed(float_of(middle)) == above
        high, low = torch.where(as_above, middle, high), torch.where(as_above, low, middle)
    always = torch.where(above, -torch.inf, torch.inf)
    thresholds = torch.where(below == above, always, float_of(high))
    falling = (below & ~above).to(torch.uint8)
    return thresholds.flatten(1), falling.flatten(1)


def find_values(quantize: Callable[[Tensor], Tensor]) -> Tensor:
    """All values of a monotone quantizer of single numbers, rising; float32 (L + 1,).

    Args:
        quantize: Quantizes floats (1, 1, 1, n).
    """

    def ask(keys: Tensor) -> Tensor:
        return quantize(float_of(keys).view(1, 1, 1, -1)).flatten()

    keys = torch.tensor([-_LARGEST_KEY, _LARGEST_KEY])
    low, high = keys[:1], keys[1:]
    found = [ask(keys)]
    while len(low):
        middle = (low + high).div(2, rounding_mode="floor")
        at_low, at_middle, at_high = ask(low), ask(middle), ask(high)
        found.append(at_middle)
        left, right = at_low != at_middle, at_middle != at_high
        low = torch.cat([low[left], middle[right]])
        high = torch.cat([middle[left], high[right]])
        open_ = high - low > 1
        low, high = low[open_], high[open_]
    return torch.cat(found).unique()


def read_levels(quantize: Callable[[Tensor], Tensor], thresholds: Tensor) -> tuple[Tensor, Tensor]:
    """The values of a quantizer whose thresholds are known.

    Args:
        quantize: Quantizes floats (n, C, 1, 1).
        thresholds: float32 (L, C), as of `find_switches`, in any order.

    Returns:
        Thresholds, rising, (L, C), and values, (L + 1, C).
    """
    limit = torch.finfo(torch.float32).max
    rising = thresholds.sort(dim=0).values
    below = torch.full_like(rising[:1], -limit)
    points = torch.cat([below, rising.clamp(-limit, limit)])
    return rising, quantize(points[..., None, None]).flatten(1)
