import itertools

import pytest
import torch
from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.layers import BlockDesign, ConvUnit, Quantization, SoftGate
from groupnet_det.layers.methods import METHODS, Method, make_method
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet


def make_net(*, num_bases=2, method="group_net", depth=18, width=0.125, **options):
    design = {
        key: options.pop(key)
        for key in ("group", "gates", "merge", "downsample", "nonlinearity", "stage_bases")
        if key in options
    }
    configured = Method(
        quantization=Quantization(num_bases=num_bases), design=BlockDesign(**design)
    )
    return GroupNetResNet(
        depth=depth, width=width, method=make_method(method, configured), **options
    )


@pytest.mark.parametrize("depth", [18, 34, 50])
@pytest.mark.parametrize("width", [1.0, 0.25])
def test_features_have_the_announced_shapes(depth, width):
    net = make_net(depth=depth, width=width, num_bases=1)
    with torch.no_grad():
        features = net(torch.randn(1, 3, 64, 96))
    for name, stride in zip(("res2", "res3", "res4", "res5"), (4, 8, 16, 32), strict=True):
        assert features[name].shape == (1, net.feature_channels[name], 64 // stride, 96 // stride)
        assert net.feature_strides[name] == stride
    assert net.feature_channels["res5"] == {18: 512, 34: 512, 50: 2048}[depth] * width


@pytest.mark.parametrize(("output_stride", "strides"), [(16, (4, 8, 16, 16)), (8, (4, 8, 8, 8))])
@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("method", ["group_net", "float"])
def test_output_stride_is_kept_by_dilation(output_stride, strides, depth, method):
    net = make_net(depth=depth, output_stride=output_stride, method=method)
    with torch.no_grad():
        features = net(torch.randn(1, 3, 64, 96))
    for (name, feature), stride in zip(features.items(), strides, strict=True):
        assert feature.shape[2:] == (64 // stride, 96 // stride)
        assert net.feature_strides[name] == stride


def test_first_dilated_convolution_keeps_the_grid_before():
    net = make_net(output_stride=8, num_bases=1)
    dilations = {
        name: [
            unit.conv.dilation[0]
            for block in net.get_submodule(name)
            for unit in (block.branches[0].unit1, block.branches[0].unit2)
        ]
        for name in net.stages
    }
    assert dilations["res3"] == [1, 1, 1, 1]
    assert dilations["res4"] == [1, 2, 2, 2]
    assert dilations["res5"] == [2, 4, 4, 4]


# The authors' networks of five bases: (depth, gates, learned scales) -> parameters, with a
# classifier of 1000 classes. Their files with scales count a stem bias of 64, which ours lack.
PARAMETER_COUNTS = {
    (18, True, False): 55_662_127,
    (18, True, True): 55_662_231 - 64,
    (18, False, True): 55_662_224 - 64,
    (34, True, False): 106_202_935,
    (34, True, True): 106_203_079 - 64,
    (34, False, True): 106_203_064 - 64,
}


@pytest.mark.parametrize(("depth", "gates", "scales"), PARAMETER_COUNTS)
def test_parameter_counts_of_the_published_networks(depth, gates, scales):
    merge = "learned_scales" if scales else "mean"
    with torch.device("meta"):
        net = make_net(depth=depth, width=1.0, num_bases=5, gates=gates, merge=merge)
    classifier = 512 * 1000 + 1000
    ours = sum(parameter.numel() for parameter in net.parameters()) + classifier
    assert ours == PARAMETER_COUNTS[depth, gates, scales]


VARIANTS = [
    *((num_bases, "block", True, "mean") for num_bases in range(1, 9)),
    *itertools.product(
        [2], ["layer", "block", "stage", "network"], [True, False], ["mean", "learned_scales"]
    ),
]


@pytest.mark.parametrize(("num_bases", "group", "gates", "merge"), VARIANTS)
def test_every_parameter_of_every_variant_learns(num_bases, group, gates, merge):
    net = make_net(width=0.0625, num_bases=num_bases, group=group, gates=gates, merge=merge)
    sum(f.square().sum() for f in net(torch.randn(2, 3, 64, 64)).values()).backward()
    idle = [
        name
        for name, parameter in net.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    # A single branch equals the merged output (at first, with scales): nothing to mix.
    if num_bases == 1:
        idle = [name for name in idle if not name.endswith("connect.gate")]
    assert not idle


@pytest.mark.parametrize("depth", [18, 34, 50])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("downsample", ["binary", "float"])
def test_every_method_learns(depth, method, downsample):
    net = make_net(depth=depth, method=method, downsample=downsample)
    loss = sum(f.square().mean() for f in net(torch.randn(2, 3, 64, 64)).values())
    loss.backward()
    assert torch.isfinite(loss)
    weights = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert all(w.grad is not None and torch.isfinite(w.grad).all() for w in weights)
    assert sum(bool(w.grad.abs().sum() > 0) for w in weights) == len(weights)


@pytest.mark.parametrize("nonlinearity", ["relu", "rprelu", "none"])
def test_reactnet_parts_work_inside_group_net(nonlinearity):
    method = Method(
        quantization=Quantization(num_bases=2, activation="rsign"),
        design=BlockDesign(nonlinearity=nonlinearity),
    )
    net = GroupNetResNet(width=0.125, method=method)
    net(torch.randn(2, 3, 64, 64))["res5"].square().mean().backward()
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.parametrize(
    ("group", "gated_blocks"),
    [
        ("block", "res2.1 res3.0 res3.1 res4.0 res4.1 res5.0 res5.1"),
        ("stage", "res3.0 res4.0 res5.0"),
        ("network", ""),
        ("layer", ""),
    ],
)
def test_gates_stand_before_groups_but_the_first(group, gated_blocks):
    net = make_net(group=group)
    names = [name for name, _ in net.named_parameters() if name.endswith("connect.gate")]
    assert names == [f"{block}.connect.gate" for block in gated_blocks.split()]


@pytest.mark.parametrize("group", ["stage", "network"])
def test_branches_stay_apart_inside_a_group(group):
    """A network of one group is the average of K networks; a stage of one group likewise."""
    net = make_net(group=group, num_bases=3, gates=False).double().eval()
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        expected, merged = {}, net.stem(images)
        branches = [merged] * 3
        for name in net.stages:
            if group == "stage":
                branches = [merged] * 3
            for block in net.get_submodule(name):
                branches = [
                    branch(x, block.downsample(x))
                    for branch, x in zip(block.branches, branches, strict=True)
                ]
            merged = expected[name] = sum(branches) / 3
        for name, feature in net(images).items():
            torch.testing.assert_close(feature, expected[name])


def test_stages_not_asked_for_are_not_built():
    net = make_net(out_features=["res3"])
    assert not hasattr(net, "res4")
    assert list(net(torch.randn(1, 3, 64, 64))) == ["res3"]


def test_tanh_stage_has_the_same_keys():
    stages = [
        GroupNetResNet(width=0.125, method=Method(quantization=quantization))
        for quantization in (Quantization(), Quantization(activation="tanh", weight="float"))
    ]
    assert list(stages[0].state_dict()) == list(stages[1].state_dict())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 51}, r"DEPTH.*'51'.*'18', '34', '50'"),
        ({"width": 0}, "WIDTH is 0"),
        ({"output_stride": 4}, "OUTPUT_STRIDE.*'4'.*'32', '16', '8'"),
        ({"out_features": ["res6"]}, "OUT_FEATURES.*'res6'.*'res2'"),
        ({"out_features": []}, "OUT_FEATURES is empty"),
        ({"group": "pair"}, "GROUP.*'pair'.*'layer', 'block', 'stage', 'network'"),
        ({"merge": "max"}, "MERGE.*'max'.*'mean', 'learned_scales'"),
        ({"downsample": "none"}, "DOWNSAMPLE.*'none'.*'binary', 'float'"),
        ({"nonlinearity": "gelu"}, "NONLINEARITY.*'gelu'.*'relu', 'rprelu', 'none'"),
        ({"method": "bitnet"}, "METHOD.*'bitnet'.*'group_net', 'float', 'bnn'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        make_net(**options)


@pytest.mark.parametrize("group", ["block", "stage", "layer"])
def test_stages_may_have_bases_of_their_own(group):
    net, by_layer = make_net(stage_bases=(1, 2, 2, 3), group=group), group == "layer"
    for name, bases in zip(net.stages, (1, 2, 2, 3), strict=True):
        for block in net.get_submodule(name).children():
            units = [unit for unit in block.branches.modules() if isinstance(unit, ConvUnit)]
            assert len(block.branches) == (1 if by_layer else bases)
            assert {unit.num_bases for unit in units} == {bases if by_layer else 1}
    features = net(torch.randn(2, 3, 64, 64))
    sum(feature.square().mean() for feature in features.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_gates_stand_where_the_stage_before_has_as_many_bases():
    net = make_net(stage_bases=(1, 2, 2, 3))
    gated = [name for name, module in net.named_modules() if isinstance(module, SoftGate)]
    blocks = ["res2.1", "res3.1", "res4.0", "res4.1", "res5.1"]
    assert gated == [f"{block}.connect" for block in blocks]


@pytest.mark.parametrize(
    ("bases", "group", "message"),
    [
        ((1, 2), "block", r"STAGE_BASES is \[1, 2\]; valid: four numbers above 0"),
        ((1, 2, 0, 1), "block", r"STAGE_BASES is \[1, 2, 0, 1\]; valid"),
        ((1, 2, 2, 2), "network", "choose another GROUP"),
        ((1, 2, 2, 9), "block", "is 9; valid: 1 to 8"),
    ],
    ids=["two", "zero", "network", "nine"],
)
def test_bad_bases_of_stages(bases, group, message):
    with pytest.raises(ConfigError, match=message):
        make_net(stage_bases=bases, group=group)
