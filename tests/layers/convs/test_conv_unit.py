import pytest
import torch
import torch.nn.functional as F

from groupnet_det.layers import ConvUnit, Quantization
from groupnet_det.quantizers import binarize_weight, sign_polynomial


def explicit(layer, x, level, relu):
    """K separate convolutions and BatchNorms in a loop."""
    num_bases, norm = layer.num_bases, layer.norm[level]
    merged = 0
    for base, (weight, gamma, beta) in enumerate(
        zip(
            layer.conv.weight.chunk(num_bases),
            norm.weight.chunk(num_bases),
            norm.bias.chunk(num_bases),
            strict=True,
        )
    ):
        padded = F.pad(sign_polynomial(x), [layer.conv.padding[0]] * 4, value=1.0)
        y = F.conv2d(padded, binarize_weight(weight), stride=layer.conv.stride)
        y = F.batch_norm(y, None, None, gamma, beta, training=True)
        merged = merged + (F.relu(y) if relu else y) / num_bases
        assert base < num_bases
    return merged + x if layer.shortcut else merged


@pytest.mark.parametrize("num_bases", [1, 2, 5])
@pytest.mark.parametrize("relu", [False, True], ids=["linear", "relu"])
@pytest.mark.parametrize("shortcut", [False, True], ids=["plain", "shortcut"])
def test_equals_separate_bases(num_bases, relu, shortcut):
    layer = ConvUnit(
        *(4, 4, 3),
        padding=1,
        nonlinearity="relu" if relu else "none",
        shortcut=shortcut,
        num_levels=2,
        quantization=Quantization(num_bases=num_bases),
    ).double()
    for norm in layer.norm:
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    maps = [torch.randn(2, 4, size, size, dtype=torch.float64) for size in (8, 4)]
    for level, y in enumerate(layer.forward_maps(maps)):
        torch.testing.assert_close(
            y, explicit(layer, maps[level], level, relu), rtol=1e-9, atol=1e-9
        )


def test_levels_have_their_own_statistics_and_affine():
    layer = ConvUnit(2, 2, 1, num_levels=3, quantization=Quantization(num_bases=2))
    assert len({id(norm.weight) for norm in layer.norm}) == 3
    assert len({id(norm.running_mean) for norm in layer.norm}) == 3


def test_wrong_number_of_levels_raises():
    layer = ConvUnit(2, 2, 1, num_levels=3, quantization=Quantization())
    with pytest.raises(ValueError, match=r"zip\(\)|shorter|longer"):
        layer.forward_maps([torch.zeros(1, 2, 4, 4)] * 2)


def test_group_nets_order_with_a_bn_before_the_sign_too():
    unit = ConvUnit(
        *(3, 5, 1),
        order="norm_conv_act_norm",
        nonlinearity="relu",
        quantization=Quantization(num_bases=1),
    ).double()
    for norm in (*unit.input_norm, *unit.norm):
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    (before,), (after,) = unit.input_norm, unit.norm
    y = F.batch_norm(x, None, None, before.weight, before.bias, training=True)
    y = F.conv2d(sign_polynomial(y), binarize_weight(unit.conv.weight))
    y = F.batch_norm(F.relu(y), None, None, after.weight, after.bias, training=True)
    torch.testing.assert_close(unit(x), y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("order", "name"),
    [("conv_act_norm", None), ("norm_conv_act", "norm.0"), ("norm_conv_act_norm", "input_norm.0")],
)
def test_which_bn_stands_before_the_sign(order, name):
    unit = ConvUnit(2, 2, 1, order=order, quantization=Quantization())
    assert unit.norm_before_sign(0) is (name and unit.get_submodule(name))
