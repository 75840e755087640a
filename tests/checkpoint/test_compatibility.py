"""Checkpoints of other networks, by way of files and `Checkpointer`."""

import logging

import pytest
import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.checkpoint.compatibility import backbone_prefix, move_backbone
from groupnet_det.config import load_config
from groupnet_det.errors import CheckpointError

SMALL = [
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.FREEZE_AT", "0", "MODEL.GROUPNET.WIDTH", "0.0625"),
    *("MODEL.GROUPNET.NUM_BASES", "2", "MODEL.FPN.OUT_CHANNELS", "8"),
]
CLASSIFIER = [
    *("MODEL.META_ARCHITECTURE", "ImageClassifier", "MODEL.CLASSIFIER.NUM_CLASSES", "5"),
    *("MODEL.BACKBONE.NAME", "build_groupnet_resnet_backbone"),
]
DETECTOR = [
    *("MODEL.META_ARCHITECTURE", "GroupNetRetinaNet", "MODEL.RETINANET.NUM_CLASSES", "3"),
    *("MODEL.BACKBONE.NAME", "build_groupnet_resnet_fpn_backbone"),
    *("MODEL.FPN.IN_FEATURES", "['res3','res4','res5']"),
]


def make_model(kind, **options):
    pairs = [
        str(item)
        for key, value in options.items()
        for item in (f"MODEL.{key.replace('__', '.')}", value)
    ]
    return build_model(load_config("", [*SMALL, *kind, *pairs]))


@pytest.fixture
def saved(tmp_path):
    """Save a model; its path."""

    def save(model):
        Checkpointer(model, str(tmp_path)).save("saved")
        return str(tmp_path / "saved.pth")

    return save


def assert_refused(path, model, message, strict):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=message) as caught:
        Checkpointer(model, strict=strict).load(path)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("strict", [True, False], ids=["evaluation", "training"])
@pytest.mark.parametrize(
    ("theirs", "ours", "message"),
    [
        ({"GROUPNET__NUM_BASES": 3}, {}, r"has 3 branches in a block, the model 2; set .*\(K\)"),
        ({"GROUPNET__NUM_BASES": 1}, {}, "has 1 branches in a block, the model 2"),
        ({"GROUPNET__METHOD": "float"}, {}, "has 1 branches in a block, the model 2"),
        ({"GROUPNET__WIDTH": 0.125}, {}, r"stem.conv1.weight has shape \(8, .*WIDTH"),
        ({"GROUPNET__DEPTH": 34}, {}, "has 3 blocks in res2, the model 2; set .*DEPTH"),
        ({}, {"GROUPNET__DEPTH": 34}, "has 2 blocks in res2, the model 3"),
        ({"GROUPNET__DEPTH": 34}, {"GROUPNET__DEPTH": 50}, "res2.0.*has shape"),
        ({"GROUPNET__GROUP": "stage"}, {}, "with other groups: .*res2.1.connect.gate.*GROUP"),
        (
            {"GROUPNET__MERGE": "learned_scales", "GROUPNET__GATES": False},
            {"GROUPNET__MERGE": "learned_scales", "GROUPNET__GROUP": "network"},
            "with other groups: .*merge.scales.*GROUP",
        ),
        ({"GROUPNET__GROUP": "layer"}, {}, "has 1 branches .* GROUP"),
        (
            {"GROUPNET__METHOD": "xnor_net"},
            {"GROUPNET__METHOD": "bnn"},
            "of another network: .*norm.0.weight has shape .*METHOD",
        ),
        ({"GROUPNET__OUT_FEATURES": ["res3"]}, {}, "has 0 blocks in res4.*OUT_FEATURES"),
    ],
    ids=[
        *("K3-K2", "K1-K2", "float", "width", "r34-r18", "r18-r34", "r34-r50", "stage-block"),
        *("block-network", "layer-block", "xnor-bnn", "res3-res5"),
    ],
)
def test_checkpoints_of_other_networks(saved, theirs, ours, message, strict):
    path = saved(make_model(CLASSIFIER, **theirs))
    assert_refused(path, make_model(CLASSIFIER, **ours), message, strict)


def test_other_classes_start_again_in_training_alone(saved, caplog):
    old = make_model(CLASSIFIER, CLASSIFIER__NUM_CLASSES=9)
    path = saved(old)
    new = make_model(CLASSIFIER)
    assert_refused(path, new, r"fc.weight has shape \(9, .*the number of classes", strict=True)

    start = new.fc.weight.clone()
    with caplog.at_level(logging.WARNING):
        Checkpointer(new).load(path)
    assert "fc.weight" in caplog.text
    assert torch.equal(new.fc.weight, start)
    assert torch.equal(new.backbone.stem.conv1.weight, old.backbone.stem.conv1.weight)


def test_another_pyramid_is_no_start(saved):
    path = saved(make_model(DETECTOR, FPN__OUT_CHANNELS=16))
    assert_refused(path, make_model(DETECTOR), "MODEL.FPN.OUT_CHANNELS", strict=False)


def test_gates_may_start_again_in_training_alone(saved):
    path = saved(make_model(CLASSIFIER, GROUPNET__GATES=False))
    model = make_model(CLASSIFIER)
    assert_refused(path, model, "lacks 7 tensors, such as .*connect.gate", strict=True)
    Checkpointer(model).load(path)


def test_gates_that_a_model_lacks_are_refused_in_evaluation(saved):
    path = saved(make_model(CLASSIFIER))
    model = make_model(CLASSIFIER, GROUPNET__GATES=False)
    assert_refused(path, model, "has, but the model lacks, 7 tensors", strict=True)


def test_a_backbone_without_one_convolution_is_no_start(tmp_path):
    model = make_model(CLASSIFIER)
    state = model.state_dict()
    del state["backbone.res4.1.branches.1.unit2.conv.weight"]
    torch.save({"model": state}, tmp_path / "a.pth")
    message = "lacks 1 tensors, such as backbone.res4.1.branches.1.unit2.conv.weight"
    assert_refused(str(tmp_path / "a.pth"), model, message, strict=False)


@pytest.mark.parametrize(
    ("theirs", "ours"), [(CLASSIFIER, DETECTOR), (DETECTOR, CLASSIFIER)], ids=["to", "from"]
)
def test_backbones_move_between_classifier_and_detector(saved, theirs, ours):
    source, target = make_model(theirs), make_model(ours)
    Checkpointer(target).load(saved(source))
    moved = bottom_up(target)
    for key, value in bottom_up(source).items():
        assert torch.equal(moved[key], value), key
    assert_refused(saved(source), make_model(ours), "lacks", strict=True)


def bottom_up(model):
    return getattr(model.backbone, "bottom_up", model.backbone).state_dict()


def test_prefixes():
    assert backbone_prefix(["backbone.bottom_up.stem.a", "fc.b"]) == "backbone.bottom_up."
    assert backbone_prefix(["backbone.stem.a"]) == "backbone."
    assert backbone_prefix(["layer1.a"]) is None
    state = {"backbone.stem.a": 1, "backbone.res2.b": 2, "fc.c": 3}
    inside = {"backbone.bottom_up.stem.a": 1, "backbone.bottom_up.res2.b": 2, "fc.c": 3}
    assert move_backbone(state, list(inside)) == inside
    assert move_backbone({**inside, "backbone.fpn.d": 4}, list(state)) == {
        **state,
        "backbone.fpn.d": 4,
    }
    assert move_backbone(state, list(state)) is state
    assert move_backbone({"d": 4}, list(state)) == {"d": 4}


def test_authors_files_are_pointed_to_the_converter(tmp_path):
    model = make_model(CLASSIFIER)
    # The classifier has torchvision's name: alone it makes no start.
    foreign = {"layer1.0.conv1.weight": torch.zeros(1), "fc.weight": model.fc.weight}
    for contents in (foreign, {"state_dict": foreign, "epoch": 3}, {"model": {"a": [1]}}):
        torch.save(contents, tmp_path / "a.pth")
        assert_refused(str(tmp_path / "a.pth"), model, "groupnet-det convert", strict=False)


def test_what_old_files_lack_or_have_besides_is_no_matter(tmp_path):
    model = make_model(CLASSIFIER)
    state = {k: v for k, v in model.state_dict().items() if "num_batches_tracked" not in k}
    state["pixel_mean"] = torch.zeros(3, 1, 1)
    torch.save({"model": state}, tmp_path / "a.pth")
    Checkpointer(model, strict=True).load(str(tmp_path / "a.pth"))


class Training:
    def state_dict(self):
        return {"iteration": 3}

    def load_state_dict(self, state):
        self.state = state


def test_a_resumed_training_must_be_of_the_same_network(tmp_path):
    checkpointer = Checkpointer(make_model(CLASSIFIER), str(tmp_path), trainer=Training())
    checkpointer.save("model_0000003")
    other = make_model(CLASSIFIER, CLASSIFIER__NUM_CLASSES=9)
    for resume in (True, False):
        trainer = Training()
        again = Checkpointer(other, str(tmp_path), trainer=trainer)
        if resume:
            with pytest.raises(CheckpointError, match="the number of classes"):
                again.resume_or_load("", resume=True)
        else:
            again.resume_or_load(str(tmp_path / "model_0000003.pth"), resume=False)
        assert not hasattr(trainer, "state")
    same = Training()
    Checkpointer(make_model(CLASSIFIER), str(tmp_path), trainer=same).resume_or_load("")
    assert same.state == {"iteration": 3}
