"""K units side by side, against explicit loops."""

import pytest
import torch

from groupnet_det.layers import BranchedUnit, ConvUnit, Quantization, join_branches

K = 3


def make_unit(gated=False):
    one_base = Quantization(num_bases=1)
    return BranchedUnit(
        lambda: ConvUnit(4, 4, 3, padding=1, quantization=one_base, shortcut=True, num_levels=2),
        num_branches=K,
        gated=gated,
    ).eval()


def make_branches(number=K):
    return [[torch.randn(2, 4, 6, 6), torch.randn(2, 4, 3, 3)] for _ in range(number)]


def test_a_common_input_goes_to_all_branches():
    layer = make_unit(gated=True)
    (maps,) = make_branches(1)
    outputs = layer.forward_branches([maps])
    for unit, output in zip(layer.branches, outputs, strict=True):
        for ours, expected in zip(output, unit.forward_maps(maps), strict=True):
            assert torch.equal(ours, expected)


def test_without_a_gate_branches_do_not_meet():
    layer = make_unit()
    assert layer.connect is None
    branches = make_branches()
    outputs = layer.forward_branches(branches)
    for unit, maps, output in zip(layer.branches, branches, outputs, strict=True):
        assert torch.equal(output[1], unit.forward_maps(maps)[1])


@pytest.mark.parametrize("gate", [-1.0, 0.0, 2.0])
def test_soft_gates_by_hand(gate):
    layer = make_unit(gated=True)
    torch.nn.init.constant_(layer.connect.gate, gate)
    branches = make_branches()
    outputs = layer.forward_branches(branches)
    share = 1 / (1 + torch.exp(torch.tensor(-gate)))
    for level in range(2):
        mean = sum(maps[level] for maps in branches) / K
        for k in range(K):
            mixed = [share * maps[level] + (1 - share) * mean for maps in branches][k]
            other = branches[k][1 - level]
            maps = [mixed, other] if level == 0 else [other, mixed]
            expected = layer.branches[k].forward_maps(maps)[level]
            torch.testing.assert_close(outputs[k][level], expected, atol=1e-5, rtol=1e-5)


def test_branches_are_joined_by_their_mean():
    branches = make_branches()
    joined = join_branches(branches)
    for level in range(2):
        expected = torch.stack([maps[level] for maps in branches]).mean(dim=0)
        torch.testing.assert_close(joined[level], expected)
    assert join_branches(branches[:1]) is branches[0]
