"""Convolutions in integers against the same in float64, and what is kept for evaluation."""

import copy
import io

import pytest
import torch

from groupnet_det.layers import Quantization, QuantizedConv2d
from groupnet_det.layers.convs import integer_conv

pytestmark = pytest.mark.skipif(
    not integer_conv.is_supported(), reason="this torch has no 8-bit convolution for this CPU"
)


def make_conv(*shape, activation="sign", scale="layer", num_groups=1, **options):
    names = Quantization(activation=activation, weight_scale=scale)
    return QuantizedConv2d(
        *shape,
        activation=names.make_activation(shape[0]),
        weight=names.make_weight(shape[1], num_groups),
        **options,
    )


def in_float64(conv, x):
    """The same convolution where whole numbers are not used."""
    baseline = copy.deepcopy(conv).double()
    x = x.detach().double().requires_grad_()
    assert not baseline._fits_integers(x)
    return baseline, x, baseline(x)


@pytest.mark.parametrize("activation", ["sign", "zero_one"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (3, 0), (3, 1), (3, 3), (5, 2)])
@pytest.mark.parametrize("channels", [(3, 4), (64, 33)], ids=str)
def test_equals_the_convolution_of_floats(activation, stride, dilation, kernel, padding, channels):
    conv = make_conv(
        *channels, kernel, activation=activation, stride=stride, dilation=dilation, padding=padding
    )
    x = torch.randn(2, channels[0], 11, 14)
    x[0, 0, 0, :3] = torch.tensor([0.0, -0.0, float("nan")])
    assert conv._fits_integers(x)
    expected = in_float64(conv, x)[-1]
    channels_last = x.contiguous(memory_format=torch.channels_last)
    for y in (conv(x), conv(channels_last), without_gradient(conv, x)):
        assert y.dtype == torch.float32
        assert (y - expected).abs().max() <= 1e-6 * expected.abs().max()


def without_gradient(conv, x):
    with torch.no_grad():
        return conv(x)


@pytest.mark.parametrize(
    "options", [{"scale": "layer", "num_groups": 3}, {"scale": "channel"}], ids=str
)
def test_each_output_channel_has_its_scale(options):
    conv = make_conv(5, 6, 3, padding=1, **options)
    with torch.no_grad():
        conv.weight.mul_(torch.arange(1, 7).view(-1, 1, 1, 1))
        conv.weight[2:4] = 0  # a scale of 0
    x = torch.randn(2, 5, 6, 6)
    expected = in_float64(conv, x)[-1]
    assert (conv(x) - expected).abs().max() <= 1e-6 * expected.abs().max()


@pytest.mark.parametrize("activation", ["sign", "zero_one"])
def test_gradients_equal_those_of_floats(activation):
    conv = make_conv(8, 6, 3, activation=activation, padding=1, stride=2)
    x = torch.randn(2, 8, 9, 10, requires_grad=True)
    baseline, x64, expected = in_float64(conv, x)
    upstream = torch.randn(2, 6, 5, 5)
    ours = torch.autograd.grad(conv(x), [x, conv.weight], upstream)
    theirs = torch.autograd.grad(expected, [x64, baseline.weight], upstream.double())
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).abs().max() <= 1e-5 * b.abs().max()


def test_sums_that_cancel_are_exactly_zero():
    """Floats leave +-1e-8 there, by chance, and the ReLU after them a gradient by chance."""
    conv = make_conv(8, 64, 3, padding=1)
    x = torch.randn(4, 8, 12, 12)
    sums = conv(x) / conv.weight.abs().mean()
    near = sums.abs() < 0.5
    assert near.any()
    assert (conv(x)[near] == 0).all()


def test_several_maps_in_training_and_evaluation():
    conv = make_conv(4, 5, 3, padding=1)
    maps = [torch.randn(1, 4, size, size) for size in (8, 3, 5)]
    separate = [conv(x) for x in maps]
    for together in (conv.forward_maps(maps), evaluate(conv, maps), evaluate(conv, maps)):
        for a, b in zip(together, separate, strict=True):
            assert torch.equal(a, b)


def evaluate(conv, maps):
    conv.eval()
    with torch.no_grad():
        return conv.forward_maps(maps)


def fused_adam_step(conv):
    conv(torch.ones(1, 4, 5, 5)).sum().backward()
    torch.optim.Adam(conv.parameters(), lr=10.0, fused=True).step()


def sgd_step(conv):
    conv(torch.ones(1, 4, 5, 5)).sum().backward()
    torch.optim.SGD(conv.parameters(), lr=1e3).step()


def load(conv):
    conv.load_state_dict({"weight": torch.randn_like(conv.weight)})


def assign(conv):
    conv.load_state_dict({"weight": torch.randn_like(conv.weight)}, assign=True)


def new_data(conv):
    conv.weight.data = torch.randn_like(conv.weight)


def write_through_data_and_train(conv):
    conv.weight.data.neg_()
    conv.train().eval()


CHANGES = [fused_adam_step, sgd_step, load, assign, new_data, write_through_data_and_train]


@pytest.mark.parametrize("change", CHANGES)
def test_evaluation_follows_the_weights(change):
    conv = make_conv(4, 5, 3, padding=1)
    maps = [torch.randn(1, 4, 6, 6)]
    before = evaluate(conv, maps)[0]
    assert torch.equal(before, evaluate(conv, maps)[0])
    change(conv)
    after = evaluate(conv, maps)[0]
    assert not torch.equal(after, before)
    fresh = make_conv(4, 5, 3, padding=1)
    fresh.load_state_dict(conv.state_dict())
    assert torch.equal(after, evaluate(fresh, maps)[0])


def test_packed_weights_are_made_once_and_in_evaluation_only(monkeypatch):
    conv = make_conv(4, 5, 3, padding=1)
    maps = [torch.randn(1, 4, 6, 6)]
    conv.train()
    without_gradient(conv, maps[0])
    assert conv._packed is None
    evaluate(conv, maps)
    monkeypatch.setattr(conv, "_pack", None)  # a call would raise
    evaluate(conv, maps)
    conv.train()
    assert conv._packed is None


def test_an_evaluated_convolution_can_be_copied_and_saved():
    conv = make_conv(4, 5, 3, padding=1)
    maps = [torch.randn(1, 4, 6, 6)]
    expected = evaluate(conv, maps)[0]
    assert list(conv.state_dict()) == ["weight"]
    file = io.BytesIO()
    torch.save(conv, file)
    file.seek(0)
    for baseline in (copy.deepcopy(conv), torch.load(file, weights_only=False)):
        assert torch.equal(evaluate(baseline, maps)[0], expected)


def test_other_networks_use_floats():
    x = torch.randn(1, 4, 6, 6)
    assert make_conv(4, 5, 3)._fits_integers(x)
    assert not make_conv(4, 5, 3, activation="tanh")._fits_integers(x)
    assert not make_conv(4, 5, 3)._fits_integers(x[:0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not make_conv(4, 5, 3)._fits_integers(x)
