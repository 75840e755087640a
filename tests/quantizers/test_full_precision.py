import torch

from groupnet_det.quantizers import FloatWeight, TanhActivation


def test_tanh_is_tanh():
    x = torch.randn(20)
    assert torch.equal(TanhActivation()(x), torch.tanh(x))


def test_float_is_the_identity():
    weight = torch.randn(2, 2, 1, 1)
    assert FloatWeight()(weight) is weight
