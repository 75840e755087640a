import itertools

import numpy as np
import pytest
import torch

from groupnet_det.quantizers import LQActivation, LQWeight
from groupnet_det.quantizers.multi_bit.lq_nets import fit_basis, quantize_to_basis

BITS = pytest.mark.parametrize("bits", [1, 2, 3, 4])
SIGNED = pytest.mark.parametrize("signed", [False, True], ids=["zero-one", "plus-minus"])


def enumerate_levels(basis, signed):
    """All codes and their levels, one after the other."""
    codes = [
        np.array(code)
        for code in itertools.product([-1, 1] if signed else [0, 1], repeat=len(basis))
    ]
    return codes, [float(code @ basis) for code in codes]


def nearest(rows, basis, signed):
    """Values and codes of (n,) values by comparing each with each level."""
    codes, levels = enumerate_levels(basis, signed)
    best = [min(range(len(levels)), key=lambda i: abs(levels[i] - x)) for x in rows]
    return np.array([levels[i] for i in best]), np.array([codes[i] for i in best])


@BITS
@SIGNED
def test_nearest_level_by_enumeration(bits, signed):
    rows = torch.randn(3, 40, dtype=torch.float64)
    basis = torch.rand(3, bits, dtype=torch.float64) - 0.2  # a vector may be negative
    values, codes = quantize_to_basis(rows, basis, signed=signed)
    for index in range(3):
        expected, _ = nearest(rows[index].tolist(), basis[index].numpy(), signed)
        np.testing.assert_allclose(values[index].numpy(), expected, rtol=1e-12, atol=1e-12)
        own = codes[index].numpy() @ basis[index].numpy()
        np.testing.assert_allclose(own, expected, rtol=1e-12, atol=1e-12)


def test_ties_go_up_and_so_zero_is_plus_one():
    rows = torch.tensor([[0.0, -0.0, -1e-30]])
    values, _ = quantize_to_basis(rows, torch.tensor([[0.5]]), signed=True)
    assert values.tolist() == [[0.5, 0.5, -0.5]]


@BITS
@SIGNED
def test_fitted_basis_is_numpys_least_squares(bits, signed):
    rows = torch.randn(2, 400, dtype=torch.float64)
    basis = 0.2 * 2.0 ** torch.arange(bits, dtype=torch.float64).expand(2, bits)
    quantized = quantize_to_basis(rows, basis, signed=signed)
    fitted = fit_basis(rows, basis, quantized)
    for index in range(2):
        _, codes = nearest(rows[index].tolist(), basis[index].numpy(), signed)
        expected = np.linalg.lstsq(codes, rows[index].numpy(), rcond=None)[0]
        np.testing.assert_allclose(fitted[index].numpy(), expected, rtol=1e-8)


def test_fit_by_hand():
    rows = torch.tensor([[0.9, 1.3, -0.1, 2.8, 3.2, 2.0]])
    basis = torch.tensor([[1.0, 2.0]])
    quantized = quantize_to_basis(rows, basis, signed=False)
    assert quantized.values.tolist() == [[1, 1, 0, 3, 3, 2]]
    # v1 + v1 + (v1 + v2) twice + v2 against 0.9, 1.3, 2.8, 3.2, 2.0: 4 v1 + 2 v2 = 8.2 and
    # 2 v1 + 3 v2 = 8, so v1 = 1.075, v2 = 1.95.
    torch.testing.assert_close(fit_basis(rows, basis, quantized), torch.tensor([[1.075, 1.95]]))


def test_bits_that_no_value_uses_keep_their_vector():
    rows = torch.tensor([[0.9, 1.3, -0.1]])
    basis = torch.tensor([[1.0, 4.0]])
    fitted = fit_basis(rows, basis, quantize_to_basis(rows, basis, signed=False))
    torch.testing.assert_close(fitted, torch.tensor([[1.1, 4.0]]))


@BITS
def test_training_quantizes_with_the_basis_and_then_moves_it_a_tenth(bits):
    quantizer = LQActivation(bits=bits).double()
    quantizer(torch.randn(2, 3, 4, 4, dtype=torch.float64))  # the start
    basis = quantizer.basis[0].numpy().copy()
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    values, codes = nearest(x.flatten().tolist(), basis, signed=False)
    np.testing.assert_allclose(quantizer(x).flatten().numpy(), values, rtol=1e-9, atol=1e-12)
    best = np.linalg.lstsq(codes, x.flatten().numpy(), rcond=None)[0]
    np.testing.assert_allclose(quantizer.basis[0].numpy(), 0.9 * basis + 0.1 * best, rtol=1e-6)


def test_activation_gradient_stops_at_the_lowest_and_highest_level():
    quantizer = LQActivation(bits=2).double().eval()
    quantizer.basis.copy_(torch.tensor([[0.5, 1.0]]))
    quantizer.initialized.fill_(True)
    x = torch.tensor([-0.1, 0.0, 0.7, 1.5, 1.6], dtype=torch.float64, requires_grad=True)
    y = quantizer(x)
    assert y.tolist() == [0, 0, 0.5, 1.5, 1.5]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


@BITS
def test_weight_has_a_basis_for_each_channel_and_an_identity_gradient(bits):
    weight = torch.randn(3, 4, 3, 3, dtype=torch.float64)
    weight *= torch.tensor([1.0, 10.0, 100.0]).view(3, 1, 1, 1)
    weight.requires_grad_()
    quantizer = LQWeight(out_channels=3, bits=bits).double()
    upstream = torch.randn_like(weight)
    quantized = quantizer(weight)
    quantized.backward(upstream)
    assert torch.equal(weight.grad, upstream)
    for channel in quantized.detach():
        assert channel.unique().numel() <= 2**bits
    relative = (quantized - weight).detach().flatten(1).norm(dim=1) / weight.flatten(1).norm(dim=1)
    assert relative.max() < 1.5 * relative.min()  # each channel fits, whatever its magnitude


def test_weight_of_one_bit_is_the_sign_and_the_mean_magnitude_of_the_channel():
    weight = torch.tensor([[1.0, -3.0], [0.0, 6.0]]).view(2, 2, 1, 1)
    expected = torch.tensor([[2.0, -2.0], [3.0, 3.0]]).view(2, 2, 1, 1)
    torch.testing.assert_close(LQWeight(out_channels=2, bits=1)(weight), expected)


@BITS
def test_learned_levels_beat_evenly_spread_ones(bits):
    """For normal values; the basis comes to the optimum that QEM finds."""
    quantizer = LQWeight(out_channels=1, bits=bits).double()
    weight = torch.randn(1, 8, 8, 8, dtype=torch.float64)
    for _ in range(20):
        quantized = quantizer(weight)
    spread = weight.abs().mean() * 2 / 2**bits
    uniform = (weight / spread / 2 - 0.5).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    uniform = (2 * uniform + 1) * spread
    errors = [(value - weight).square().mean().item() for value in (quantized, uniform)]
    assert errors[0] <= errors[1] + 1e-12


def test_nan_leaves_the_basis():
    quantizer = LQActivation(bits=2)
    quantizer(torch.rand(100))
    before = quantizer.basis.clone()
    quantizer(torch.tensor([0.5, float("nan")]))
    assert torch.equal(quantizer.basis, before)
