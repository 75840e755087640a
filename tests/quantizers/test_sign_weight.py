import numpy as np
import pytest
import torch

from groupnet_det.errors import ConfigError
from groupnet_det.quantizers import SignWeight, binarize_weight


def column(*values):
    return torch.tensor(values).view(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("scale", "expected"),  # rows (1, -3), (0, 6): means of the magnitudes 2 and 3, together 2.5
    [("layer", [2.5, 2.5]), ("channel", [2.0, 3.0]), ("none", [1.0, 1.0])],
)
def test_scale_by_hand(scale, expected):
    weight = torch.tensor([[1.0, -3.0], [0.0, 6.0]]).view(2, 2, 1, 1)
    signs = torch.tensor([[1.0, -1.0], [1.0, 1.0]]).view(2, 2, 1, 1)
    assert torch.equal(binarize_weight(weight, scale=scale), column(*expected) * signs)


@pytest.mark.parametrize("scale", ["layer", "channel", "none"])
def test_groups_have_a_scale_each(scale):
    bases = [torch.randn(3, 2, 3, 3), 5 * torch.randn(3, 2, 3, 3)]
    together = binarize_weight(torch.cat(bases), scale=scale, num_groups=2)
    assert torch.equal(together, torch.cat([binarize_weight(base, scale=scale) for base in bases]))


@pytest.mark.parametrize(
    ("gradient", "expected"),  # of upstream 2, at W = 0.5, -1, 1.5; the scale is 1
    [("identity", [2, 2, 2]), ("clipped", [2, 2, 0]), ("magnitude", [2, 2, 0])],
)
def test_gradient_by_hand(gradient, expected):
    weight = column(0.5, -1.0, 1.5).requires_grad_()
    (2 * binarize_weight(weight, gradient=gradient)).sum().backward()
    assert weight.grad.flatten().tolist() == expected


def test_magnitude_gradient_has_the_scale_of_each_channel():
    weight = torch.tensor([[0.1, -0.3], [0.5, 2.5]]).view(2, 2, 1, 1).requires_grad_()
    binarize_weight(weight, scale="channel", gradient="magnitude").sum().backward()
    torch.testing.assert_close(weight.grad.flatten(), torch.tensor([0.2, 0.2, 1.5, 0.0]))


@pytest.mark.parametrize("scale", ["layer", "channel", "none"])
def test_default_gradient_is_the_identity(scale):
    weight = torch.randn(3, 2, 3, 3, requires_grad=True)
    upstream = torch.randn_like(weight)
    binarize_weight(weight, scale=scale).backward(upstream)
    assert torch.equal(weight.grad, upstream)


def test_float_weights_pass_where_not_binary():
    quantizer = SignWeight()
    weight = torch.randn(2, 2, 1, 1)
    quantizer.binary = False
    assert quantizer(weight) is weight
    quantizer.binary = True
    assert torch.equal(quantizer(weight), binarize_weight(weight))
    assert not quantizer.state_dict()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": "row"}, r"weight scale.*'row'.*'layer', 'channel', 'none'"),
        ({"gradient": "cubic"}, r"weight gradient.*'cubic'.*'identity', 'clipped', 'magnitude'"),
    ],
    ids=["scale", "gradient"],
)
def test_unknown_names_list_the_valid_ones(options, message):
    with pytest.raises(ConfigError, match=message):
        binarize_weight(torch.zeros(1, 1, 1, 1), **options)


def test_golden(test_data):
    golden = np.load(test_data / "reference/golden/ops.npz")
    weight = torch.from_numpy(golden["qw_w"]).requires_grad_()
    expected = torch.from_numpy(golden["qw_q"])
    scale = expected.abs().max()
    expected = torch.where(weight == 0, scale, expected)  # sign(0) is 0 there, on purpose not here
    binary = binarize_weight(weight)
    torch.testing.assert_close(binary, expected, rtol=1e-6, atol=0)
    binary.backward(torch.from_numpy(golden["qw_gout"]))
    assert torch.equal(weight.grad, torch.from_numpy(golden["qw_gin"]))
