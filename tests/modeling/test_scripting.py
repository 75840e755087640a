"""``torch.jit.script`` of backbones and classifiers: saved, loaded, and as in eager mode."""

import io

import pytest
import torch
from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.layers.methods import METHODS

from .test_tracing import make, make_classifier

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
# What lies between the stem and the outputs, each in a network of its own.
NETWORKS = {
    "gates": [],
    "one base": ["MODEL.GROUPNET.NUM_BASES", "1"],
    "by layers": ["MODEL.GROUPNET.GROUP", "layer"],
    "by stages": ["MODEL.GROUPNET.GROUP", "stage"],
    "learned scales": ["MODEL.GROUPNET.MERGE", "learned_scales"],
    "bottlenecks": ["MODEL.GROUPNET.DEPTH", "50"],
    "frozen": ["MODEL.BACKBONE.FREEZE_AT", "2"],
}


def scripted(module):
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(module), file)
    file.seek(0)
    return torch.jit.load(file)


def assert_same(ours, eager):
    assert list(ours) == list(eager)
    for name, values in eager.items():
        # TorchScript rounds differently on some processors: by 2e-6 on a Xeon (Ice Lake).
        torch.testing.assert_close(ours[name], values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_a_backbone_of_any_design(options):
    torch.manual_seed(0)
    backbone = make_classifier(*options).backbone
    loaded = scripted(backbone)
    with torch.no_grad():
        for size in ((1, 3, 64, 96), (2, 3, 96, 64)):
            image = torch.randn(size)
            assert_same(loaded(image), backbone(image))


@pytest.mark.parametrize("method", [name for name in METHODS if name != "group_net"])
def test_a_backbone_of_any_method(method):
    torch.manual_seed(0)
    backbone = make_classifier("MODEL.GROUPNET.METHOD", method).backbone
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert_same(scripted(backbone)(image), backbone(image))


@pytest.mark.slow
def test_a_backbone_with_a_pyramid(root):
    backbone = make(root, "retinanet").backbone
    loaded = scripted(backbone)
    with torch.no_grad():
        for size in ((1, 3, 64, 96), (2, 3, 128, 64)):
            image = torch.randn(size)
            assert_same(loaded(image), backbone(image))


def test_a_classifier_with_its_call_contract():
    """Images of several sizes, and the model that was scripted stays what it was."""
    torch.manual_seed(0)
    model = make_classifier()
    parts = {name: type(part) for name, part in model.named_modules()}
    loaded = scripted(model)
    images = [torch.randint(0, 255, (3, *size)).float() for size in ((64, 96), (80, 48))]
    inputs = [{"image": image} for image in images]
    with torch.no_grad():
        results, expected = loaded(inputs), model(inputs)
    assert len(results) == len(expected) == 2
    for ours, eager in zip(results, expected, strict=True):
        assert_same(ours, eager)
    assert {name: type(part) for name, part in model.named_modules()} == parts


@pytest.mark.parametrize("part", ["classifier", "backbone"])
def test_a_network_in_training_is_refused(part):
    model: nn.Module = make_classifier().train()
    with pytest.raises(ConfigError, match=r"call eval\(\) first"):
        torch.jit.script(model if part == "classifier" else model.backbone)
