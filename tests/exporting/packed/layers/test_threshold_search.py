"""Thresholds against numbers by hand, and against the quantizers at their very neighbours."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.layers.activation_steps import ActivationSteps
from groupnet_det.exporting.packed.layers.threshold_search import (
    find_switches,
    find_values,
    float_of,
    read_levels,
)
from groupnet_det.quantizers import ActivationSpec, build_activation_quantizer
from groupnet_det.quantizers.full_precision import TanhActivation


def after(value):
    """The next float32 number."""
    return float(np.nextafter(np.float32(value), np.float32(np.inf)))


def test_keys_count_all_numbers():
    keys = torch.tensor([0, 1, -1, 0x3F800000, -0x3F800000, 0x7F7FFFFF])
    tiny = 2.0**-149
    assert float_of(keys).tolist() == [0.0, tiny, -tiny, 1.0, -1.0, torch.finfo().max]


def test_switches_by_hand():
    """``v >= 2``, ``v <= 3``, never, always; the second is false from the number after 3 on."""

    def passed(x):
        a, b, c, d = x.unbind(1)
        return torch.stack([a >= 2, b <= 3, torch.zeros_like(c) > 0, torch.zeros_like(d) == 0], 1)

    thresholds, falling = find_switches(passed, 1, 4)
    assert thresholds.tolist() == [[2.0, after(3.0), math.inf, -math.inf]]
    assert falling.tolist() == [[0, 1, 0, 0]]


def test_values_of_two_bits():
    """DoReFa's ``round(3 clip(x, 0, 1)) / 3``."""
    quantizer = build_activation_quantizer("dorefa", ActivationSpec(num_channels=1, bits=2))
    assert find_values(quantizer).tolist() == [
        float(np.float32(i) / np.float32(3)) for i in range(4)
    ]


def test_levels_of_two_bits_by_hand():
    """Halves go to the even number: 1 / 6 and 5 / 6 down and up, 1 / 2 to 2 / 3."""
    quantizer = build_activation_quantizer("dorefa", ActivationSpec(num_channels=1, bits=2))
    levels = ActivationSteps(quantizer, None, 1, "conv").levels()
    torch.testing.assert_close(levels.thresholds.flatten(), torch.tensor([1.0, 3.0, 5.0]) / 6)
    assert levels.thresholds[1, 0] == 0.5
    torch.testing.assert_close(levels.values.flatten(), torch.tensor([0.0, 1.0, 2.0, 3.0]) / 3)
    assert levels.pad == 0.0


@pytest.mark.parametrize(
    ("name", "threshold", "pad"),
    [("sign", 0.0, 0), ("zero_one", after(0.5), 1), ("dorefa", after(0.5), 1)],
)
def test_one_bit_by_hand(name, threshold, pad):
    quantizer = build_activation_quantizer(name, ActivationSpec(num_channels=2, bits=1))
    (term,) = ActivationSteps(quantizer, None, 2, "conv").binary_terms()
    assert term.threshold.tolist() == [threshold] * 2
    assert term.invert.tolist() == [0, 0]
    assert term.pad == pad
    assert (term.centre, term.half) == ((0.0, 1.0) if name == "sign" else (0.5, 0.5))


def test_learned_thresholds_differ_between_channels():
    quantizer = build_activation_quantizer("rsign", ActivationSpec(num_channels=3))
    quantizer.thresholds.data = torch.tensor([-0.5, 0.0, 2.0])
    (term,) = ActivationSteps(quantizer, None, 3, "conv").binary_terms()
    assert term.threshold.tolist() == [-0.5, 0.0, 2.0]


def make_norm():
    norm = nn.BatchNorm2d(4).eval()
    norm.weight.data = torch.tensor([2.0, -2.0, 0.0, 0.0])
    norm.bias.data = torch.tensor([1.0, 1.0, 1.0, -1.0])
    norm.eps = 0.0
    return norm


def test_norm_before_the_sign_by_hand():
    """``2 v + 1 >= 0`` from -1/2 on; ``-2 v + 1 >= 0`` up to 1/2; always; never."""
    quantizer = build_activation_quantizer("sign", ActivationSpec(num_channels=4))
    (term,) = ActivationSteps(quantizer, make_norm(), 4, "conv").binary_terms()
    assert term.threshold.tolist() == [-0.5, after(0.5), -math.inf, math.inf]
    assert term.invert.tolist() == [0, 1, 0, 0]


def test_abc_by_hand():
    """``A_n = sign(x + v_n - 1/2)``; the values are ``+- beta_1 +- beta_2``."""
    quantizer = build_activation_quantizer("abc", ActivationSpec(num_channels=1, num_bases=2))
    quantizer.shifts.data, quantizer.scales.data = (
        torch.tensor([0.25, 1.5]),
        torch.tensor([2.0, -0.5]),
    )
    steps = ActivationSteps(quantizer, None, 1, "conv")
    first, second = steps.binary_terms()
    # Just below 1/4, the sum of two floats rounds up to 1/2 already.
    assert float(first.threshold) == pytest.approx(0.25, abs=1e-7)
    assert float(second.threshold) == pytest.approx(-1.0, abs=1e-7)
    assert [(t.half, t.pad) for t in (first, second)] == [(2.0, 0), (-0.5, 0)]
    levels = steps.levels()
    assert levels.thresholds.flatten().tolist() == [float(t.threshold) for t in (second, first)]
    assert levels.values.flatten().tolist() == [-1.5, -2.5, 1.5]
    assert levels.pad == 1.5


@pytest.mark.parametrize("with_norm", [False, True], ids=["plain", "norm"])
@pytest.mark.parametrize(("name", "bits"), [("dorefa", 2), ("lsq", 3), ("lq", 2)], ids=str)
def test_several_levels_are_a_sum_of_signs(name, bits, with_norm):
    quantizer = build_activation_quantizer(name, ActivationSpec(num_channels=4, bits=bits))
    quantizer(torch.rand(2, 4, 5, 5))  # the first batch
    quantizer.eval()
    norm = make_norm() if with_norm else None
    terms = ActivationSteps(quantizer, norm, 4, "conv").binary_terms()
    assert len(terms) == 2**bits - 1
    x = 3 * torch.randn(100, 4)
    total = torch.zeros_like(x, dtype=torch.float64)
    for term in terms:
        above = (x >= term.threshold) ^ term.invert.bool()
        total += term.centre + term.half * torch.where(above, 1.0, -1.0)
        assert term.centre - term.half == 0  # outside, where the bit is 1
        assert term.pad == 1
    maps = x[..., None, None]
    expected = quantizer(maps if norm is None else norm(maps)).flatten(1).double()
    torch.testing.assert_close(total, expected, rtol=0, atol=1e-6)


def test_levels_that_do_not_start_at_0_are_no_sum_of_signs():
    """Their lowest value would be needed outside, too."""
    quantizer = build_activation_quantizer("lq", ActivationSpec(num_channels=1, bits=2))
    quantizer(torch.rand(2, 1, 5, 5))
    quantizer.basis.copy_(torch.tensor([[-1.0, 2.0]]))
    assert ActivationSteps(quantizer.eval(), None, 1, "conv").binary_terms() is None


SPECS = [("dorefa", 3), ("lsq", 2), ("lsq", 1), ("lq", 3), ("lq", 1), ("abc", 0), ("rsign", 0)]


@pytest.mark.parametrize("with_norm", [False, True], ids=["plain", "norm"])
@pytest.mark.parametrize(("name", "bits"), SPECS, ids=lambda v: str(v))
def test_levels_are_the_quantizer_at_every_neighbour(name, bits, with_norm):
    spec = ActivationSpec(num_channels=4, bits=max(bits, 1), num_bases=3)
    quantizer = build_activation_quantizer(name, spec)
    if name in ("lsq", "lq"):
        quantizer(torch.randn(2, 4, 5, 5))  # the first batch
    quantizer.eval()
    norm = make_norm() if with_norm else None
    levels = ActivationSteps(quantizer, norm, 4, "conv").levels()
    finite = levels.thresholds.clamp(-1e30, 1e30)
    below = torch.from_numpy(np.nextafter(finite.numpy(), np.float32(-np.inf)))
    for points in (finite, below, torch.randn(50, 4)):
        number = (points[:, None] >= levels.thresholds).sum(dim=1)
        maps = points[..., None, None]
        expected = quantizer(maps if norm is None else norm(maps)).flatten(1)
        torch.testing.assert_close(levels.values.gather(0, number), expected, rtol=0, atol=0)


def test_read_levels_sorts_thresholds():
    """Of a quantizer with a falling step at 1 and a rising one at 0."""
    rising, values = read_levels(
        lambda x: (x >= 0).float() + 2 * (x < 1), torch.tensor([[1.0], [0]])
    )
    assert rising.flatten().tolist() == [0.0, 1.0]
    assert values.flatten().tolist() == [2.0, 3.0, 1.0]


def test_smooth_or_untrained_quantizers_are_refused():
    with pytest.raises(ConfigError, match="second stage"):
        ActivationSteps(TanhActivation(), None, 1, "res2.0.conv")
    sign = build_activation_quantizer("sign", ActivationSpec(num_channels=1))
    sign.slope = 3.0
    with pytest.raises(ConfigError, match="GRADUAL_BINARIZATION"):
        ActivationSteps(sign, None, 1, "res2.0.conv")
    lsq = build_activation_quantizer("lsq", ActivationSpec(num_channels=1, bits=2)).eval()
    with pytest.raises(ConfigError, match="never seen a batch"):
        ActivationSteps(lsq, None, 1, "res2.0.conv")
