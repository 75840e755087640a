"""Binary parallel atrous convolution: every base with its own dilation."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from detectron2.layers import ShapeSpec
from detectron2.modeling import build_backbone

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.config import load_config
from groupnet_det.errors import ConfigError
from groupnet_det.layers import BlockDesign, Quantization
from groupnet_det.layers.methods import Method
from groupnet_det.modeling.backbones.bpac import bpac_dilations
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet
from tests.checkpoint.authors_network import STRIDES_8, make_state, run

from .authors_names import under_our_names

SMALL = ["MODEL.DEVICE", "cpu", "MODEL.GROUPNET.WIDTH", "0.0625", "MODEL.BACKBONE.FREEZE_AT", "0"]
BPAC = ["MODEL.GROUPNET.BPAC.ENABLED", "True", "MODEL.GROUPNET.OUTPUT_STRIDE", "8"]
CONVS_3X3 = {18: ("unit1", "unit2"), 34: ("unit1", "unit2"), 50: ("unit2",)}


def make_net(depth=18, num_bases=3, output_stride=8, *, rates=(), **design):
    method = Method(quantization=Quantization(num_bases=num_bases), design=BlockDesign(**design))
    dilations = bpac_dilations(num_bases, output_stride=output_stride, first_rates=rates)
    return GroupNetResNet(
        depth=depth, width=0.0625, method=method, output_stride=output_stride, dilations=dilations
    )


def from_config(*options):
    cfg = load_config("", [*SMALL, "MODEL.BACKBONE.NAME", "build_groupnet_resnet_backbone", *BPAC])
    cfg.merge_from_list(list(options))
    return build_backbone(cfg, ShapeSpec(channels=3))


def branch_dilations(net, name, units):
    """For each branch, the dilations that its 3x3 convolutions in a stage have."""
    blocks = list(net.get_submodule(name))
    return [
        {
            pair
            for block in blocks
            for unit in units
            for conv in [block.branches[k].get_submodule(unit).conv]
            for pair in (conv.dilation, conv.padding)
        }
        for k in range(len(blocks[0].branches))
    ]


@pytest.mark.parametrize("num_bases", range(1, 9))
@pytest.mark.parametrize("depth", [18, 34, 50])
@pytest.mark.parametrize(("output_stride", "first"), [(8, (2, 6)), (16, (0, 2))])
def test_each_branch_has_its_own_dilation(depth, num_bases, output_stride, first):
    with torch.device("meta"):
        net = make_net(depth, num_bases, output_stride)
    for name, rate in zip(("res4", "res5"), first, strict=True):
        found = branch_dilations(net, name, CONVS_3X3[depth])
        wanted = [{(rate + k,) * 2} if rate else {(1, 1)} for k in range(num_bases)]
        assert found == wanted  # dilation and padding are one number
    for name in ("res2", "res3"):
        assert branch_dilations(net, name, CONVS_3X3[depth]) == [{(1, 1)}] * num_bases
    assert net.feature_strides["res5"] == output_stride


def test_the_papers_five_bases():
    assert bpac_dilations(5, output_stride=8) == (1, 1, (2, 3, 4, 5, 6), (6, 7, 8, 9, 10))


@pytest.mark.parametrize(
    ("options", "res4", "res5"),
    [
        ([], [2, 3, 4], [6, 7, 8]),
        (["MODEL.GROUPNET.BPAC.FIRST_RATES", [1, 4]], [1, 2, 3], [4, 5, 6]),
        (["MODEL.GROUPNET.BPAC.FIRST_RATES", [0, 2]], [1, 1, 1], [2, 3, 4]),
        (["MODEL.GROUPNET.OUTPUT_STRIDE", 16], [1, 1, 1], [2, 3, 4]),
        (["MODEL.GROUPNET.BPAC.LAST_RATE_ONLY", True], [4, 4, 4], [8, 8, 8]),
        (
            [
                *("MODEL.GROUPNET.BPAC.ENABLED", False),
                *("MODEL.GROUPNET.DILATIONS", [1, 1, [1, 5, 3], [2, 2, 9]]),
            ],
            [1, 5, 3],
            [2, 2, 9],
        ),
    ],
    ids=["default", "rates", "res5-alone", "stride16", "last-rate", "any"],
)
def test_rates_are_configurable(options, res4, res5):
    net = from_config("MODEL.GROUPNET.NUM_BASES", 3, *options)
    for name, rates in (("res4", res4), ("res5", res5)):
        found = branch_dilations(net, name, ("unit1", "unit2"))
        assert found == [{(rate, rate)} for rate in rates]


def dilated(unit, x, rate, stride=1):
    """``BN(ReLU(conv(sign x)))`` by torch's convolution, padded with +1 by hand."""
    weight = unit.conv.weight
    signs = torch.where(x >= 0, 1.0, -1.0).to(x)
    if weight.shape[-1] == 1:
        rate = 1
    padding = rate * (weight.shape[-1] // 2)
    padded = F.pad(signs, [padding] * 4, value=1.0)
    binary = torch.where(weight >= 0, 1.0, -1.0).to(x) * weight.abs().mean()
    return unit.norm[0](F.relu(F.conv2d(padded, binary, stride=stride, dilation=rate)))


def explicit_block(block, merged, rates, depth):
    """K branches one after the other, each with its dilation."""
    outputs = []
    for branch, rate in zip(block.branches, rates, strict=True):
        x = merged
        residual = block.downsample(x)
        if depth == 50:
            narrow = dilated(branch.unit1, x, rate)
            middle = dilated(branch.unit2, narrow, rate) + narrow
            outputs.append(dilated(branch.unit3, middle, rate) + residual)
        else:
            hidden = dilated(branch.unit1, x, rate) + residual
            outputs.append(dilated(branch.unit2, hidden, rate) + hidden)
    return sum(outputs) / len(outputs)


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("num_bases", [1, 2, 5])
@pytest.mark.parametrize(("stage", "first"), [("res4", 2), ("res5", 6)])
def test_equals_k_explicit_dilated_convolutions(depth, num_bases, stage, first):
    net = make_net(depth, num_bases, gates=False).double().eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.weight.data.normal_()
    rates = range(first, first + num_bases)
    before = {"res4": "res3", "res5": "res4"}[stage]
    x = torch.randn(2, net.feature_channels[before], 11, 14, dtype=torch.float64)
    with torch.no_grad():
        for block in net.get_submodule(stage):
            expected = explicit_block(block, x, rates, depth)
            x, _ = block(x, [])
            assert x.shape[-2:] == (11, 14)
            assert (x - expected).abs().max() <= 1e-12 * expected.abs().max()


@pytest.mark.parametrize("num_bases", [1, 3])
@pytest.mark.parametrize("last_rate_only", [False, True], ids=["own-rates", "last-rate"])
def test_whole_network_against_plain_loops(num_bases, last_rate_only):
    """Gates and learned scales too; in the release all bases have the last rate."""
    state = make_state(num_bases=num_bases)
    options = {"output_stride": 8, "last_rate_only": last_rate_only}
    method = Method(
        quantization=Quantization(num_bases=num_bases), design=BlockDesign(merge="learned_scales")
    )
    dilations = bpac_dilations(num_bases, **options)
    net = GroupNetResNet(width=1 / 16, method=method, output_stride=8, dilations=dilations)
    net.load_state_dict(under_our_names(without_classifier(state)))
    images = torch.randn(1, 3, 65, 97, dtype=torch.float64)
    rates = [range(first, first + num_bases) for first in (2, 6)]
    wanted = [own[-1] if last_rate_only else own for own in rates]
    expected = run(state, images, strides=STRIDES_8, dilations=(1, 1, *wanted))
    with torch.no_grad():
        features = net.double().eval()(images)
    for ours, theirs in zip(features.values(), expected, strict=True):
        assert (ours - theirs).abs().max() <= 1e-9 * theirs.abs().max()


def without_classifier(state):
    return {key: value for key, value in state.items() if not key.startswith("fc.")}


@pytest.mark.parametrize(
    ("group", "output_stride"), itertools.product(["block", "stage", "network"], [8, 16])
)
def test_every_group_learns_with_bpac(group, output_stride):
    net = make_net(num_bases=2, output_stride=output_stride, group=group)
    features = net(torch.randn(2, 3, 64, 64))
    assert features["res5"].shape[-2:] == (64 // output_stride,) * 2
    sum(f.square().sum() for f in features.values()).backward()
    weights = [p.grad for p in net.parameters() if p.ndim == 4]
    assert all(grad is not None and grad.abs().sum() > 0 for grad in weights)


@pytest.mark.parametrize("method", ["float", "bireal_net", "dorefa"])
def test_rivals_have_one_base_at_the_first_rates(method):
    net = from_config("MODEL.GROUPNET.METHOD", method)
    assert branch_dilations(net, "res4", ("unit1", "unit2")) == [{(2, 2)}]
    assert branch_dilations(net, "res5", ("unit1", "unit2")) == [{(6, 6)}]


def test_keys_are_those_without_bpac():
    plain = from_config("MODEL.GROUPNET.BPAC.ENABLED", False)
    assert list(from_config().state_dict()) == list(plain.state_dict())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["MODEL.GROUPNET.OUTPUT_STRIDE", 32], "BPAC.ENABLED .*OUTPUT_STRIDE is '32'.*'8', '16'"),
        (["MODEL.GROUPNET.BPAC.FIRST_RATES", [2]], r"BPAC.FIRST_RATES is \[2\].*two numbers"),
        (["MODEL.GROUPNET.BPAC.FIRST_RATES", [2, -1]], r"FIRST_RATES is \[2, -1\]"),
        (["MODEL.GROUPNET.DILATIONS", [1, 1, 2, 4]], "DILATIONS and BPAC.ENABLED both"),
        (["MODEL.GROUPNET.GROUP", "layer"], "4 dilations.*1 branches.*GROUP must be 'block'"),
        (
            [
                *("MODEL.GROUPNET.BPAC.ENABLED", False),
                *("MODEL.GROUPNET.DILATIONS", [1, 1, [1, 2], 1]),
            ],
            "2 dilations, one for each base, for a block of 4 branches",
        ),
        (
            [
                *("MODEL.GROUPNET.BPAC.ENABLED", False),
                *("MODEL.GROUPNET.DILATIONS", [1, 1, [1, 2, 0, 3], 1]),
            ],
            "four numbers above 0",
        ),
    ],
    ids=["stride32", "one-rate", "negative", "both", "layer", "too-few", "zero"],
)
def test_what_cannot_work_is_named(options, message):
    with pytest.raises(ConfigError, match=message):
        from_config(*options)
