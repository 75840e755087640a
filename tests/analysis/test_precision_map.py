import pytest
from torch import nn

from groupnet_det.analysis.precision_map import format_precision_map, layer_precisions
from groupnet_det.layers import Quantization
from groupnet_det.layers.methods import Method
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet


@pytest.fixture
def net():
    return nn.Sequential(
        GroupNetResNet(width=1.0, method=Method(quantization=Quantization(num_bases=2)))
    )


def test_bits_and_counts_by_hand(net):
    layers = {layer.name: layer for layer in layer_precisions(net)}
    stem = layers["0.stem.conv1"]
    assert (stem.weight_bits, stem.activation_bits, stem.num_weights) == (32, 32, 64 * 3 * 49)
    conv = layers["0.res3.0.branches.1.unit1.conv"]
    assert (conv.weight_bits, conv.activation_bits, conv.num_weights) == (1, 1, 128 * 64 * 9)
    assert conv.kind == "conv 3x3"
    assert len(layers) == 1 + 2 * 16 + 3  # stem, K times 8 blocks of 2, three downsamplings


def test_tanh_stage_shows_as_float():
    net = GroupNetResNet(
        width=0.125, method=Method(quantization=Quantization(activation="tanh", weight="float"))
    )
    assert {layer.weight_bits for layer in layer_precisions(net)} == {32}
    assert "binary weights: 0 of" in format_precision_map(net)


def test_table_puts_like_layers_of_a_part_together():
    net = GroupNetResNet(method=Method(quantization=Quantization(num_bases=2)))
    lines = format_precision_map(net).splitlines()
    (res2,) = [line.split() for line in lines if line.startswith("res2")]
    assert res2 == ["res2", "conv", "3x3", "1", "1", "8", str(8 * 64 * 64 * 9)]
    assert lines[-1].startswith("binary weights: ")


def test_a_model_without_layers():
    assert "binary weights: 0 of 0 (none)" in format_precision_map(nn.ReLU())
