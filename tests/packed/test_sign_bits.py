import math

import pytest
import torch

from groupnet_det.packed.sign_bits import pack_bits, pack_sign_bits, unpack_bits

from .reference_values import unpacked_signs


@pytest.mark.parametrize("channels", [1, 7, 8, 9, 31, 32, 33, 127], ids=lambda c: f"C{c}")
def test_round_trip(channels):
    weights = torch.randn(5, channels, 3, 2)
    packed = pack_sign_bits(weights)
    assert packed.dtype == torch.uint8
    assert packed.shape == (5, 3, 2, math.ceil(channels / 8))
    assert torch.equal(unpacked_signs(packed, channels), weights.sign())


def test_places_by_hand():
    weights = torch.ones(2, 11, 1, 2)
    weights[1, [0, 3, 10], 0, 1] = -1
    packed = pack_sign_bits(weights)
    assert packed[1, 0, 1].tolist() == [0b1001, 0b100]
    assert packed.sum() == 0b1001 + 0b100


def test_convention_of_signs():
    values = torch.tensor([0.0, -0.0, 1e-45, -1e-45, math.inf, -math.inf, math.nan])
    packed = pack_sign_bits(values.view(1, 7, 1, 1))
    assert packed.item() == 0b1101000


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_other_types(dtype):
    weights = torch.randn(3, 10, 1, 1)
    assert torch.equal(pack_sign_bits(weights.to(dtype)), pack_sign_bits(weights))


def test_weights_stay_as_they_are():
    weights = torch.randn(2, 3, 1, 1, requires_grad=True)
    before = weights.clone()
    assert not pack_sign_bits(weights).requires_grad
    assert torch.equal(weights, before)


def test_bits_of_any_shape():
    bits = torch.rand(2, 3, 13) > 0.5
    assert torch.equal(unpack_bits(pack_bits(bits), 13), bits.to(torch.uint8))
