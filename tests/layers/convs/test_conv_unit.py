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
