import math

import numpy as np
import pytest
import torch

from groupnet_det.quantizers import LSQActivation, LSQWeight, quantize_step

LIMITS = {  # (bits, signed): -Q_N, Q_P
    (1, False): (0, 1),
    (2, False): (0, 3),
    (8, False): (0, 255),
    (2, True): (-2, 1),
    (3, True): (-4, 3),
    (8, True): (-128, 127),
}
KINDS = pytest.mark.parametrize(
    ("bits", "signed"), LIMITS, ids=[f"{b}bit-{'signed' if s else 'unsigned'}" for b, s in LIMITS]
)


@KINDS
def test_value_and_gradients_are_the_papers_formulas(bits, signed):
    low, high = LIMITS[bits, signed]
    step = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    x = 0.2 * high * torch.randn(300, dtype=torch.float64)
    x = torch.cat([x, step.detach() * torch.tensor([low, high, 0])]).requires_grad_()
    upstream = torch.randn_like(x)
    y = quantize_step(x, step, bits=bits, signed=signed, gradient_scale=0.7)
    y.backward(upstream)

    scaled, g = x.detach().numpy() / 0.3, upstream.numpy()
    inside = (scaled > low) & (scaled < high)
    np.testing.assert_allclose(y.detach().numpy(), 0.3 * np.round(np.clip(scaled, low, high)))
    np.testing.assert_array_equal(x.grad.numpy(), np.where(inside, g, 0))  # equation 5
    slope = np.where(inside, np.round(scaled) - scaled, np.where(scaled <= low, low, high))
    assert step.grad.item() == pytest.approx(0.7 * (g * slope).sum())  # equation 3


def test_two_bits_by_hand():
    x = torch.tensor([-1.0, 0.6, 1.6, 9.0], dtype=torch.float64, requires_grad=True)
    step = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y = quantize_step(x, step, bits=2, signed=False)
    assert y.tolist() == [0, 1, 2, 3]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 0]
    assert step.grad.item() == pytest.approx(0 + 0.4 + 0.4 + 3)


def test_one_signed_bit_is_the_sign():
    x = torch.tensor([-3.0, -0.25, 0.0, 0.5, 2.0], dtype=torch.float64, requires_grad=True)
    step = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y = quantize_step(x, step, bits=1, signed=True)
    assert y.tolist() == [-1, -1, 1, 1, 1]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]
    assert step.grad.item() == -1 + (-1 + 0.25) + 1 + (1 - 0.5) + 1


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_activation_starts_from_the_first_batch_and_scales_its_gradient(bits):
    quantizer = LSQActivation(bits=bits).double()
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    y = quantizer(x)
    largest = 2**bits - 1
    start = 2 * x.abs().mean() / math.sqrt(largest)
    assert quantizer.step.item() == pytest.approx(start.item())

    quantizer(100 * x)  # a second batch changes nothing
    assert quantizer.step.item() == pytest.approx(start.item())

    y.sum().backward()
    step = start.clone().requires_grad_()
    quantize_step(x, step, bits=bits, signed=False).sum().backward()
    expected = step.grad / math.sqrt(3 * 4 * 5 * largest)
    assert quantizer.step.grad.item() == pytest.approx(expected.item())


@pytest.mark.parametrize(("bits", "largest"), [(1, 1), (2, 1), (4, 7)])
@pytest.mark.parametrize("num_groups", [1, 2])
def test_groups_of_weights_have_steps_of_their_own(bits, largest, num_groups):
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    weight[2:] *= 5
    quantizer = LSQWeight(bits=bits, num_groups=num_groups).double()
    quantized = quantizer(weight)
    quantized.sum().backward()
    for index, group in enumerate(weight.chunk(num_groups)):
        step = (2 * group.abs().mean() / math.sqrt(largest)).requires_grad_()
        expected = quantize_step(group, step, bits=bits, signed=True)
        torch.testing.assert_close(quantized.chunk(num_groups)[index], expected)
        expected.sum().backward()
        scale = 1 / math.sqrt(group.numel() * largest)
        assert quantizer.step.grad[index].item() == pytest.approx(scale * step.grad.item())


def test_step_learns_the_values():
    """Gradient descent on the quantization error moves a step that is too large."""
    quantizer = LSQActivation(bits=2)
    x = torch.rand(1, 1, 20, 20)
    quantizer(4 * x)
    optimizer = torch.optim.SGD(quantizer.parameters(), lr=0.05)
    errors = []
    for _ in range(60):
        error = (quantizer(x) - x).square().sum()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < errors[0] / 4
