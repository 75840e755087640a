"""Operations and bytes against numbers derived by hand."""

import math

import pytest
import torch
from torch import nn

from groupnet_det.analysis.complexity import Complexity, count_complexity
from groupnet_det.layers import BlockDesign, Quantization
from groupnet_det.layers.methods import Method, make_method
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet
from tests.modeling.segmentors import make_segmentor

# ResNet-18 of 8, 16, 32 and 64 channels on 64 x 64 pixels: maps of 16, 8, 4 and 2 pixels a side.
STEM = 32 * 32 * 8 * (3 * 7 * 7)
CONVS_3X3 = (
    16 * 16 * 9 * (4 * 8 * 8)
    + 8 * 8 * 9 * (8 * 16 + 3 * 16 * 16)
    + 4 * 4 * 9 * (16 * 32 + 3 * 32 * 32)
    + 2 * 2 * 9 * (32 * 64 + 3 * 64 * 64)
)
DOWNSAMPLES = 8 * 8 * (8 * 16) + 4 * 4 * (16 * 32) + 2 * 2 * (32 * 64)
WEIGHTS_3X3 = 9 * (
    4 * 8 * 8 + (8 * 16 + 3 * 16 * 16) + (16 * 32 + 3 * 32 * 32) + (32 * 64 + 3 * 64 * 64)
)
WEIGHTS_1X1 = 8 * 16 + 16 * 32 + 32 * 64
# Channels after the convolutions of a branch, and after the downsampling ones.
BN_BRANCH = 4 * (8 + 16 + 32 + 64)
BN_SHARED = 8 + (16 + 32 + 64)


def count(net, side=64):
    net.eval()
    return count_complexity(net, lambda: net(torch.zeros(1, 3, side, side)))


def make_network(name="group_net", *, num_bases=1, **design):
    configured = Method(
        quantization=Quantization(num_bases=num_bases, bits=2), design=BlockDesign(**design)
    )
    return GroupNetResNet(width=1 / 8, method=make_method(name, configured))


def test_float_resnet18_at_224_pixels_has_the_known_figures():
    """1.81 GMACs and 11.69 M parameters, as published for torchvision's."""
    method = make_method("float", Method())
    net = nn.Sequential(GroupNetResNet(method=method, out_features=["res5"]))
    net.fc = nn.Linear(512, 1000)

    def run():
        return net.fc(net[0](torch.zeros(1, 3, 224, 224))["res5"].mean(dim=(2, 3)))

    found = count_complexity(net.eval(), run)
    assert found.float_operations == found.operations == 1_814_073_344
    assert found.binary_operations == 0
    assert sum(p.numel() for p in net.parameters()) == 11_689_512
    assert found.num_bytes == 4 * (11_689_512 + 2 * 4800)  # with the statistics of 4,800 channels


@pytest.mark.parametrize(
    ("group", "gates"), [("block", True), ("layer", False), ("network", False)]
)
@pytest.mark.parametrize("num_bases", [1, 3])
def test_group_net_does_everything_k_times(num_bases, group, gates):
    found = count(make_network(num_bases=num_bases, group=group, gates=gates))
    assert found.binary_operations == num_bases * (CONVS_3X3 + DOWNSAMPLES)
    assert found.float_operations == STEM
    assert found.operations == num_bases * (CONVS_3X3 + DOWNSAMPLES) / 64 + STEM


def test_downsampling_of_a_common_input_is_done_once():
    found = count(make_network(num_bases=3, gates=False))
    assert found.binary_operations == 3 * CONVS_3X3 + DOWNSAMPLES


@pytest.mark.parametrize(("gates", "times"), [(True, 3), (False, 1)], ids=["gates", "no-gates"])
def test_float_downsampling_counts_as_float(gates, times):
    found = count(make_network(num_bases=3, downsample="float", gates=gates))
    assert found.binary_operations == 3 * CONVS_3X3
    assert found.float_operations == STEM + times * DOWNSAMPLES


@pytest.mark.parametrize(
    ("name", "factor"),
    [("bnn", 1), ("xnor_net", 1), ("bireal_net", 1), ("abc_net", 5 * 5), ("dorefa", 2 * 2)],
)
def test_operations_of_other_methods(name, factor):
    found = count(make_network(name))
    assert found.binary_operations == factor * (CONVS_3X3 + DOWNSAMPLES)
    assert found.float_operations == STEM


def test_bytes_of_a_group_net():
    found = count(make_network(num_bases=3, gates=True))
    binary = 3 * WEIGHTS_3X3 + WEIGHTS_1X1  # the downsampling is shared
    full = 8 * 3 * 7 * 7 + 4 * (3 * BN_BRANCH + BN_SHARED) + 7  # stem, BN, gates
    assert found.num_bytes == (binary + 32 * full) / 8


@pytest.mark.parametrize(("name", "bits"), [("abc_net", 5), ("dorefa", 2), ("bnn", 1)])
def test_bits_of_weights(name, bits):
    net = make_network(name)
    found = count(net)
    weights = WEIGHTS_3X3 + WEIGHTS_1X1
    others = [*net.parameters(), *(b for b in net.buffers() if b.is_floating_point())]
    num_others = sum(tensor.numel() for tensor in others) - weights
    assert found.num_bytes == (bits * weights + 32 * num_others) / 8


def test_bytes_are_rounded_up():
    conv = Quantization(num_bases=1).make_conv(2, 3, 3)  # 54 bits
    found = count_complexity(conv, lambda: conv(torch.zeros(1, 2, 5, 5)))
    assert found == Complexity(binary_operations=3 * 3 * 54, float_operations=0, num_bytes=7)


def test_a_segmenter_by_hand():
    """DeepLabV3 with BPAC at output stride 8: dilation costs nothing, float parts count as such."""
    bases, channels, classes = 3, 16, 4
    model = make_segmentor(
        *("deeplabv3", "MODEL.GROUPNET.NUM_BASES", bases, "MODEL.GROUPNET.GATES", False),
        *("MODEL.SEM_SEG_HEAD.CONVS_DIM", channels),
    ).eval()
    found = count_complexity(model, lambda: model([{"image": torch.zeros(3, 64, 64)}]))
    # res3 to res5 are of 8 x 8 pixels.
    backbone = 16 * 16 * 9 * (4 * 8 * 8) + 8 * 8 * 9 * (
        8 * 16 + 3 * 16 * 16 + 16 * 32 + 3 * 32 * 32 + 32 * 64 + 3 * 64 * 64
    )
    downsampling = 8 * 8 * (8 * 16 + 16 * 32 + 32 * 64)  # once, as there are no gates
    pyramid = 8 * 8 * (64 * channels) * (1 + 3 * 9) + 64 * channels  # on one pixel: the pooling
    assert found.binary_operations == bases * (backbone + pyramid) + downsampling
    decoder = 5 * channels * channels + 9 * channels * channels + channels * classes
    assert found.float_operations == STEM + 8 * 8 * decoder

    binary = bases * (WEIGHTS_3X3 + 64 * channels * (1 + 3 * 9 + 1)) + WEIGHTS_1X1
    norms = 5 * channels + channels + channels  # of the pyramid, the projection and after it
    full = 8 * 3 * 7 * 7 + 4 * (bases * BN_BRANCH + BN_SHARED + norms) + decoder + classes
    full += 2 * 3  # mean and deviation of the pixels
    assert found.num_bytes == math.ceil((binary + 32 * full) / 8)


def test_bpac_costs_nothing():
    counts = []
    for enabled in (True, False):
        model = make_segmentor("fcn16s", "MODEL.GROUPNET.BPAC.ENABLED", enabled).eval()
        images = [{"image": torch.zeros(3, 64, 64)}]
        counts.append(count_complexity(model, lambda m=model, x=images: m(x)))
    assert counts[0] == counts[1]


def test_nothing_stays_after_an_error():
    net = make_network(num_bases=2)
    expected = count(net)

    def fail():
        net(torch.zeros(1, 3, 64, 64))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_complexity(net, fail)
    for module in net.modules():
        assert "forward_maps" not in vars(module)
        assert not module._forward_hooks
    assert count(net) == expected
