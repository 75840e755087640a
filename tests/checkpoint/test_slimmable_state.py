"""Weights of slimmable networks in networks with one number of bases, and the reverse."""

import pytest
import torch

from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.checkpoint.detector_start import initialize
from groupnet_det.checkpoint.slimmable_state import choices_of
from groupnet_det.errors import CheckpointError
from groupnet_det.layers.slimmable import make_slimmable, run_bases
from tests.checkpoint.test_detector_start import randomize, save
from tests.modeling.detectors import DETECTORS, make_detector

CHOICES = (1, 2, 4)
SLIMMABLE = ["MODEL.GROUPNET.SLIMMABLE_BASES", str(list(CHOICES)), "MODEL.GROUPNET.NUM_BASES"]
TOWERS = ["MODEL.GROUPNET.HEAD.GROUP", "tower", "MODEL.GROUPNET.FPN.GROUP", "pyramid"]
SCALES = ["MODEL.GROUPNET.MERGE", "learned_scales"]
LAYERS = ["MODEL.GROUPNET.GROUP", "layer"]
NECK = ["MODEL.GROUPNET.PART_BASES.NECK", "2"]
VARIANTS = {
    "groups": [],
    "towers": TOWERS,
    "scales": SCALES,
    "layers": [*LAYERS, *SCALES],
    "two in the neck": NECK,
}


def make_slimmable_detector(root, name="retinanet", *options):
    model = make_detector(root, name, *SLIMMABLE, "4", *options)
    make_slimmable(model, CHOICES)
    return randomize(model).eval()


def head_outputs(model, images):
    with torch.no_grad():
        features = model.backbone(images)
        logits, deltas = model.head([features[name] for name in model.head_in_features])
    return [*features.values(), *logits, *deltas]


@pytest.mark.parametrize("number", CHOICES)
@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_a_network_takes_its_bases_from_a_slimmable_one(root, tmp_path, options, number):
    source = make_slimmable_detector(root, "retinanet", *options)
    path = save(source, tmp_path / "slimmable.pth")
    model = make_detector(root, "retinanet", *SLIMMABLE, str(number), *options)
    Checkpointer(model, strict=True).load(path)
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    run_bases(source, number)
    expected = head_outputs(source, images)
    for ours, theirs in zip(head_outputs(model.eval(), images), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_norms_of_new_numbers_start_as_those_of_all_bases(root, tmp_path):
    source = make_slimmable_detector(root)
    path = save(source, tmp_path / "slimmable.pth")
    model = make_detector(root, "retinanet", *SLIMMABLE, "4")
    make_slimmable(model, (2, 3, 4))
    Checkpointer(model, strict=True).load(path)
    theirs = source.state_dict()
    for name, ours in model.state_dict().items():
        value = theirs[name.replace(".of_bases.3.", ".of_bases.4.")]
        assert torch.equal(ours, value[: len(ours)] if value.dim() else value), name


def test_three_of_four_bases(root, tmp_path):
    """Wide convolutions hold 4 / 3 as many channels, which is no whole number."""
    source = make_detector(root, "retinanet", *SLIMMABLE, "4")
    make_slimmable(source, (1, 3, 4))
    path = save(randomize(source).eval(), tmp_path / "slimmable.pth")
    Checkpointer(make_detector(root, "retinanet", *SLIMMABLE, "3"), strict=True).load(path)


@pytest.mark.parametrize("name", DETECTORS)
def test_no_tensor_of_any_detector_is_left_out(root, tmp_path, name):
    path = save(make_slimmable_detector(root, name), tmp_path / "slimmable.pth")
    for number in CHOICES:
        model = make_detector(root, name, *SLIMMABLE, str(number))
        Checkpointer(model, strict=True).load(path)


def test_another_number_of_bases_is_refused(root, tmp_path):
    path = save(make_slimmable_detector(root), tmp_path / "slimmable.pth")
    model = make_detector(root, "retinanet", "MODEL.GROUPNET.NUM_BASES", "3")
    with pytest.raises(CheckpointError, match=r"runs with \[1, 2, 4\] bases, the model has 3; set"):
        Checkpointer(model, strict=True).load(path)


def test_another_network_is_refused(root, tmp_path):
    path = save(make_slimmable_detector(root), tmp_path / "slimmable.pth")
    model = make_detector(
        root, "retinanet", "MODEL.GROUPNET.NUM_BASES", "2", "MODEL.FPN.OUT_CHANNELS", "24"
    )
    with pytest.raises(CheckpointError, match="is of another network"):
        Checkpointer(model, strict=True).load(path)


@pytest.mark.parametrize("load", ["weights", "detector"])
def test_all_norms_start_as_those_of_another_network(root, tmp_path, load):
    source = randomize(make_detector(root, "retinanet", "MODEL.GROUPNET.NUM_BASES", "4"))
    path = save(source, tmp_path / "plain.pth")
    model = make_slimmable_detector(root)
    if load == "weights":
        Checkpointer(model).load(path)
    else:
        initialize(model, detector=path, noise=0.1)
    key = "backbone.bottom_up.res3.1.branches.0.unit1.norm.0"
    wide = "head.cls_tower.0.norm.2"
    theirs, ours = source.state_dict(), model.state_dict()
    assert choices_of(ours) == [1, 2, 4]
    for number in CHOICES:
        for name in ("weight", "bias", "running_mean", "running_var"):
            assert torch.equal(ours[f"{key}.of_bases.{number}.{name}"], theirs[f"{key}.{name}"])
            own = ours[f"{wide}.of_bases.{number}.{name}"]
            assert torch.equal(own, theirs[f"{wide}.{name}"][: len(own)])


def test_a_slimmable_detector_starts_from_a_float_one(root, tmp_path):
    source = randomize(make_detector(root, "retinanet", "MODEL.GROUPNET.METHOD", "float"))
    path = save(source, tmp_path / "float.pth")
    model = make_slimmable_detector(root)
    initialize(model, detector=path, noise=0.0)
    ours, theirs = model.state_dict(), source.state_dict()
    key = "backbone.bottom_up.res2.0.branches"
    for number in CHOICES:
        bias = ours[f"{key}.3.unit1.norm.0.of_bases.{number}.bias"]
        assert torch.equal(bias, theirs[f"{key}.0.unit1.norm.0.bias"])
    assert torch.equal(ours[f"{key}.3.unit1.conv.weight"], theirs[f"{key}.0.unit1.conv.weight"])


UNEVEN = {
    "stages": (
        ["STAGE_BASES", "[1, 2, 4, 4]", "PART_BASES.NECK", "1"],
        {"res2": 1, "res3": 2, "res5": 4, "fpn_lateral": 1, "head": 4},
    ),
    "neck and head": (
        ["PART_BASES.BACKBONE", "2", "PART_BASES.HEAD", "1"],
        {"res2": 2, "res5": 2, "fpn_lateral": 4, "head": 1},
    ),
}


@pytest.mark.parametrize(("keys", "expected"), UNEVEN.values(), ids=UNEVEN)
def test_parts_take_the_norms_of_their_own_numbers(root, tmp_path, keys, expected):
    source = make_slimmable_detector(root)
    path = save(source, tmp_path / "slimmable.pth")
    keys = [f"MODEL.GROUPNET.{word}" if i % 2 == 0 else word for i, word in enumerate(keys)]
    model = make_detector(root, "retinanet", "MODEL.GROUPNET.NUM_BASES", "4", *keys)
    Checkpointer(model, strict=True).load(path)
    theirs, seen = source.state_dict(), set()
    for name, ours in model.state_dict().items():
        part = next((part for part in expected if part in name), None)
        if part and name.endswith("running_mean"):
            norm = name.removesuffix("running_mean")
            switched = f"of_bases.{expected[part]}.running_mean"
            # A single unit of a pyramid stands alone, and is the first of a list in the other.
            found = [
                key for key in (norm + switched, first_branch(norm) + switched) if key in theirs
            ]
            assert torch.equal(ours, theirs[found[0]][: len(ours)]), name
            seen.add(part)
    assert seen == set(expected)


def first_branch(name):
    head, _, unit = name.rstrip(".").rpartition("norm")
    return f"{head}branches.0.norm{unit}."
