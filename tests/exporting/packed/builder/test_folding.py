"""Maps against numbers by hand and against the modules that they stand for."""

import pytest
import torch
from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.folding import Chain, norm_affine
from groupnet_det.layers.rprelu import RPReLU
from groupnet_det.packed.steps.parts import Map
from groupnet_det.packed.value_maps import apply_map

C = 4
SUMS = torch.arange(-9.0, 10.0, 2.0)[:, None].expand(-1, C)


def make_norm():
    norm = nn.BatchNorm2d(C).eval()
    norm.weight.data = torch.tensor([1.0, -2.0, 0.0, 0.5])
    norm.bias.data = torch.tensor([0.25, 0.0, 1.0, -1.0])
    norm.running_mean = torch.tensor([1.0, 2.0, 3.0, -4.0])
    norm.running_var = torch.tensor([4.0, 1.0, 9.0, 0.25])
    return norm


def make_rprelu():
    act = RPReLU(C)
    for parameter in act.parameters():
        parameter.data.normal_()
    return act


def run(values, v):
    members = {k: t for k, t in vars(values).items() if isinstance(t, torch.Tensor)}
    names = {**dict.fromkeys(members), "act": values.act}
    return apply_map(v, Map(**{**names, **{name: name for name in members}}), members)


def test_norm_by_hand():
    norm = make_norm()
    norm.eps = 0.0
    affine = norm_affine(norm)
    assert affine.scale.tolist() == [0.5, -2.0, 0.0, 1.0]
    assert affine.shift.tolist() == [-0.25, 4.0, 1.0, 3.0]


ACTS = {"relu": nn.ReLU, "rprelu": make_rprelu, "none": nn.Identity}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("order", ["act_norm", "norm_act", "act"])
@pytest.mark.parametrize("scale", [0.0, 0.3], ids=["zero-scale", "scale"])
def test_chain_is_the_modules(act, order, scale):
    module, norm = ACTS[act](), make_norm()
    chain = Chain.identity(C)
    expected = SUMS.double() * scale
    for step in order.split("_"):
        if step == "act":
            chain = chain.then_act(module)
            expected = module.double()(expected[..., None, None]).flatten(1)
        else:
            chain = chain.then_norm(norm)
            expected = norm.double()(expected[..., None, None]).flatten(1)
    values = chain.then_affine(0.5).after_scale(torch.full((C,), scale).double()).values()
    torch.testing.assert_close(run(values, SUMS).double(), expected / 2, rtol=1e-6, atol=1e-6)


def test_a_factor_passes_a_relu():
    """``relu(0.5 v) * scale + shift`` needs no first scale."""
    chain = Chain.identity(C).then_act(nn.ReLU()).then_norm(make_norm())
    values = chain.after_scale(torch.full((C,), 0.5).double()).values()
    assert values.scale1 is None
    assert values.shift1 is None
    assert values.act == "relu"
    torch.testing.assert_close(values.scale2, (0.5 * norm_affine(make_norm()).scale).float())


def test_nothing_to_do_is_no_map():
    assert vars(Chain.identity(C).values()) == {
        **dict.fromkeys(["scale1", "shift1", "slope", "scale2", "shift2"]),
        "act": "none",
    }


def test_unknown_nonlinearity():
    with pytest.raises(ConfigError, match="GELU cannot be exported"):
        Chain.identity(C).then_act(nn.GELU())
