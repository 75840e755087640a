"""Rates of flipped signs, against numbers counted by hand."""

import pytest
import torch
from torch import nn

from groupnet_det.analysis.bit_flips import BitFlips
from groupnet_det.layers import Quantization


def network(**quantization):
    """Two parts: ``first`` of 2 weights, ``second`` of two convolutions of 4 each; all ones."""
    make = Quantization(num_bases=1, **quantization).make_conv
    model = nn.Module()
    model.first = make(1, 2, 1)
    model.second = nn.ModuleList([make(2, 2, 1), make(2, 2, 1)])
    model.plain = nn.Conv2d(2, 2, 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
    return model


def test_rates_by_part_and_of_all():
    model = network()
    flips = BitFlips.of_model(model)
    assert flips.rates() == {}  # nothing to compare with yet
    flips.remember()
    assert flips.rates() == {"all": 0, "first": 0, "second": 0}
    with torch.no_grad():
        model.first.weight[0] = -1.0  # one of two
        model.second[0].weight[0] = -0.1  # two of eight ...
        model.second[1].weight[1, 1] = -7.0  # ... and a third
        model.plain.weight.neg_()  # is not binary
    assert flips.rates() == {"all": 40.0, "first": 50.0, "second": 37.5}


def test_zero_is_plus_one_and_what_flips_back_did_not_flip():
    model = network()
    flips = BitFlips.of_model(model)
    flips.remember()
    with torch.no_grad():
        model.first.weight.zero_()
    assert flips.rates()["first"] == 0
    with torch.no_grad():
        model.first.weight.fill_(-1)
    assert flips.rates()["first"] == 100
    with torch.no_grad():
        model.first.weight.fill_(1)
    assert flips.rates()["first"] == 0


def test_remembering_starts_again():
    model = network()
    flips = BitFlips.of_model(model)
    flips.remember()
    with torch.no_grad():
        model.first.weight.neg_()
    flips.remember()
    assert flips.rates()["first"] == 0


@pytest.mark.parametrize("weight", ["float", "abc", "dorefa"])
def test_weights_of_no_or_several_bits_have_none(weight):
    flips = BitFlips.of_model(network(weight=weight))
    flips.remember()
    assert flips.rates() == {}
