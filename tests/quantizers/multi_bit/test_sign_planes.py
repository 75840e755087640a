"""Weights of several bits as sums of signs."""

import pytest
import torch

from groupnet_det.quantizers import WeightSpec, build_weight_quantizer

SHAPE = (6, 5, 3, 3)
# (name, bits or bases, planes)
SEVERAL = [
    *[("dorefa", bits, bits) for bits in (2, 3, 8)],
    *[("lsq", bits, bits + 1) for bits in (2, 3, 8)],  # and the constant of codes that lean down
    *[("lq", bits, bits) for bits in (2, 3)],
    *[("abc", bases, bases) for bases in (1, 2, 5)],
]


def trained_quantizer(name, number, groups):
    spec = WeightSpec(out_channels=SHAPE[0], num_groups=groups, bits=number, num_bases=number)
    quantizer = build_weight_quantizer(name, spec)
    quantizer(0.1 * torch.randn(SHAPE))  # the first batch
    return quantizer.eval()


@pytest.mark.parametrize("groups", [1, 2], ids=lambda n: f"{n}-groups")
@pytest.mark.parametrize(("name", "number", "planes"), SEVERAL, ids=str)
def test_their_sum_is_the_quantized_weight(name, number, planes, groups):
    quantizer = trained_quantizer(name, number, groups)
    weight = 0.1 * torch.randn(SHAPE)
    signs, magnitudes = quantizer.sign_planes(weight)
    assert signs.shape == (planes, *SHAPE)
    assert set(signs.unique().tolist()) <= {-1.0, 1.0}
    assert magnitudes.shape == (planes, SHAPE[0])
    total = (magnitudes[..., None, None, None] * signs.double()).sum(dim=0)
    expected = quantizer(weight).double()
    torch.testing.assert_close(total, expected, rtol=0, atol=1e-6 * float(expected.abs().max()))


def test_two_bits_by_hand():
    """-1, -1/3, 1/3 and 1 are -2-1, -2+1, 2-1 and 2+1 thirds."""
    quantizer = trained_quantizer("dorefa", 2, 1)
    weight = torch.tensor([-1.0, -0.3, 0.3, 1.0]).view(4, 1, 1, 1)
    signs, magnitudes = quantizer.sign_planes(weight)
    assert signs.flatten(1).tolist() == [[-1, 1, -1, 1], [-1, -1, 1, 1]]
    torch.testing.assert_close(magnitudes[:, 0], torch.tensor([1, 2]).double() / 3)


@pytest.mark.parametrize("name", ["sign", "dorefa", "lsq", "lq", "float"])
def test_weights_of_one_sign_have_none(name):
    assert trained_quantizer(name, 1, 1).sign_planes(torch.randn(SHAPE)) is None
