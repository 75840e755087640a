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
