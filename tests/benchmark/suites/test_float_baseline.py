"""The full-precision baseline of a packed file."""

import json

import pytest
import torch

from groupnet_det.benchmark.suites.float_baseline import FloatBaseline
from groupnet_det.config.network import network_keys
from groupnet_det.errors import ConfigError, PackedFileError, UserError
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.quantizers.full_precision import FloatActivation
from tests.inference.models import make_config, make_model

SIZE = 90, 120


def info_of(task):
    return json.loads(json.dumps({"network_keys": network_keys(make_config(task))}))


def pixels():
    return torch.randint(0, 256, (1, 96, 128, 3), dtype=torch.uint8)


@pytest.mark.parametrize("task", ["retinanet", "mask_rcnn", "semantic", "classifier"])
def test_the_same_network_in_floats(task):
    baseline = FloatBaseline(info_of(task))
    convs = [m for m in baseline.model.modules() if isinstance(m, QuantizedConv2d)]
    assert all(isinstance(conv.activation, FloatActivation) for conv in convs)
    expected = make_model(task, "MODEL.GROUPNET.METHOD", "float").state_dict()
    found = baseline.model.state_dict()
    assert {k: v.shape for k, v in found.items()} == {k: v.shape for k, v in expected.items()}
    (output,) = baseline(pixels(), SIZE).values()
    size = {"semantic": (3, *SIZE), "classifier": (2,)}.get(task)
    assert tuple(output.shape) == size if size else output.image_size == SIZE


@pytest.mark.parametrize("objects", [0, 1, 7])
def test_as_many_objects_as_the_packed_network_finds(objects):
    baseline, image = FloatBaseline(info_of("mask_rcnn")), pixels()
    for wanted in (3, objects):  # not even after another image
        baseline.match(image, SIZE, wanted)
        found = baseline(image, SIZE)["instances"]
        assert len(found) == wanted
        assert found.pred_masks.shape == (wanted, *SIZE)


def test_what_finds_no_regions_needs_no_match():
    baseline, image = FloatBaseline(info_of("classifier")), pixels()[:, :32, :32].contiguous()
    before = baseline(image, (32, 32))["logits"]
    baseline.match(image, (32, 32), 5)
    assert torch.equal(before, baseline(image, (32, 32))["logits"])


def test_files_that_do_not_say_it():
    with pytest.raises(PackedFileError, match="export it again"):
        FloatBaseline({"task": "detection"})
    with pytest.raises(ConfigError, match=r"MODEL\.NOTHING"):
        FloatBaseline({"network_keys": {"MODEL.NOTHING": 1}})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"MODEL.BACKBONE.NAME": "no_such_backbone"}, "make no network: KeyError"),
        ({"MODEL.META_ARCHITECTURE": "x" * 10_000}, "make no network"),
        ({"MODEL.PIXEL_STD": []}, "make no network"),
        ({"MODEL.WEIGHTS": "/etc/passwd"}, "'MODEL.WEIGHTS', which says no network"),
        ({"MODEL.DEVICE": "cuda"}, "'MODEL.DEVICE', which says no network"),
        ({"OUTPUT_DIR": "/tmp"}, "'OUTPUT_DIR', which says no network"),
        ({"_BASE_": "/etc/passwd"}, "'_BASE_', which says no network"),
    ],
    ids=["backbone", "architecture", "pixels", "weights", "device", "folder", "base"],
)
def test_keys_that_make_no_network(keys, message):
    with pytest.raises(UserError, match=message) as error:
        FloatBaseline({"network_keys": keys})
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500
