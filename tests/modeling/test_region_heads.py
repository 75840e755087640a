"""Box, mask and semantic heads against references of other layers."""

import pytest
import torch
import torch.nn.functional as F
from detectron2.layers import ShapeSpec
from torch import nn

from groupnet_det.layers import Quantization
from groupnet_det.modeling.heads.box_head import GroupNetBoxHead
from groupnet_det.modeling.heads.mask_head import GroupNetMaskHead, channels_to_pixels
from groupnet_det.modeling.heads.panoptic_head import GroupNetPanopticHead
from groupnet_det.modeling.heads.rpn_head import GroupNetRPNHead
from groupnet_det.modeling.heads.towers import TowerDesign

REGION = ShapeSpec(channels=4, height=7, width=7)
BINARY = TowerDesign(quantization=Quantization(num_bases=2))
FLOAT = TowerDesign(
    quantization=Quantization(num_bases=1, activation="float", weight="float"), full_precision=True
)


def sign(x):
    return torch.where(x >= 0, 1.0, -1.0)


def randomize(module):
    """BN with an effect, in evaluation too."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                nn.init.uniform_(tensor, 0.5, 1.5)
    return module.eval()


def normalize(x, norm, channels):
    """The norm's channels of (N, C)."""
    scale = norm.weight[channels] / (norm.running_var[channels] + norm.eps).sqrt()
    return (x - norm.running_mean[channels]) * scale + norm.bias[channels]


def test_fully_connected_layers_are_matrices_of_signs():
    head = randomize(
        GroupNetBoxHead(input_shape=REGION, design=BINARY, conv_dims=[], fc_dims=[6, 6])
    )
    assert head.output_shape == ShapeSpec(channels=6)
    x = torch.randn(5, 4, 7, 7)
    first, second = head.tower
    hidden = 0.0
    for k in range(2):
        own = slice(6 * k, 6 * k + 6)
        weight = first.conv.weight[own].flatten(1)
        y = sign(x.flatten(1)) @ (sign(weight) * weight.abs().mean()).T
        hidden = hidden + normalize(y, first.norm[0], own) / 2  # no ReLU in front of a sign
    output = hidden  # the shortcut
    for k in range(2):
        own = slice(6 * k, 6 * k + 6)
        weight = second.conv.weight[own].flatten(1)
        y = sign(hidden) @ (sign(weight) * weight.abs().mean()).T
        output = output + normalize(y, second.norm[0], own).relu() / 2
    torch.testing.assert_close(head(x), output, atol=1e-4, rtol=1e-4)


def test_box_head_of_convolutions_keeps_the_map():
    head = GroupNetBoxHead(input_shape=REGION, design=BINARY, conv_dims=[6, 6], fc_dims=[])
    assert head.output_shape == ShapeSpec(channels=6, height=7, width=7)
    assert head(torch.randn(3, 4, 7, 7)).shape == (3, 6, 7, 7)


@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize("group", ["layer", "tower"])
def test_any_number_of_regions_in_training_and_evaluation(number, group):
    design = TowerDesign(quantization=Quantization(num_bases=2), group=group)
    box_head = GroupNetBoxHead(input_shape=REGION, design=design, conv_dims=[4], fc_dims=[6, 6])
    mask_head = GroupNetMaskHead(
        input_shape=REGION, design=design, conv_dims=[4], upsampled_dim=3, num_classes=2
    )
    x = torch.randn(number, 4, 7, 7)
    for mode in (True, False):
        assert box_head.train(mode)(x).shape == (number, 6)
        assert mask_head.train(mode).layers(x).shape == (number, 2, 14, 14)
    for buffer in (*box_head.buffers(), *mask_head.buffers()):
        assert buffer.isfinite().all()


def test_upsampling_is_a_transposed_convolution():
    head = GroupNetMaskHead(
        input_shape=REGION, design=FLOAT, conv_dims=[], upsampled_dim=3, num_classes=2
    ).eval()
    reference = nn.ConvTranspose2d(4, 3, 2, stride=2, bias=False)
    unit = head.tower[0]
    with torch.no_grad():  # (C_out * 4, C_in, 1, 1) -> (C_in, C_out, 2, 2)
        reference.weight.copy_(unit.conv.weight.view(3, 2, 2, 4).permute(3, 0, 1, 2))
        # BN with the statistics of a new network changes the scale alone.
        x = torch.randn(2, 4, 7, 7)
        expected = head.predictor((reference(x) / (1 + unit.norm[0].eps) ** 0.5).relu())
        torch.testing.assert_close(head.layers(x), expected)


def test_float_heads_are_convolutions_with_bn_and_relu():
    head = randomize(GroupNetBoxHead(input_shape=REGION, design=FLOAT, conv_dims=[6], fc_dims=[5]))
    conv, fc = head.tower
    x = torch.randn(3, 4, 7, 7)
    hidden = conv.norm[0](F.conv2d(x, conv.conv.weight, padding=1)).relu()
    expected = hidden.flatten(1) @ fc.conv.weight.flatten(1).T
    torch.testing.assert_close(head(x), fc.norm[0](expected[..., None, None]).relu().flatten(1))


def test_convolutions_of_region_proposals():
    def make(conv_dims):
        return GroupNetRPNHead(
            design=BINARY, channels=4, conv_dims=conv_dims, num_levels=2, num_anchors=3
        )

    maps = [torch.randn(1, 4, 8, 8), torch.randn(1, 4, 4, 4)]
    for conv_dims, hidden in (([-1], 4), ([6, -1], 6)):
        head = make(conv_dims)
        assert {layer.norm[1].num_features for layer in head.tower} == {2 * hidden}
        logits, deltas = head(maps)
        assert [y.shape for y in logits] == [(1, 3, 8, 8), (1, 3, 4, 4)]
        assert [y.shape for y in deltas] == [(1, 12, 8, 8), (1, 12, 4, 4)]


LEVELS = {"p3": ShapeSpec(channels=4, stride=8), "p2": ShapeSpec(channels=4, stride=4)}


def make_panoptic_head(**options):
    return GroupNetPanopticHead(
        input_shape=LEVELS, design=BINARY, num_classes=3, channels=4, common_stride=4, **options
    )


def test_semantic_head_by_hand():
    head = randomize(make_panoptic_head())
    assert head.in_features == ["p2", "p3"]
    assert [len(head.get_submodule(name).tower) for name in ("p2", "p3")] == [1, 1]
    features = {"p2": torch.randn(1, 4, 8, 8), "p3": torch.randn(1, 4, 4, 4)}
    fine, coarse = (head.get_submodule(n).tower[0](features[n]) for n in ("p2", "p3"))
    options = {"mode": "bilinear", "align_corners": False}
    logits = head.predictor(fine + F.interpolate(coarse, scale_factor=2, **options))
    expected = F.interpolate(logits, scale_factor=4, **options)
    found, losses = head(features)
    assert losses == {}
    torch.testing.assert_close(found, expected)

    targets = torch.randint(0, 3, (1, 32, 32))
    targets[0, :5] = 255
    head = make_panoptic_head(loss_weight=0.5)
    _, losses = head.train()(features, targets)
    wanted = F.cross_entropy(make_logits(head, features), targets, ignore_index=255)
    torch.testing.assert_close(losses["loss_sem_seg"], 0.5 * wanted)
    _, losses = head(features, torch.full_like(targets, 255))
    assert losses["loss_sem_seg"] == 0


def make_logits(head, features):
    logits = head.layers(features)
    return F.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)


def test_channels_become_pixels_as_torchs_shuffle_does():
    x = torch.randn(3, 8, 5, 4)
    assert torch.equal(channels_to_pixels(x), F.pixel_shuffle(x, 2))
