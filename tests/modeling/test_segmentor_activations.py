"""Values that the binary layers of a segmentation head see."""

import pytest
import torch

from groupnet_det.layers import QuantizedConv2d

from .segmentors import AUXILIARY, PARTS, make_batch, make_segmentor


@pytest.mark.parametrize("backbone", ["group_net", "float", "dorefa"])
@pytest.mark.parametrize("head", ["fcn8s", "deeplabv3", "deeplabv3plus"])
@pytest.mark.parametrize("method", ["group_net", "bireal_net", "xnor_net"])
def test_binary_layers_see_both_values(backbone, head, method):
    """A float backbone or projection ends in a ReLU, whose sign would be +1 throughout."""
    parts = [PARTS + "BACKBONE", backbone, PARTS + "HEAD", method, PARTS + "DECODER", method]
    model = make_segmentor(head, *parts, *AUXILIARY).train()
    shares = {}
    for name, layer in model.sem_seg_head.named_modules():
        # Group-Net's {0, 1} image pooling of a random network may see no 1.
        if isinstance(layer, QuantizedConv2d) and not ("pooling" in name and method == "group_net"):
            watch_values(layer.activation, name, shares)
    model(make_batch((64, 96), (64, 96), (64, 96)))
    assert shares
    assert all(0.01 < share < 0.99 for share in shares.values()), shares


def watch_values(quantizer, name, shares):
    """Note the share of one of the two values that `quantizer` makes."""
    shifted = quantizer.shifted

    def watched(x):
        y = shifted(x)
        shares[name] = (y == 0).double().mean().item()
        return y

    quantizer.shifted = watched


def aspp_activations(*options):
    head = make_segmentor("deeplabv3plus", *options).sem_seg_head
    units = [*head.aspp.branches, head.aspp.pooling.unit]
    return {type(unit.conv.activation).__name__ for unit in units}, {
        type(unit.conv.activation).__name__ for unit in head.decoder
    }


@pytest.mark.parametrize(
    ("options", "aspp", "decoder"),
    [
        ([], "ZeroOneActivation", "SignActivation"),
        (
            ["MODEL.GROUPNET.ACTIVATION", "tanh", "MODEL.GROUPNET.WEIGHT", "float"],
            "ClipActivation",
            "TanhActivation",
        ),
        (["MODEL.GROUPNET.ACTIVATION", "rsign"], "RSignActivation", "RSignActivation"),
        (
            ["MODEL.GROUPNET.SEGMENTATION.ASPP_ACTIVATION", "method"],
            "SignActivation",
            "SignActivation",
        ),
        (["MODEL.GROUPNET.METHOD", "bireal_net"], "SignActivation", "SignActivation"),
        ([PARTS + "HEAD", "float"], "FloatActivation", "SignActivation"),
    ],
    ids=["group_net", "tanh", "rsign", "method", "rival", "float-head"],
)
def test_activations_of_the_pyramid(options, aspp, decoder):
    assert aspp_activations(*options) == ({aspp}, {decoder})


@pytest.mark.parametrize("gradient", ["clipped", "identity"])
def test_gradient_of_the_pyramids_activations(gradient):
    key = "MODEL.GROUPNET.ZERO_ONE_GRADIENT"
    head = make_segmentor("deeplabv3", key, gradient).sem_seg_head
    units = [*head.aspp.branches, head.aspp.pooling.unit]
    assert {unit.conv.activation.gradient for unit in units} == {gradient}


def test_the_float_pyramid_is_deeplabs():
    """Convolution, BN, ReLU; the binary one has no ReLU."""
    binary, full = (
        make_segmentor("deeplabv3", PARTS + "HEAD", method).sem_seg_head
        for method in ("group_net", "float")
    )
    for unit in full.aspp.branches:
        x = torch.randn(2, 64, 5, 7)
        expected = unit.norm(
            torch.nn.functional.conv2d(
                x, unit.conv.weight, padding=unit.conv.padding, dilation=unit.conv.dilation
            )
        ).clamp(min=0)
        torch.testing.assert_close(unit(x), expected)
    assert binary.aspp.branches[0](torch.randn(2, 64, 5, 7)).min() < 0
    assert [unit.conv.dilation[0] for unit in binary.aspp.branches] == [1, 12, 24, 36]
    assert [unit.conv.padding[0] for unit in binary.aspp.branches] == [0, 12, 24, 36]
