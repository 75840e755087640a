import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from groupnet_det.layers import BlockDesign, Quantization, SoftGate
from groupnet_det.layers.blocks.group_block import GroupBlock
from groupnet_det.layers.convs.base_merge import AliasedMeanMerge, MeanMerge, ScaledMerge
from groupnet_det.quantizers import binarize_weight, sign_polynomial


def make_block(
    in_channels=4, out_channels=4, *, stride=1, gated=True, merge="mean", num_bases=3, **options
):
    return GroupBlock(
        options.pop("kind", "basic"),
        in_channels,
        out_channels,
        stride=stride,
        connection="gated" if gated else "merged",
        merge=merge,
        design=BlockDesign(**options),
        quantization=Quantization(num_bases=num_bases),
    ).double()


def conv(module, x):
    padded = F.pad(sign_polynomial(x), [module.padding[0]] * 4, value=1.0)
    return F.conv2d(padded, binarize_weight(module.weight), stride=module.stride)


def norm(module, x):
    return F.batch_norm(x, None, None, module.weight, module.bias, training=True)


def unit(module, x):
    return norm(module.norm[0], F.relu(conv(module.conv, x)))


def explicit_branch(branch, x, r):
    if not hasattr(branch, "unit3"):
        o = unit(branch.unit1, x) + r
        return unit(branch.unit2, o) + o
    o = unit(branch.unit1, x)
    keeps_size = branch.unit2.conv.stride == (1, 1)
    o = unit(branch.unit2, o) + o if keeps_size else unit(branch.unit2, o)
    return unit(branch.unit3, o) + r


def explicit(block, merged, branches):
    """The specification's formulas, one branch after the other."""
    outputs = []
    for index, branch in enumerate(block.branches):
        x = merged
        if isinstance(block.connect, SoftGate):
            sigma = torch.sigmoid(block.connect.gate)
            x = sigma * branches[index] + (1 - sigma) * merged
        r = x
        if not isinstance(block.downsample, nn.Identity):
            down = block.downsample.conv
            binary = down.activation.precision == 1
            raw = conv(down, x) if binary else F.conv2d(x, down.weight, stride=down.stride)
            r = norm(block.downsample.norm[0], raw)
        outputs.append(explicit_branch(branch, x, r))
    scales = getattr(block.merge, "scales", [1 / len(outputs)] * len(outputs))
    return sum(s * p for s, p in zip(scales, outputs, strict=True)), outputs


@pytest.mark.parametrize("gated", [False, True], ids=["ungated", "gated"])
@pytest.mark.parametrize("merge", ["mean", "learned_scales"])
@pytest.mark.parametrize("downsample", ["binary", "float"])
@pytest.mark.parametrize(
    ("kind", "out_channels", "stride"),
    [("basic", 4, 1), ("basic", 6, 2), ("bottleneck", 4, 1), ("bottleneck", 8, 2)],
)
@pytest.mark.parametrize("num_bases", [1, 3])
def test_block_follows_the_formulas(
    gated, merge, downsample, kind, out_channels, stride, num_bases
):
    block = make_block(
        *(4, out_channels),
        kind=kind,
        stride=stride,
        gated=gated,
        merge=merge,
        downsample=downsample,
        num_bases=num_bases,
    )
    for parameter in block.parameters():
        if parameter.ndim == 1:  # gates, scales, affine: away from their special first values
            nn.init.normal_(parameter, mean=0.5)
    merged = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    branches = [torch.randn_like(merged) for _ in range(num_bases)]
    ours, our_branches = block(merged, branches)
    theirs, their_branches = explicit(block, merged, branches)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(our_branches, their_branches, rtol=1e-9, atol=1e-9)


def test_shared_downsample_sees_each_branch_by_itself():
    block = make_block(4, 8, stride=2, num_bases=3).train()
    merged = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    block(merged, [merged] * 3)
    assert block.downsample.norm[0].num_batches_tracked.item() == 3


def test_a_block_that_keeps_its_shape_has_no_downsampling():
    assert isinstance(make_block(4, 4).downsample, nn.Identity)


def layerwise(unit_module, x):
    """Decomposed by layers: the K bases of a convolution meet right after it."""
    conv_module, norm_module = unit_module.conv, unit_module.norm[0]
    bases = zip(
        conv_module.weight.chunk(3),
        norm_module.weight.chunk(3),
        norm_module.bias.chunk(3),
        strict=True,
    )
    padded = F.pad(sign_polynomial(x), [conv_module.padding[0]] * 4, value=1.0)
    outputs = [
        F.batch_norm(
            F.relu(F.conv2d(padded, binarize_weight(w), stride=conv_module.stride)),
            *(None, None, gamma, beta),
            training=True,
        )
        for w, gamma, beta in bases
    ]
    scales = getattr(unit_module.merge, "scales", [1 / 3] * 3)
    return sum(s * y for s, y in zip(scales, outputs, strict=True))


@pytest.mark.parametrize("merge", ["mean", "learned_scales"])
def test_block_decomposed_by_layers_follows_the_formulas(merge):
    block = make_block(4, 4, group="layer", merge=merge, gated=False)
    block.merge = MeanMerge(1)
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    ours, _ = block(x, [])
    (branch,) = block.branches
    o = layerwise(branch.unit1, x) + x
    torch.testing.assert_close(ours, layerwise(branch.unit2, o) + o, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("gate", "share"), [(0.0, 0.5), (100.0, 1.0), (-100.0, 0.0)])
def test_gate_shares_branch_and_merged(gate, share):
    soft_gate = SoftGate().double()
    nn.init.constant_(soft_gate.gate, gate)
    branch, merged = torch.randn(2, 1, 2, 3, 3, dtype=torch.float64)
    (mixed,) = soft_gate(merged, [branch], 1)
    torch.testing.assert_close(mixed, share * branch + (1 - share) * merged)


def test_merges_start_as_the_average():
    outputs = [torch.randn(1, 2, 3, 3) for _ in range(4)]
    average = sum(outputs) / 4
    for merge in (MeanMerge(4), ScaledMerge(4)):
        merged, branches = merge(outputs)
        torch.testing.assert_close(merged, average)
        assert branches is outputs


def test_aliased_merge_hands_the_sum_on_as_branch_0():
    """K * mean for branch 0, as in the authors' networks with gates and without scales."""
    outputs = [torch.randn(1, 2, 3, 3) for _ in range(4)]
    merged, branches = AliasedMeanMerge(4)(outputs)
    torch.testing.assert_close(merged, sum(outputs) / 4)
    torch.testing.assert_close(branches[0], sum(outputs))
    assert all(ours is theirs for ours, theirs in zip(branches[1:], outputs[1:], strict=True))


def of_each_branch(block, merged):
    """The block without gates, with the shared downsampling applied K times."""
    outputs = [branch(merged, block.downsample(merged)) for branch in block.branches]
    return block.merge(outputs)[0]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("downsample", ["binary", "float"])
@pytest.mark.parametrize(
    ("kind", "stride"), [("basic", 2), ("bottleneck", 1)], ids=["basic", "first-of-resnet-50"]
)
def test_downsampling_of_a_common_input_gives_what_that_of_each_branch_gives(
    training, downsample, kind, stride
):
    torch.manual_seed(0)
    ours = make_block(4, 8, kind=kind, stride=stride, gated=False, downsample=downsample)
    theirs = copy.deepcopy(ours)
    image = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    ours.train(training), theirs.train(training)
    our_input, their_input = image.clone().requires_grad_(), image.clone().requires_grad_()
    our_output, their_output = ours(our_input, [])[0], of_each_branch(theirs, their_input)
    assert torch.equal(our_output, their_output)
    our_output.square().sum().backward()
    their_output.square().sum().backward()
    torch.testing.assert_close(our_input.grad, their_input.grad, rtol=1e-12, atol=1e-12)
    for our, their in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(our.grad, their.grad, rtol=1e-12, atol=1e-12)


def test_downsampling_of_a_common_input_updates_its_statistics_once():
    torch.manual_seed(0)
    block = make_block(4, 8, stride=2, num_bases=4, gated=False).train()
    norm_module = block.downsample.norm[0]
    given = []
    norm_module.register_forward_hook(lambda module, inputs, output: given.append(inputs[0]))
    block(torch.randn(2, 4, 8, 8, dtype=torch.float64), [])
    (x,) = given
    assert norm_module.num_batches_tracked.item() == 1
    torch.testing.assert_close(norm_module.running_mean, 0.1 * x.mean(dim=(0, 2, 3)))
