"""Origin of the weights when a binary detector starts from other networks."""

import logging
import re

import pytest
import torch

from groupnet_det.checkpoint.detector_start import COPIED, NEW, SAME, initialize
from groupnet_det.config import load_config
from groupnet_det.engine.initial_weights import initialize_model
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import CheckpointError, ConfigError
from tests.modeling.detectors import DETECTORS, SMALL, detector_config, make_detector

TOWERS = ["MODEL.GROUPNET.HEAD.GROUP", "tower", "MODEL.GROUPNET.FPN.GROUP", "pyramid"]
BLOCK = "backbone.bottom_up.res2.0"
FLOAT = ["MODEL.GROUPNET.METHOD", "float"]


def randomize(model):
    """Other values than those of any new network."""
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)
    return model


def save(model, path):
    torch.save({"model": model.state_dict()}, path)
    return str(path)


@pytest.mark.parametrize("decomposition", [[], TOWERS], ids=["layer", "towers"])
@pytest.mark.parametrize("name", DETECTORS)
def test_single_pass_takes_everything_that_a_float_detector_has(
    root, tmp_path, name, decomposition
):
    source = randomize(make_detector(root, name, *FLOAT))
    model = make_detector(root, name, *decomposition)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    plan = initialize(model, detector=save(source, tmp_path / "float.pth"), noise=0.1)
    left = [
        key
        for key, value in model.state_dict().items()
        if value.is_floating_point() and torch.equal(value, before[key])
    ]
    # Gates, and the BN of p6 and p7, which Detectron2's pyramid has not.
    assert all("gate" in key or "top_block" in key for key in left), left
    assert {*plan.origins.values()} == {SAME, COPIED, NEW}
    assert {key for key, origin in plan.origins.items() if origin != NEW} == {*plan.values}


def test_bases_are_copies_with_noise(root, tmp_path):
    source = randomize(make_detector(root, "retinanet", *FLOAT))
    path = save(source, tmp_path / "float.pth")
    ours = {
        (f"{BLOCK}.branches.0.unit1", f"{BLOCK}.branches.1.unit1"),
        ("backbone.fpn_output4", None),
        ("head.cls_tower.1", None),
    }
    model = make_detector(root, "retinanet")
    initialize(model, detector=path, noise=0.1)
    for first, second in ours:
        own = model.get_submodule(first)
        theirs = source.get_submodule(first)
        expected = theirs.weight if "fpn" in first else theirs.conv.weight
        weights = own.conv.weight
        if second:
            weights = torch.cat([weights, model.get_submodule(second).conv.weight])
        bases = weights.unflatten(0, (2, -1))
        difference = bases - expected
        assert not torch.equal(bases[0], bases[1])
        assert difference.std().item() == pytest.approx(0.1 * expected.std().item(), rel=0.2)
        norm = own.norm[0]
        expected = theirs.norm.running_var if "fpn" in first else theirs.norm[0].running_var
        assert torch.equal(norm.running_var[: len(expected)], expected)
        assert torch.equal(norm.running_var[-len(expected) :], expected)


def test_without_noise_copies_are_exact(root, tmp_path):
    source = randomize(make_detector(root, "fcos", *FLOAT))
    model = make_detector(root, "fcos", *TOWERS)
    initialize(model, detector=save(source, tmp_path / "float.pth"), noise=0.0)
    for level in range(5):
        expected = source.head.bbox_tower[1].norm[level].running_mean
        for unit in model.head.bbox_tower[1].branches:
            assert torch.equal(unit.norm[level].running_mean, expected)
            assert torch.equal(unit.conv.weight, source.head.bbox_tower[1].conv.weight)
    assert torch.equal(model.head.ctrness.weight, source.head.ctrness.weight)


def test_the_same_network_is_taken_as_it_is(root, tmp_path):
    tanh = ["MODEL.GROUPNET.ACTIVATION", "tanh", "MODEL.GROUPNET.WEIGHT", "float"]
    source = randomize(make_detector(root, "mask_rcnn", *tanh))
    model = make_detector(root, "mask_rcnn")
    plan = initialize(model, detector=save(source, tmp_path / "tanh.pth"), noise=0.1)
    assert {*plan.origins.values()} == {SAME}
    for key, value in source.state_dict().items():
        assert torch.equal(model.state_dict()[key], value), key


def test_double_pass_has_the_backbone_of_the_classifier(root, tmp_path, caplog):
    options = [*SMALL, "MODEL.CLASSIFIER.NUM_CLASSES", "5"]
    path = root / "configs/Base/classifier_groupnet_r18.yaml"
    classifier = randomize(Trainer.build_model(load_config(str(path), options)))
    backbone = save(classifier, tmp_path / "classifier.pth")
    detector = save(randomize(make_detector(root, "fcos", *FLOAT)), tmp_path / "float.pth")
    cfg = detector_config(root, "fcos", "MODEL.INIT.DETECTOR", detector)
    cfg.MODEL.INIT.BACKBONE = backbone
    model = make_detector(root, "fcos")
    with caplog.at_level(logging.INFO, logger="groupnet_det"):
        assert initialize_model(cfg, model)
    assert "Initialisation from" in caplog.text
    for key, value in classifier.backbone.state_dict().items():
        assert torch.equal(model.backbone.bottom_up.state_dict()[key], value), key
    assert model.head.cls_score.bias.min() >= 0.5  # the float detector's
    report = [re.split(r"\s{2,}", line.strip()) for line in caplog.text.splitlines()]
    assert ["backbone.bottom_up.stem.conv1", "backbone file", "1"] in report
    assert ["head.cls_score", "detector", "2"] in report
    assert ["head.bbox_tower", "detector, copied for each base", "42"] in report


def test_predictors_of_other_classes_start_again(root, tmp_path):
    source = randomize(make_detector(root, "retinanet", *FLOAT, "MODEL.RETINANET.NUM_CLASSES", "6"))
    model = make_detector(root, "retinanet")  # of half as many: no copies for bases
    before = model.head.cls_score.weight.clone()
    initialize(model, detector=save(source, tmp_path / "float.pth"), noise=0.1)
    assert torch.equal(model.head.cls_score.weight, before)
    assert torch.equal(model.head.bbox_pred.weight, source.head.bbox_pred.weight)


def test_what_cannot_work_is_named(root, tmp_path):
    wide = ["MODEL.GROUPNET.WIDTH", "0.25"]
    k3 = make_detector(root, "fcos", "MODEL.GROUPNET.NUM_BASES", "3")
    files = {
        "wide": save(make_detector(root, "fcos", *FLOAT, *wide), tmp_path / "wide.pth"),
        "other": save(torch.nn.Linear(2, 2), tmp_path / "other.pth"),
        "k3": save(k3, tmp_path / "k3.pth"),
    }
    model = make_detector(root, "fcos")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for arguments, message in (
        ({"detector": files["wide"]}, "wide.pth is of another network: .* has shape"),
        ({"detector": files["other"]}, "other.pth: no weight belongs to this model"),
        ({"detector": "absent.pth"}, "absent.pth does not exist; fix MODEL.INIT.DETECTOR"),
        ({"backbone": files["wide"]}, "wide.pth has 1 branches in a block, the model 2"),
        ({"backbone": files["k3"]}, "k3.pth has 3 branches in a block, the model 2"),
        ({"backbone": files["other"]}, "other.pth or the model has no backbone"),
    ):
        with pytest.raises(CheckpointError, match=message):
            initialize(model, **arguments, noise=0.1)
    with pytest.raises(ConfigError, match="NOISE is -1"):
        initialize(model, detector=files["k3"], noise=-1)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key
    cfg = detector_config(root, "fcos", "MODEL.INIT.DETECTOR", "a", "MODEL.WEIGHTS", "b")
    with pytest.raises(ConfigError, match=r"MODEL.WEIGHTS \(b\) and MODEL.INIT are both set"):
        initialize_model(cfg, model)
    assert not initialize_model(detector_config(root, "fcos"), model)
