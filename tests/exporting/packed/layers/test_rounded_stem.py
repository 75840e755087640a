"""The trained stem with the packed file's weights against the packed stem, and against itself."""

import pytest
import torch
from torch import nn

from groupnet_det.exporting.packed.builder.program_builder import ProgramBuilder
from groupnet_det.exporting.packed.layers.integer_stems import export_stem
from groupnet_det.exporting.packed.layers.rounded_stem import with_rounded_stem
from groupnet_det.modeling.backbones.stems import STEMS
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.runtime.reference.interpreter import run_reference
from tests.exporting.networks import random_images

MEAN, STD = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])


class Model(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.stem = STEMS[kind](3, 16)
        self.stem.bn1.weight.data.normal_()
        self.stem.bn1.running_mean.normal_()
        self.register_buffer("pixel_mean", MEAN.view(-1, 1, 1))
        self.register_buffer("pixel_std", STD.view(-1, 1, 1))

    def forward(self, images):
        return self.stem((images - self.pixel_mean) / self.pixel_std)


@pytest.mark.parametrize("kind", STEMS)
@torch.no_grad()
def test_it_is_the_stem_of_the_file(kind):
    torch.manual_seed(0)
    model = Model(kind).eval()
    rounded = with_rounded_stem(model)
    builder = ProgramBuilder(3)
    step, _ = export_stem(builder, model.stem, "stem", MEAN, STD)
    program, tensors = builder.finish({"map": step.out.as_float()})
    images = random_images(2, 37, 21)
    packed = run_reference(PackedFile(program, {}, tensors), images)["map"].permute(0, 3, 1, 2)
    pixels = images.permute(0, 3, 1, 2)
    largest = float(packed.abs().max())
    apart = {
        name: float((each(pixels) - packed).abs().max()) / largest
        for name, each in (("rounded", rounded), ("trained", model))
    }
    assert apart["rounded"] < 1e-6  # float32
    assert 2e-6 < apart["trained"] < 1e-4


@torch.no_grad()
def test_the_trained_network_stays_as_it_is():
    model = Model("signed").eval()
    before = model.stem.conv1
    with_rounded_stem(model)
    assert model.stem.conv1 is before
