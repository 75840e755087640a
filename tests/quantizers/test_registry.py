"""Properties of all quantizers."""

import pytest
import torch

from groupnet_det.errors import ConfigError
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.quantizers import (
    ACTIVATION_QUANTIZERS,
    WEIGHT_QUANTIZERS,
    ActivationSpec,
    WeightSpec,
    build_activation_quantizer,
    build_weight_quantizer,
)

ACTIVATION = ActivationSpec(num_channels=3, bits=2, num_bases=3)
WEIGHT = WeightSpec(out_channels=4, num_groups=2, bits=2, num_bases=3)


@pytest.mark.parametrize(
    ("name", "precision", "num_terms", "pad_value"),
    [
        ("sign", 1, 1, 1),
        ("zero_one", 1, 1, 0),
        ("tanh", 32, 1, 1),
        ("rsign", 1, 1, 1),
        ("abc", 1, 3, 1),
        ("dorefa", 2, 1, 0),
        ("lq", 2, 1, 0),
        ("lsq", 2, 1, 0),
    ],
)
def test_attributes_of_activations_that_tools_read(name, precision, num_terms, pad_value):
    quantizer = build_activation_quantizer(name, ACTIVATION)
    assert (quantizer.precision, quantizer.num_terms) == (precision, num_terms)
    assert torch.as_tensor(quantizer.pad_value).item() == pytest.approx(pad_value)


@pytest.mark.parametrize(
    ("name", "precision", "num_terms"),
    [
        ("sign", 1, 1),
        ("float", 32, 1),
        ("abc", 1, 3),
        ("dorefa", 2, 1),
        ("lq", 2, 1),
        ("lsq", 2, 1),
    ],
)
def test_attributes_of_weights_that_tools_read(name, precision, num_terms):
    quantizer = build_weight_quantizer(name, WEIGHT)
    assert (quantizer.precision, quantizer.num_terms) == (precision, num_terms)


@pytest.mark.parametrize("name", ACTIVATION_QUANTIZERS)
def test_shifted_lets_zero_stand_for_the_padding(name):
    quantizer = build_activation_quantizer(name, ACTIVATION).double().eval()
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    assert torch.equal(quantizer.shifted(x), quantizer(x) - quantizer.pad_value)


@pytest.mark.parametrize("name", ACTIVATION_QUANTIZERS)
def test_codes_are_multiples_of_the_step(name):
    quantizer = build_activation_quantizer(name, ACTIVATION).eval()
    for parameter in quantizer.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(1, 3, 4, 4)
    x[0, 0, 0] = torch.tensor([0.0, -0.0, float("nan"), 0.5])
    has_codes = quantizer.code_step is not None
    assert has_codes == (name in ("sign", "rsign", "zero_one"))
    if has_codes:
        codes = quantizer.codes(x)
        assert codes.dtype == torch.uint8
        assert torch.equal(codes * quantizer.code_step, quantizer.shifted(x))


@pytest.mark.parametrize("name", ["sign", "rsign"])
def test_a_soft_sign_has_no_codes(name):
    quantizer = build_activation_quantizer(name, ACTIVATION)
    quantizer.slope = 3.0
    assert quantizer.code_step is None


@pytest.mark.parametrize("bits", [1, 2, 3])
@pytest.mark.parametrize("name", ["dorefa", "lq", "lsq"])
def test_number_of_levels_is_at_most_that_of_the_bits(name, bits):
    x = torch.randn(2, 3, 20, 20)
    activation = build_activation_quantizer(name, ActivationSpec(num_channels=3, bits=bits))
    assert 2 <= activation(x).unique().numel() <= 2**bits
    weight = build_weight_quantizer(name, WeightSpec(out_channels=1, bits=bits))
    assert 2 <= weight(x[:1]).unique().numel() <= 2**bits


def make_conv(activation, weight):
    return QuantizedConv2d(
        *(3, 4, 3),
        padding=1,
        activation=build_activation_quantizer(activation, ACTIVATION),
        weight=build_weight_quantizer(weight, WEIGHT),
    )


PAIRS = pytest.mark.parametrize(
    ("activation", "weight"),
    [(name, "sign") for name in ACTIVATION_QUANTIZERS]
    + [("sign", name) for name in WEIGHT_QUANTIZERS],
)


@PAIRS
def test_every_parameter_learns(activation, weight):
    conv = make_conv(activation, weight)
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    conv(x).square().mean().backward()
    for name, value in [("x", x), *conv.named_parameters()]:
        assert value.grad.isfinite().all(), name
        assert value.grad.count_nonzero(), name


@PAIRS
def test_trains_under_autocast(activation, weight):
    conv = make_conv(activation, weight)
    for _ in range(2):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = conv(torch.randn(2, 3, 8, 8, dtype=torch.bfloat16))
        assert y.dtype == torch.bfloat16
        y.float().square().mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in conv.parameters())
    with torch.autocast("cpu", dtype=torch.bfloat16):  # an input that is not yet half
        assert conv(torch.randn(2, 3, 8, 8)).isfinite().all()


@PAIRS
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_values_have_the_dtype_of_the_input(activation, weight, dtype):
    conv = make_conv(activation, weight).to(dtype)
    x = torch.randn(2, 3, 8, 8, dtype=dtype)
    assert conv.activation(x).dtype == dtype
    assert conv.activation.shifted(x).dtype == dtype
    assert conv.weight_quantizer(conv.weight).dtype == dtype
    assert conv(x).dtype == dtype


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 0}, "bits of activations is 0; valid: 1 to 8"),
        ({"bits": 9}, "bits of activations is 9; valid: 1 to 8"),
        ({"num_bases": 0}, "number of activation bases is 0; valid: 1 to 8"),
        ({"gradient": "cubic"}, "gradient of sign is 'cubic'; valid: 'polynomial'"),
    ],
    ids=lambda value: (
        "-".join(f"{k}-{v}" for k, v in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_activation_spec_refuses(options, message):
    with pytest.raises(ConfigError, match=message):
        ActivationSpec(num_channels=3, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 0}, "bits of weights is 0; valid: 1 to 8"),
        ({"bits": 9}, "bits of weights is 9; valid: 1 to 8"),
        ({"num_bases": 9}, "number of weight bases is 9; valid: 1 to 8"),
        ({"scale": "row"}, "weight scale is 'row'; valid: 'layer', 'channel', 'none'"),
        ({"gradient": "cubic"}, "weight gradient is 'cubic'; valid: 'identity'"),
        ({"num_groups": 3}, "4 output channels do not make 3 equal groups"),
        ({"num_groups": 0}, "4 output channels do not make 0 equal groups"),
    ],
    ids=lambda value: (
        "-".join(f"{k}-{v}" for k, v in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_weight_spec_refuses(options, message):
    with pytest.raises(ConfigError, match=message):
        WeightSpec(out_channels=4, **options)


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ConfigError, match=r"'sine'.*'sign', 'zero_one', 'tanh'"):
        build_activation_quantizer("sine", ACTIVATION)
    with pytest.raises(ConfigError, match=r"'ternary'.*'sign', 'float'"):
        build_weight_quantizer("ternary", WEIGHT)
