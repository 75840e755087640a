import numpy as np
import pytest
import torch

from groupnet_det.errors import ConfigError
from groupnet_det.layers import Quantization
from groupnet_det.quantizers import ZeroOneActivation, round_clipped


@pytest.mark.parametrize(
    ("x", "expected", "slope"),
    [
        *[(-0.1, 0, 0), (0, 0, 1), (0.5, 0, 1), (0.5001, 1, 1), (1, 1, 1), (1.1, 1, 0)],
        (float("nan"), 0, 0),
    ],
)
def test_value_and_gradient_by_hand(x, expected, slope):
    value = torch.tensor([x], dtype=torch.float64, requires_grad=True)
    y = round_clipped(value)
    y.backward()
    assert (y.item(), value.grad.item()) == (expected, slope)


def test_golden(test_data):
    golden = np.load(test_data / "reference/golden/ops.npz")
    x = torch.from_numpy(golden["dorefa_x"]).requires_grad_()
    y = round_clipped(x)
    assert torch.equal(y, torch.from_numpy(golden["dorefa_y"]))
    # The upstream gradient is 1, 2, ..., and the reference passes it everywhere; ours is clipped.
    passed = torch.from_numpy(golden["dorefa_gin"])
    y.backward(torch.arange(1.0, len(x) + 1))
    assert torch.equal(x.grad, torch.where((x >= 0) & (x <= 1), passed, 0.0))


def test_identity_gradient_is_that_of_the_authors_code(test_data):
    golden = np.load(test_data / "reference/golden/ops.npz")
    x = torch.from_numpy(golden["dorefa_x"]).requires_grad_()
    y = round_clipped(x, gradient="identity")
    assert torch.equal(y, torch.from_numpy(golden["dorefa_y"]))
    y.backward(torch.arange(1.0, len(x) + 1))
    assert torch.equal(x.grad, torch.from_numpy(golden["dorefa_gin"]))


@pytest.mark.parametrize(("gradient", "passed"), [("clipped", 0.0), ("identity", 1.0)])
def test_a_convolution_takes_the_chosen_gradient(gradient, passed):
    quantization = Quantization(num_bases=1, activation="zero_one", zero_one_gradient=gradient)
    conv = quantization.make_conv(2, 3, 1)
    x = torch.full((1, 2, 4, 4), 3.0, requires_grad=True)
    conv(x).sum().backward()
    sums = conv.weight_quantizer(conv.weight).sum(dim=0).view(1, 2, 1, 1)
    torch.testing.assert_close(x.grad, passed * sums.expand_as(x))


def test_unknown_gradient_lists_the_valid_ones():
    with pytest.raises(ConfigError, match=r"'soft'; valid: 'clipped', 'identity'"):
        ZeroOneActivation(gradient="soft")
    with pytest.raises(ConfigError, match=r"ZERO_ONE_GRADIENT is 'soft'; valid: 'clipped'"):
        Quantization(zero_one_gradient="soft")
