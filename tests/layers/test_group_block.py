import pytest
import torch
import torch.nn.functional as F
from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.layers import Binarization, SoftGate
from groupnet_det.layers.group_block import GroupBlock, MeanMerge, ScaledMerge
from groupnet_det.quantizers import binarize_weight, sign_polynomial


def make_block(
    in_channels=4, out_channels=4, *, stride=1, gated=True, merge="mean", num_bases=3, **options
):
    return GroupBlock(
        in_channels,
        out_channels,
        stride=stride,
        gated=gated,
        merge=merge,
        downsample=options.pop("downsample", "binary"),
        binarization=Binarization(num_bases=num_bases, **options),
    ).double()


def conv(module, x):
    padded = F.pad(sign_polynomial(x), [module.padding[0]] * 4, value=1.0)
    return F.conv2d(padded, binarize_weight(module.weight), stride=module.stride)


def norm(module, x):
    return F.batch_norm(x, None, None, module.weight, module.bias, training=True)


def explicit(block, merged, branches):
    """The specification's formulas, one branch after the other."""
    outputs = []
    for index, branch in enumerate(block.branches):
        x = merged
        if block.gate is not None:
            sigma = torch.sigmoid(block.gate.gate)
            x = sigma * branches[index] + (1 - sigma) * merged
        r = x
        if isinstance(block.downsample, nn.Sequential):
            down, down_norm = block.downsample
            binary = hasattr(down, "activation")
            raw = conv(down, x) if binary else F.conv2d(x, down.weight, stride=down.stride)
            r = norm(down_norm, raw)
        o = norm(branch.bn1, F.relu(conv(branch.conv1, x))) + r
        outputs.append(norm(branch.bn2, F.relu(conv(branch.conv2, o))) + o)
    scales = getattr(block.merge, "scales", [1 / len(outputs)] * len(outputs))
    return sum(s * p for s, p in zip(scales, outputs, strict=True)), outputs


@pytest.mark.parametrize("gated", [False, True], ids=["ungated", "gated"])
@pytest.mark.parametrize("merge", ["mean", "learned_scales"])
@pytest.mark.parametrize("downsample", ["binary", "float"])
@pytest.mark.parametrize(("out_channels", "stride"), [(4, 1), (6, 2)])
@pytest.mark.parametrize("num_bases", [1, 3])
def test_block_follows_the_formulas(gated, merge, downsample, out_channels, stride, num_bases):
    block = make_block(
        *(4, out_channels),
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
    assert block.downsample[1].num_batches_tracked.item() == 3


def test_a_block_that_keeps_its_shape_has_no_downsampling():
    assert isinstance(make_block(4, 4).downsample, nn.Identity)


def test_unknown_merge_and_downsample_list_the_valid_ones():
    with pytest.raises(ConfigError, match=r"MERGE.*'max'.*'mean', 'learned_scales'"):
        make_block(merge="max")
    with pytest.raises(ConfigError, match=r"DOWNSAMPLE.*'none'.*'binary', 'float'"):
        make_block(downsample="none")


@pytest.mark.parametrize(("gate", "share"), [(0.0, 0.5), (100.0, 1.0), (-100.0, 0.0)])
def test_gate_shares_branch_and_merged(gate, share):
    soft_gate = SoftGate().double()
    nn.init.constant_(soft_gate.gate, gate)
    branch, merged = torch.randn(2, 1, 2, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(soft_gate(branch, merged), share * branch + (1 - share) * merged)


def test_merges_start_as_the_average():
    outputs = [torch.randn(1, 2, 3, 3) for _ in range(4)]
    average = sum(outputs) / 4
    torch.testing.assert_close(MeanMerge(4)(outputs), average)
    torch.testing.assert_close(ScaledMerge(4)(outputs), average)
