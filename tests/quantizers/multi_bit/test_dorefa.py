import numpy as np
import pytest
import torch

from groupnet_det.quantizers import DorefaActivation, DorefaWeight, binarize_weight, round_clipped

BITS = [1, 2, 3, 8]


@pytest.mark.parametrize("bits", BITS)
def test_activation_is_numpys(bits):
    x = np.concatenate([np.random.default_rng(0).normal(size=200), np.linspace(-1, 2, 61)])
    steps = 2**bits - 1
    expected = np.round(np.clip(x, 0, 1) * steps) / steps
    assert np.array_equal(DorefaActivation(bits=bits)(torch.from_numpy(x)).numpy(), expected)


def test_two_bits_by_hand():
    x = torch.tensor([-1.0, 0.1, 0.2, 0.6, 0.9, 2.0], dtype=torch.float64, requires_grad=True)
    y = DorefaActivation(bits=2)(x)
    assert (3 * y).tolist() == pytest.approx([0, 0, 1, 2, 3, 3])
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0]


def test_one_bit_is_zero_one():
    x = torch.linspace(-1, 2, 301, dtype=torch.float64, requires_grad=True)
    ours, expected = DorefaActivation(bits=1)(x), round_clipped(x)
    assert torch.equal(ours, expected)
    assert torch.equal(*(torch.autograd.grad(y.sum(), x)[0] for y in (ours, expected)))


@pytest.mark.parametrize("bits", BITS[1:])
@pytest.mark.parametrize("num_groups", [1, 2])
def test_weight_is_numpys(bits, num_groups):
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    expected = []
    for group in np.split(weight.numpy(), num_groups):
        t = np.tanh(group)
        unit = t / (2 * np.abs(t).max()) + 0.5
        expected.append(2 * np.round(unit * (2**bits - 1)) / (2**bits - 1) - 1)
    quantized = DorefaWeight(bits=bits, num_groups=num_groups)(weight)
    np.testing.assert_allclose(quantized.numpy(), np.concatenate(expected), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("num_groups", [1, 2])
def test_weight_of_one_bit_is_the_scaled_sign(num_groups):
    weight = torch.randn(4, 3, 3, 3)
    quantized = DorefaWeight(bits=1, num_groups=num_groups)(weight)
    assert torch.equal(quantized, binarize_weight(weight, num_groups=num_groups))


@pytest.mark.parametrize("bits", BITS[1:])
def test_weight_gradient_is_that_of_the_smooth_part(bits):
    """Rounding passes the gradient, so it is that of ``t / max|t|``, by differences."""
    weight = torch.randn(2, 2, 1, 2, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn_like(weight)
    DorefaWeight(bits=bits)(weight).backward(upstream)

    def smooth(w):
        return (upstream * torch.tanh(w) / torch.tanh(w).abs().max()).sum()

    step = 1e-6
    for index in range(weight.numel()):
        offset = torch.zeros_like(weight).view(-1)
        offset[index] = step
        offset = offset.view_as(weight)
        finite = (smooth(weight + offset) - smooth(weight - offset)) / (2 * step)
        assert weight.grad.view(-1)[index].item() == pytest.approx(finite.item(), rel=1e-5)


def test_weights_of_zero_are_finite():
    weight = torch.zeros(2, 2, 1, 1, requires_grad=True)
    quantized = DorefaWeight(bits=2)(weight)
    quantized.sum().backward()
    assert quantized.isfinite().all()


def test_golden(test_data):
    golden = np.load(test_data / "reference/golden/ops.npz")
    x = torch.from_numpy(golden["dorefa_x"])
    assert torch.equal(DorefaActivation(bits=1)(x), torch.from_numpy(golden["dorefa_y"]))
