"""The stem in integers against the float one."""

import pytest
import torch
from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.program_builder import ProgramBuilder
from groupnet_det.exporting.packed.layers.integer_stems import (
    export_stem,
    normalized_weight,
    round_keeping_sums,
    to_integers,
)
from groupnet_det.modeling.backbones.stems import STEMS
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.runtime.reference.interpreter import run_reference
from tests.exporting.networks import random_images

MEAN, STD = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])


def make_stem(kind):
    stem = STEMS[kind](3, 16).eval()
    stem.bn1.weight.data.normal_()
    stem.bn1.weight.data[0] = 0
    stem.bn1.bias.data.normal_()
    stem.bn1.running_mean.normal_()
    stem.bn1.running_var.uniform_(0.5, 2)
    return stem


@pytest.mark.parametrize("kind", STEMS)
@pytest.mark.parametrize("size", [(32, 32), (37, 21), (1, 1)], ids=str)
@torch.no_grad()
def test_is_the_float_stem(kind, size):
    stem = make_stem(kind)
    builder = ProgramBuilder(3)
    step, error = export_stem(builder, stem, "stem", MEAN, STD)
    program, tensors = builder.finish({"map": step.out.as_float()})
    images = random_images(2, *size)
    actual = run_reference(PackedFile(program, {}, tensors), images)["map"].permute(0, 3, 1, 2)
    pixels = images.permute(0, 3, 1, 2)
    expected = stem((pixels - MEAN.view(-1, 1, 1)) / STD.view(-1, 1, 1))
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    assert 0 < error < 3e-5


def test_weights_by_hand():
    """``2 (x - 51) / 4`` is ``x / 2 - 0.1 * 255``."""
    weight = normalized_weight(
        torch.full((1, 1, 1, 1), 2.0), torch.tensor([51.0]), torch.tensor([4.0])
    )
    assert weight.flatten().tolist() == pytest.approx([0.5, -0.1])


@pytest.mark.parametrize("channels", [4, 64], ids=["16-bits", "sums"])
def test_sums_never_overflow(channels):
    """With few channels the bits of the weights are the limit, with many those of the sum."""
    weight = torch.full((2, 7, 7, channels), 0.01, dtype=torch.float64)
    weight[1] *= torch.randn(7, 7, channels)
    integers = to_integers(weight)
    total = integers.weight.long().abs().sum(dim=(1, 2, 3))
    assert int(total.max()) * 255 < 2**31
    assert int(total.max()) * 255 > 2**30 or int(integers.weight.max()) == 32766


def test_no_weights_at_all():
    integers = to_integers(torch.zeros(1, 3, 3, 4, dtype=torch.float64))
    assert not integers.weight.any()
    assert integers.scale.isfinite().all()


def test_rounding_keeps_sums_by_hand():
    """0.4 three times would round to 0: the sum of 1.2 needs one of them to be 1."""
    rounded = round_keeping_sums(torch.tensor([[0.4, 0.4, 0.4], [1.0, -0.6, 0.3]]).double())
    assert sorted(rounded[0].tolist()) == [0.0, 0.0, 1.0]
    assert rounded[1].sum() in (0.0, 1.0)


def test_rounding_keeps_many_sums():
    values = torch.randn(20, 50, dtype=torch.float64) * 100
    rounded = round_keeping_sums(values)
    assert ((rounded.sum(dim=1) - values.sum(dim=1)).abs() <= 0.5).all()
    assert ((rounded - values).abs() <= 1).all()


def test_other_stems_are_refused():
    with pytest.raises(ConfigError, match="a stem of the type Conv2d is unknown"):
        export_stem(ProgramBuilder(3), nn.Conv2d(3, 4, 1), "stem", MEAN, STD)
