import pytest
import torch

from groupnet_det.errors import ConfigError
from groupnet_det.quantizers import build_weight_quantizer


def test_float_is_the_identity():
    weight = torch.randn(2, 2, 1, 1)
    assert build_weight_quantizer("float")(weight) is weight


@pytest.mark.parametrize("scale", ["layer", "channel"])
def test_sign_has_two_values_a_scale(scale):
    weight = torch.randn(4, 3, 3, 3)
    binary = build_weight_quantizer("sign", scale=scale)(weight)
    assert binary.unique().numel() == (2 if scale == "layer" else 8)
    assert torch.equal(binary > 0, weight >= 0)


@pytest.mark.parametrize(
    ("name", "scale", "message"),
    [("ternary", "layer", "'ternary'.*'sign'"), ("sign", "row", "'row'")],
)
def test_unknown_names_raise(name, scale, message):
    with pytest.raises(ConfigError, match=message):
        build_weight_quantizer(name, scale=scale)


def test_sign_may_let_float_weights_pass():
    quantizer = build_weight_quantizer("sign")
    quantizer.binary = False
    weight = torch.randn(2, 3, 3, 3)
    assert quantizer(weight) is weight
