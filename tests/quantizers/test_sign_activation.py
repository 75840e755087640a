import copy
import math

import numpy as np
import pytest
import torch

from groupnet_det.errors import ConfigError
from groupnet_det.quantizers import SIGN_GRADIENTS, SignActivation, sign, sign_polynomial

NAN = float("nan")


@pytest.mark.parametrize(
    ("x", "expected"),
    [(0.0, 1), (-0.0, 1), (1e-30, 1), (-1e-30, -1), (3, 1), (-3, -1), (NAN, -1), (float("inf"), 1)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_sign_is_plus_one_from_zero_on_and_minus_one_for_nan(x, expected, dtype):
    assert sign_polynomial(torch.tensor([x], dtype=dtype)).item() == expected


# By hand. swish with b = 5: at 0, 5 * 2 / (1 + 1) = 5.
SLOPES = {
    "polynomial": {0.0: 2, 0.5: 1, -0.5: 1, 0.25: 1.5, 1: 0, -1: 0, 1.5: 0, -7: 0},
    "hardtanh": {0.0: 1, 0.5: 1, 1: 1, -1: 1, 1.001: 0, -7: 0},
    "identity": {0.0: 1, -7: 1, 1e4: 1},
    "tanh": {0.0: 1, 1e4: 0, math.atanh(0.5): 0.75, -math.atanh(0.5): 0.75},
    "swish": {0.0: 5, 1e4: 0, -1e4: 0, math.inf: 0},
}


@pytest.mark.parametrize(
    ("gradient", "x", "slope"),
    [(name, *point) for name in SLOPES for point in SLOPES[name].items()],
)
@pytest.mark.parametrize("upstream", [1.0, -3.0])
def test_gradient_by_hand(gradient, x, slope, upstream):
    value = torch.tensor([x], dtype=torch.float64, requires_grad=True)
    (upstream * sign(value, gradient=SIGN_GRADIENTS[gradient])).backward()
    assert value.grad.item() == pytest.approx(upstream * slope, rel=1e-12, abs=1e-12)


def test_every_gradient_has_values_by_hand():
    assert SLOPES.keys() == SIGN_GRADIENTS.keys()


# The functions whose derivatives the smooth estimators are. The swish one is BNN+'s
# 2 sigmoid(b x) (1 + b x (1 - sigmoid(b x))) - 1.
SMOOTH = {
    "tanh": torch.tanh,
    "swish": lambda x: 2 * torch.sigmoid(5 * x) * (1 + 5 * x * (1 - torch.sigmoid(5 * x))) - 1,
}


@pytest.mark.parametrize("gradient", SMOOTH)
def test_smooth_gradient_is_the_slope_of_its_function(gradient):
    x = torch.linspace(-3, 3, 61, dtype=torch.float64, requires_grad=True)
    step = 1e-5
    finite = (SMOOTH[gradient](x + step) - SMOOTH[gradient](x - step)) / (2 * step)
    sign(x, gradient=SIGN_GRADIENTS[gradient]).sum().backward()
    torch.testing.assert_close(x.grad, finite.detach(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("gradient", SIGN_GRADIENTS)
def test_shift_moves_values_and_leaves_the_gradient(gradient):
    x = torch.randn(50, dtype=torch.float64, requires_grad=True)
    quantizer = SignActivation(gradient=gradient)
    plain, shifted = quantizer(x), quantizer.shifted(x)
    assert torch.equal(shifted, plain - 1)
    assert torch.equal(
        torch.autograd.grad(plain.sum(), x)[0], torch.autograd.grad(shifted.sum(), x)[0]
    )


@pytest.mark.parametrize("slope", [0.5, 1.0, 20.0])
def test_finite_slope_makes_it_tanh(slope):
    quantizer = SignActivation()
    quantizer.slope = slope
    x = torch.randn(50, dtype=torch.float64, requires_grad=True)
    assert torch.equal(quantizer(x), torch.tanh(slope * x))
    assert torch.equal(quantizer.shifted(x), torch.tanh(slope * x) - 1)
    assert torch.autograd.gradcheck(quantizer, x)
    assert not quantizer.state_dict()


def test_unknown_gradient_lists_the_valid_ones():
    with pytest.raises(ConfigError, match=r"gradient of sign.*'cubic'.*'polynomial', 'hardtanh'"):
        SignActivation(gradient="cubic")


def test_golden(test_data):
    golden = np.load(test_data / "reference/golden/ops.npz")
    x = torch.from_numpy(golden["qa_x"])
    # The reference differs on purpose at 0 and NaN (sign 0) and in the gradient at exactly 1
    # (g squared).
    differs_backward = (x == 1) | x.isnan()
    expected = torch.where(x == 0, 1.0, torch.from_numpy(golden["qa_y"]))
    expected = torch.where(x.isnan(), -1.0, expected)
    assert torch.equal(sign_polynomial(x), expected)
    for index in range(3):
        value = x.clone().requires_grad_()
        sign_polynomial(value).backward(torch.full_like(x, float(golden[f"qa_g{index}_gout"])))
        expected = torch.from_numpy(golden[f"qa_g{index}"])
        expected = torch.where(differs_backward, torch.where(x == 1, 0.0, x), expected)
        torch.testing.assert_close(value.grad, expected, rtol=0, atol=1e-6, equal_nan=True)


# By hand: the gradient at x is that at x / width.
WIDE_SLOPES = {
    "polynomial": {0.0: 2, 1: 1, -1.5: 0.5, 2: 0, 2.5: 0},
    "hardtanh": {1.5: 1, 2: 1, -2: 1, 2.001: 0},
    "identity": {7: 1},
    "tanh": {2 * math.atanh(0.5): 0.75},
    "swish": {0.0: 5},
}


@pytest.mark.parametrize(
    ("gradient", "x", "slope"),
    [(name, *point) for name in WIDE_SLOPES for point in WIDE_SLOPES[name].items()],
)
def test_a_width_stretches_the_gradient(gradient, x, slope):
    value = torch.tensor([x], dtype=torch.float64, requires_grad=True)
    quantizer = copy.deepcopy(SignActivation(gradient=gradient, width=2.0))
    quantizer(value).backward()
    assert value.grad.item() == pytest.approx(slope, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("width", [0.0, -1.0, math.inf, NAN], ids=str)
def test_a_width_that_is_none_is_refused(width):
    with pytest.raises(ConfigError, match="the width of the sign's gradient is"):
        SignActivation(width=width)
