import itertools
import math
import struct
from fractions import Fraction

import pytest
import torch

from groupnet_det.runtime.reference.exact_fma import fma

MOST = (2 - 2**-23) * 2.0**127
LEAST = 2.0**-149
SPECIAL = (
    *(0.0, LEAST, 3 * LEAST, 2.0**-126 - LEAST, 2.0**-126, 2.0**-75, 2.0**-74, 1e-30),
    *(1 - 2.0**-24, 1.0, 1 + 2.0**-23, 1 + 2.0**-12, 3.0, 2.0**24 - 1, 2.0**24, 2.0**64, MOST),
    *(math.inf, math.nan),
)
NASTY = [sign * value for value in SPECIAL for sign in (1, -1)]


def exact_fma(a, b, c):
    """By rational numbers, and by IEEE 754's rules where there is no such number."""
    if not all(map(math.isfinite, (a, b, c))) or (total := exact(a, b, c)) == 0:
        # Infinity, NaN, the sign of zero: of these, rounding the product can change nothing.
        return a * b + c
    return round_to_float32(total)


def exact(a, b, c):
    return Fraction(a) * Fraction(b) + Fraction(c)


def round_to_float32(value):
    """Nearest, ties to even."""
    magnitude = abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    exponent -= magnitude < Fraction(2) ** exponent
    unit = Fraction(2) ** (max(exponent, -126) - 23)
    rounded = float(round(magnitude / unit) * unit)  # Python rounds ties to even
    rounded = math.inf if rounded > MOST else rounded
    return math.copysign(rounded, value)


def check(a, b, c):
    """`fma` of columns of float32 numbers, one by one."""
    results = fma(a, b, c)
    assert results.dtype == torch.float32
    rows = zip(a.tolist(), b.tolist(), c.tolist(), results.tolist(), strict=True)
    for x, y, z, result in rows:
        expected = exact_fma(x, y, z)
        same = struct.pack("d", result) == struct.pack("d", expected)
        assert same or (math.isnan(result) and math.isnan(expected)), (x, y, z, result, expected)


def test_nasty_values():
    triples = torch.tensor(list(itertools.product(NASTY, NASTY, NASTY)), dtype=torch.float32)
    check(*triples.unbind(1))


@pytest.mark.parametrize("spread", [0, 3, 40, 254], ids=lambda s: f"exponents-{s}")
def test_random_bits(spread):
    # Exponents at most `spread` apart, so that sums of all kinds of overlap are met.
    exponent = torch.randint(127 - spread // 2, 128 + spread // 2, (3, 20_000))
    mantissa, sign = torch.randint(0, 1 << 23, (3, 20_000)), torch.randint(0, 2, (3, 20_000))
    bits = (sign << 31) + (exponent << 23) + mantissa
    check(*bits.to(torch.int32).view(torch.float32))


@pytest.mark.parametrize("scale", [0, -140, 100], ids=lambda s: f"2^{s}")
def test_sums_next_to_ties_of_float32(scale):
    # a b is half a unit of c less 2^-2s of that, or all of it: float64 may not hold the difference.
    number = 20_000
    c = torch.randint(1 << 23, 1 << 24, (number,)).double() * 2.0**scale
    less = 2 ** -torch.randint(12, 24, (number,)).double() * torch.randint(0, 2, (number,))
    a = torch.tensor([0.5, -0.5])[torch.randint(0, 2, (number,))] * (1 + less) * 2.0**scale
    a, b, c = a.float(), (1 - less).float(), c.float()
    check(a, b, c)
    twice = (a.double() * b.double() + c.double()).float()
    assert torch.equal(twice, fma(a, b, c)) == (scale == -140)  # there, sums are exact or far off


def test_a_tie_that_only_float64_sees():
    # a b = 2^-24 - 2^-54: the sum lies below a tie; float64 rounds it to the tie, which goes up.
    a, b, c = (torch.tensor([v]) for v in (1 + 2.0**-15, 2.0**-24 - 2.0**-39, 1 + 2.0**-23))
    assert (a.double() * b.double() + c.double()).float().item() == 1 + 2.0**-22
    assert fma(a, b, c).item() == 1 + 2.0**-23
    assert fma(-a, b, -c).item() == -(1 + 2.0**-23)


def test_broadcasts():
    a, b, c = torch.randn(4, 1), torch.randn(3), torch.zeros(())
    assert torch.equal(fma(a, b, c), a * b)
