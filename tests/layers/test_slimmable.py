"""Networks that run with the first of their bases, against networks that have no others."""

import pytest
import torch
from torch import nn

from groupnet_det.layers import BlockDesign, BranchedUnit, ConvUnit, PerLevelBatchNorm, Quantization
from groupnet_det.layers.convs.averaged_conv import AveragedConv
from groupnet_det.layers.methods import Method
from groupnet_det.layers.slimmable import (
    SwitchableBatchNorm2d,
    make_slimmable,
    num_bases,
    run_bases,
    slimmable_choices,
)
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet

CHOICES = (1, 2, 4)
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def make_network(**design):
    torch.manual_seed(0)
    method = Method(quantization=Quantization(num_bases=4), design=BlockDesign(**design))
    return GroupNetResNet(width=0.125, method=method, out_features=["res3"])


def switch_of(network):
    return next(m for m in network.modules() if isinstance(m, SwitchableBatchNorm2d))


def test_all_bases_give_what_the_network_gave_before():
    network = make_network().eval()
    expected = network(IMAGES)["res3"]
    keys = set(network.state_dict())
    make_slimmable(network, CHOICES)
    assert torch.equal(network(IMAGES)["res3"], expected)
    assert slimmable_choices(network) == [1, 2, 4]
    switched = {key.replace("of_bases.4.", "") for key in network.state_dict()}
    assert keys <= switched


def test_each_number_of_bases_has_its_own_statistics_and_affine():
    network = make_network().train()
    make_slimmable(network, CHOICES)
    run_bases(network, 2)
    network(IMAGES)["res3"].sum().backward()
    used, *others = (switch_of(network).of_bases[k] for k in ("2", "1", "4"))
    assert used.num_batches_tracked == 1
    assert used.weight.grad is not None
    assert all(norm.num_batches_tracked == 0 and norm.weight.grad is None for norm in others)


def test_branches_that_do_not_run_get_no_gradient():
    network = make_network().train()
    make_slimmable(network, CHOICES)
    run_bases(network, 2)
    network(IMAGES)["res3"].sum().backward()
    weights = [branch.unit1.conv.weight.grad for branch in network.res2[1].branches]
    assert [grad is None for grad in weights] == [False, False, True, True]


def test_merges_by_hand():
    """``mean_{k <= K'} p_k`` and ``K / K' sum_{k <= K'} s_k p_k``."""
    unit = make_network(merge="learned_scales").res2[0]
    unit.merge.scales.data = torch.tensor([0.1, 0.2, 0.3, 0.4])
    branches = [torch.full((1, 1, 1, 1), value) for value in (1.0, 10.0)]
    assert unit.merge(branches)[0].item() == pytest.approx(4 / 2 * (0.1 + 2.0))
    assert make_network().res2[0].merge(branches)[0].item() == pytest.approx(5.5)


@pytest.mark.parametrize("number", CHOICES)
@pytest.mark.parametrize("merge", ["mean", "learned_scales"])
@pytest.mark.parametrize("nonlinearity", ["relu", "rprelu"])
def test_wide_units_run_with_their_first_bases(number, merge, nonlinearity):
    torch.manual_seed(0)
    quantization = Quantization(num_bases=4)
    options = {"merge": merge, "order": "conv_act_norm", "nonlinearity": nonlinearity}
    unit = ConvUnit(8, 6, 3, quantization=quantization, padding=1, **options)
    x = torch.randn(2, 8, 5, 5)
    alone = [ConvUnit(8, 6, 3, quantization=Quantization(num_bases=1), padding=1, **options)]
    alone *= number
    expected = torch.zeros(2, 6, 5, 5)
    for k, base in enumerate(alone):
        base.conv.weight.data = unit.conv.weight.data[6 * k : 6 * k + 6]
        expected += base(x) / number
    make_slimmable(unit, CHOICES)
    run_bases(unit, number)
    torch.testing.assert_close(unit(x), expected)
    assert unit.norm[0].current.num_features == 6 * number


@pytest.mark.parametrize("number", CHOICES)
def test_an_averaged_convolution_runs_with_its_first_bases(number):
    torch.manual_seed(0)
    unit = AveragedConv(8, 6, 1, quantization=Quantization(num_bases=4, activation="zero_one"))
    x = torch.rand(2, 8, 5, 5)
    bases = unit.conv(x).unflatten(1, (4, 6))[:, :number]
    expected = nn.BatchNorm2d(6)(bases.mean(dim=1))
    make_slimmable(unit, CHOICES)
    run_bases(unit, number)
    torch.testing.assert_close(unit(x), expected)


def test_a_group_with_fewer_bases_runs_them_all():
    def make_unit():
        return ConvUnit(8, 8, 3, quantization=Quantization(num_bases=1), padding=1)

    unit = BranchedUnit(make_unit, num_branches=2)
    for number, expected in {1: 1, 2: 2, 4: 2}.items():
        run_bases(unit, number)
        assert len(unit.forward_branches([[torch.randn(1, 8, 4, 4)]])) == expected
    assert num_bases(unit) == 2


def test_levels_that_share_a_norm_go_on_doing_so():
    norms = nn.ModuleDict({"norms": PerLevelBatchNorm(3, 4, shared=True)})
    make_slimmable(norms, CHOICES)
    assert len({id(norm) for norm in norms["norms"]}) == 1
    # Of a single value there are no statistics; the running ones are taken.
    pixel = torch.ones(1, 4, 1, 1)
    assert all(torch.isfinite(y).all() for y in norms["norms"]([pixel] * 3))


def test_evaluation_follows_a_change_of_the_number():
    """Weights that were prepared for evaluation are those of the number that runs."""
    unit = ConvUnit(8, 6, 3, quantization=Quantization(num_bases=4), padding=1)
    make_slimmable(unit, CHOICES)
    unit.eval()
    x = torch.randn(1, 8, 5, 5)
    with torch.no_grad():
        before = unit(x)
        run_bases(unit, 1)
        alone = unit(x)
        run_bases(unit, 4)
        assert torch.equal(unit(x), before)
    assert not torch.equal(alone, before)


def test_a_float_network_has_one_base():
    method = Method(quantization=Quantization(num_bases=1, activation="float", weight="float"))
    assert num_bases(GroupNetResNet(width=0.125, method=method)) == 1
    assert slimmable_choices(make_network()) == []
