import numpy as np
import pytest
import torch
import torch.nn.functional as F

from groupnet_det.layers import QuantizedConv2d
from groupnet_det.quantizers import ABCActivation, ABCWeight, sign_polynomial
from groupnet_det.quantizers.multi_bit.abc_net import binary_bases, least_squares_scales


def make_activation(shifts, scales):
    quantizer = ABCActivation(num_bases=len(shifts)).double()
    with torch.no_grad():
        quantizer.shifts.copy_(torch.tensor(shifts))
        quantizer.scales.copy_(torch.tensor(scales))
    return quantizer


def test_activation_and_gradients_by_hand():
    # Thresholds 0.5 - v are 0 and 1; gradients pass where x is in [-0.5, 0.5] and [0.5, 1.5].
    quantizer = make_activation([0.5, -0.5], [2.0, 0.25])
    x = torch.tensor([-0.75, 0.0, 0.5, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    y = quantizer(x)
    assert y.tolist() == [-2.25, 1.75, 1.75, 2.25, 2.25]
    y.sum().backward()
    assert x.grad.tolist() == [0, 2, 2.25, 0.25, 0]
    assert quantizer.shifts.grad.tolist() == [4, 0.5]
    assert quantizer.scales.grad.tolist() == [3, -1]  # sums of the signs


@pytest.mark.parametrize("num_bases", [1, 2, 3, 5])
def test_activation_is_the_papers_formula(num_bases):
    quantizer = make_activation(torch.randn(num_bases).tolist(), torch.rand(num_bases).tolist())
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    expected = 0
    for v, beta in zip(quantizer.shifts.tolist(), quantizer.scales.tolist(), strict=True):
        expected = expected + beta * np.where(np.clip(x.numpy() + v, 0, 1) >= 0.5, 1.0, -1.0)
    np.testing.assert_allclose(quantizer(x).detach().numpy(), expected, rtol=1e-12)


def test_activation_with_one_base_starts_as_sign():
    x = torch.randn(50)
    assert torch.equal(ABCActivation(num_bases=1)(x), sign_polynomial(x))


def test_activation_starts_with_evenly_spread_levels():
    x = torch.tensor([-9.0, -0.4, 0.4, 9.0])  # thresholds -0.5, 0, 0.5
    levels = torch.tensor([-1, -1 / 3, 1 / 3, 1])
    torch.testing.assert_close(ABCActivation(num_bases=3)(x), levels)


def test_pads_with_all_bases_plus_one():
    quantizer = make_activation([0.1, 0.2, 0.3], [0.5, 2.0, 0.25])
    assert quantizer.pad_value.item() == quantizer(torch.full((1,), 9.0)).item() == 2.75
    x = torch.randn(20, dtype=torch.float64)
    assert torch.equal(quantizer.shifted(x), quantizer(x) - 2.75)


@pytest.mark.parametrize("num_bases", [1, 2, 3, 5])
def test_bases_are_the_papers_formula(num_bases):
    rows = torch.randn(3, 40, dtype=torch.float64)
    bases = binary_bases(rows, num_bases).numpy()
    for row, base in zip(rows.numpy(), bases, strict=True):
        for m in range(num_bases):
            u = -1 + m * 2 / (num_bases - 1) if num_bases > 1 else 0
            expected = np.where(row - row.mean() + u * row.std() >= 0, 1.0, -1.0)
            assert np.array_equal(base[:, m], expected)


@pytest.mark.parametrize("num_bases", [1, 2, 3, 5])
def test_scales_are_numpys_least_squares(num_bases):
    rows = torch.randn(2, 60, dtype=torch.float64) + 0.3
    bases = binary_bases(rows, num_bases)
    for row, base, scales in zip(rows, bases, least_squares_scales(rows, bases), strict=True):
        expected = np.linalg.lstsq(base.numpy(), row.numpy(), rcond=None)[0]
        np.testing.assert_allclose(scales.numpy(), expected, rtol=1e-9)


def test_bases_that_coincide_share_the_scale():
    rows = torch.tensor([[1.0, -1.0]])  # std is 1: thresholds at -1 and 1 part nothing else
    bases = torch.tensor([[[1.0, 1.0], [-1.0, -1.0]]])
    assert least_squares_scales(rows, bases).flatten().tolist() == pytest.approx([0.5, 0.5])


def test_weight_by_hand():
    """Mean 0 and one base: the sign and the mean magnitude, XNOR-Net's."""
    weight = torch.tensor([1.0, -3.0, 4.0, -2.0]).view(2, 2, 1, 1)
    quantized = ABCWeight(num_bases=1)(weight)
    torch.testing.assert_close(quantized.flatten(), 2.5 * torch.tensor([1.0, -1.0, 1.0, -1.0]))


@pytest.mark.parametrize("num_groups", [1, 2])
@pytest.mark.parametrize("num_bases", [1, 3, 5])
def test_weight_and_gradient_from_the_parts(num_groups, num_bases):
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn_like(weight)
    quantized = ABCWeight(num_bases=num_bases, num_groups=num_groups)(weight)
    quantized.backward(upstream)
    for index, group in enumerate(weight.detach().chunk(num_groups)):
        base = binary_bases(group.reshape(1, -1), num_bases)[0].numpy()
        scales = np.linalg.lstsq(base, group.flatten().numpy(), rcond=None)[0]
        ours = quantized.detach().chunk(num_groups)[index].flatten().numpy()
        np.testing.assert_allclose(ours, base @ scales, rtol=1e-9)
        expected = upstream.chunk(num_groups)[index] * scales.sum()
        torch.testing.assert_close(weight.grad.chunk(num_groups)[index], expected)


def test_more_bases_approximate_better():
    weight = torch.randn(8, 8, 3, 3)
    errors = [(ABCWeight(num_bases=m)(weight) - weight).square().mean().item() for m in (1, 3, 5)]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize(("num_weight_bases", "num_bases"), [(1, 1), (3, 2), (5, 5)])
def test_one_convolution_of_the_sums_is_the_sum_of_all_convolutions(num_weight_bases, num_bases):
    activation = ABCActivation(num_bases=num_bases)
    weight = ABCWeight(num_bases=num_weight_bases)
    conv = QuantizedConv2d(3, 4, 3, padding=1, activation=activation, weight=weight).double()
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    rows = conv.weight.detach().reshape(1, -1)
    bases = binary_bases(rows, num_weight_bases)
    alphas = least_squares_scales(rows, bases)[0]
    expected = 0
    for v, beta in zip(activation.shifts, activation.scales, strict=True):
        signs = torch.where((x + v).clamp(0, 1) >= 0.5, 1.0, -1.0).double()
        padded = F.pad(signs, [1] * 4, value=1.0)
        for m, alpha in enumerate(alphas):
            binary = bases[0, :, m].view_as(conv.weight)
            expected = expected + alpha * beta * F.conv2d(padded, binary)
    torch.testing.assert_close(conv(x), expected, rtol=1e-10, atol=1e-10)
