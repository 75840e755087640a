import numpy as np
import pytest
import torch
import torch.nn.functional as F

from groupnet_det.layers import Quantization, QuantizedConv2d
from groupnet_det.quantizers import binarize_weight, sign_polynomial


def make_conv(*shape, activation="sign", weight="sign", **options):
    names = Quantization(num_bases=1, activation=activation, weight=weight)
    return QuantizedConv2d(
        *shape,
        activation=names.make_activation(shape[0]),
        weight=names.make_weight(shape[1]),
        **options,
    ).double()


def explicit(conv, x):
    """A padded copy with the padding value written out."""
    quantized = conv.activation(x)
    pad = conv.padding[0]
    padded = F.pad(quantized, [pad] * 4, value=conv.activation.pad_value)
    weight = conv.weight_quantizer(conv.weight)
    return F.conv2d(padded, weight, stride=conv.stride, dilation=conv.dilation)


@pytest.mark.parametrize("activation", ["sign", "zero_one", "tanh"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (3, 0), (3, 1), (3, 3), (5, 2)])
def test_equals_an_explicitly_padded_convolution(activation, stride, dilation, kernel, padding):
    conv = make_conv(
        *(3, 4, kernel), activation=activation, stride=stride, dilation=dilation, padding=padding
    )
    x = torch.randn(2, 3, 11, 14, dtype=torch.float64)
    x[0, 0, 0, 0], x[0, 0, 0, 1] = 0.0, -0.0
    torch.testing.assert_close(conv(x), explicit(conv, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", ["sign", "tanh"])
def test_gradients_equal_those_of_the_padded_copy(activation):
    conv = make_conv(3, 4, 3, activation=activation, padding=1)
    x = torch.randn(2, 3, 7, 8, dtype=torch.float64, requires_grad=True)
    inputs = [x, conv.weight]
    upstream = torch.randn(2, 4, 7, 8, dtype=torch.float64)
    ours = torch.autograd.grad(conv(x), inputs, upstream)
    theirs = torch.autograd.grad(explicit(conv, x), inputs, upstream)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_padding_is_plus_one_by_hand():
    conv = make_conv(1, 1, 3, padding=1)
    with torch.no_grad():
        conv.weight.fill_(2.0)
    # One pixel of -1 amid eight padded ones of +1, all weights +2: 2 * (8 - 1).
    assert conv(torch.tensor([[[[-0.3]]]], dtype=torch.float64)).item() == 14


def test_bare_zero_is_never_padded():
    """With weights and inputs of +-1 every sum has the parity of the number of taps."""
    conv = make_conv(5, 6, 3, padding=1)
    with torch.no_grad():
        conv.weight.copy_(torch.where(conv.weight >= 0, 1.0, -1.0))
    sums = conv(torch.randn(1, 5, 6, 6, dtype=torch.float64))
    assert torch.all(sums.remainder(2) == (5 * 9) % 2)


def test_several_maps_share_the_weights():
    conv = make_conv(3, 4, 3, padding=1)
    maps = [torch.randn(1, 3, size, size, dtype=torch.float64) for size in (4, 7)]
    for joint, x in zip(conv.forward_maps(maps), maps, strict=True):
        assert torch.equal(joint, conv(x))


def test_trains_under_autocast():
    conv = make_conv(3, 4, 3, padding=1).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = conv(torch.randn(1, 3, 8, 8))
    y.float().square().mean().backward()
    assert torch.isfinite(conv.weight.grad).all()


def test_golden_convolution(test_data):
    golden = {
        key: torch.from_numpy(value).double()
        for key, value in np.load(test_data / "reference/golden/ops.npz").items()
        if key.startswith("conv_")
    }
    conv = make_conv(2, 3, 3, stride=2, padding=1)
    conv.weight.data.copy_(golden["conv_w"])
    difference = (conv(golden["conv_x"]) - golden["conv_y"]).abs().max()
    assert difference <= 1e-6 * golden["conv_y"].abs().max()  # the reference is in float32
    assert torch.equal(
        sign_polynomial(golden["conv_x"]).unique(), torch.tensor([-1.0, 1.0], dtype=torch.float64)
    )
    assert binarize_weight(golden["conv_w"]).unique().numel() == 2


def test_golden_group_of_convolutions(test_data):
    """Five bases on {0, 1} with padding and dilation 2, averaged."""
    golden = {
        key: torch.from_numpy(value).double()
        for key, value in np.load(test_data / "reference/golden/ops.npz").items()
        if key.startswith("gconv_")
    }
    outputs = []
    for base in range(5):
        conv = make_conv(2, 3, 3, activation="zero_one", padding=2, dilation=2)
        conv.weight.data.copy_(golden[f"gconv_w{base}"])
        outputs.append(conv(golden["gconv_x"]))
    difference = (sum(outputs) / 5 - golden["gconv_y"]).abs().max()
    assert difference <= 1e-6 * golden["gconv_y"].abs().max()  # the reference is in float32
