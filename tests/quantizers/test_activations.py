import pytest
import torch

from groupnet_det.errors import ConfigError
from groupnet_det.quantizers import ACTIVATION_QUANTIZERS, build_activation_quantizer


@pytest.mark.parametrize("name", ACTIVATION_QUANTIZERS)
def test_shifted_lets_zero_stand_for_the_padding(name):
    quantizer = build_activation_quantizer(name)
    x = torch.randn(100, dtype=torch.float64)
    assert torch.equal(quantizer.shifted(x), quantizer(x) - quantizer.pad_value)


@pytest.mark.parametrize(
    ("name", "precision", "pad_value"), [("sign", 1, 1), ("zero_one", 1, 0), ("tanh", 32, 1)]
)
def test_attributes_that_tools_read(name, precision, pad_value):
    quantizer = build_activation_quantizer(name)
    assert (quantizer.precision, quantizer.pad_value) == (precision, pad_value)


def test_tanh_is_tanh():
    x = torch.randn(20)
    assert torch.equal(build_activation_quantizer("tanh")(x), torch.tanh(x))


def test_unknown_name_lists_the_valid_ones():
    with pytest.raises(ConfigError, match=r"'sine'.*'sign', 'zero_one', 'tanh'"):
        build_activation_quantizer("sine")


def test_sign_with_a_finite_slope_is_a_tanh():
    x = torch.tensor([-0.5, 0.0, 2.0], requires_grad=True)
    quantizer = build_activation_quantizer("sign")
    quantizer.slope = 3.0
    assert torch.equal(quantizer(x), torch.tanh(3 * x))
    assert torch.equal(quantizer.shifted(x), torch.tanh(3 * x) - 1)
    quantizer(x).sum().backward()
    torch.testing.assert_close(x.grad, 3 * (1 - torch.tanh(3 * x.detach()) ** 2))
