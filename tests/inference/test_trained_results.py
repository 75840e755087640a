"""Answers of trained networks, in the form that packed ones give theirs."""

import pickle

import numpy as np
import pytest
import torch
from detectron2.data import Metadata
from detectron2.structures import Boxes, Instances
from PIL import Image

from groupnet_det.engine.records.output_names import PACKED
from groupnet_det.errors import ConfigError
from groupnet_det.inference.results import Segment, Segments, answer_of, open_model
from groupnet_det.inference.trained_predictor import open_predictor
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap

from .models import STUFF, THINGS, write_checkpoint

PIXELS = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
KINDS = {
    "retinanet": Detections,
    "mask_rcnn": Detections,
    "panoptic": Segments,
    "semantic": LabelMap,
    "classifier": Classification,
}


def looks(**members):
    metadata = Metadata()
    metadata.set(**members)
    return metadata


@pytest.mark.parametrize("task", KINDS)
def test_each_task_has_its_answer(tmp_path, task):
    path = write_checkpoint(tmp_path, task)
    answer = open_model(path, threshold=0.1)(PIXELS)
    assert type(answer) is KINDS[task]
    assert str(answer)
    predictor = open_predictor(config_file="", weights=str(path), options=(), threshold=0.1)
    outputs = predictor(PIXELS)
    if task == "classifier":
        assert torch.equal(answer.logits, outputs["logits"])
        assert answer.class_names == tuple(THINGS)
    elif task == "semantic":
        assert torch.equal(answer.labels, outputs["sem_seg"].argmax(0))
        assert answer.class_names == tuple(STUFF)
    elif task == "panoptic":
        assert torch.equal(answer.labels, outputs["panoptic_seg"][0].long())
        assert answer.labels.shape == (60, 80)
    else:
        assert torch.equal(answer.boxes, outputs["instances"].pred_boxes.tensor)
        assert set(answer.names) <= set(THINGS)
        assert (answer.masks is None) == (task == "retinanet")


def test_images_of_all_kinds_give_one_answer(tmp_path):
    model = open_model(write_checkpoint(tmp_path, "classifier"))
    Image.fromarray(PIXELS).save(tmp_path / "image.png")
    expected = model(PIXELS).logits
    for image in (tmp_path / "image.png", str(tmp_path / "image.png"), Image.fromarray(PIXELS)):
        assert torch.equal(model(image).logits, expected)


def test_detections_keep_their_order_and_names():
    found = Instances((4, 6))
    found.pred_boxes = Boxes(torch.tensor([[0.0, 0, 2, 2], [1, 1, 5, 3]]))
    found.scores = torch.tensor([0.9, 0.6])
    found.pred_classes = torch.tensor([1, 0])
    answer = answer_of({"instances": found}, looks(thing_classes=THINGS))
    assert answer.names == ["dog", "cat"]
    assert answer.image_size == (4, 6)
    assert str(answer).splitlines() == ["dog 90.0% [0, 0, 2, 2]", "cat 60.0% [1, 1, 5, 3]"]


def test_classes_without_names_are_numbers():
    found = Instances((4, 6))
    found.pred_boxes = Boxes(torch.zeros(1, 4))
    found.scores, found.pred_classes = torch.ones(1), torch.tensor([3])
    assert answer_of({"instances": found}, looks()).names == ["3"]
    empty = answer_of({"instances": found[:0]}, looks())
    assert (empty.names, str(empty)) == ([], "nothing")
    assert answer_of({"logits": torch.tensor([0.0, 2])}, looks()).class_name == "1"


def test_segments_have_names_of_things_and_stuff():
    labels = torch.tensor([[1, 1, 2], [0, 2, 2]], dtype=torch.int32)
    infos = [
        {"id": 1, "isthing": True, "score": 0.75, "category_id": 1, "instance_id": 0},
        {"id": 2, "isthing": False, "category_id": 2, "area": 3},
    ]
    names = looks(thing_classes=THINGS, stuff_classes=STUFF)
    answer = answer_of({"panoptic_seg": (labels, infos), "instances": None}, names)
    assert answer.segments == (
        Segment(number=1, name="dog", is_object=True, score=0.75),
        Segment(number=2, name="sky", is_object=False),
    )
    assert answer.labels.dtype == torch.int64
    assert str(answer) == "dog, sky"


def test_unknown_outputs_are_told():
    with pytest.raises(ConfigError, match=r"the network gives \['proposals'\]; known are"):
        answer_of({"proposals": None}, looks())


@pytest.mark.parametrize("task", KINDS)
def test_what_is_opened_can_be_pickled(tmp_path, task):
    opened = open_model(write_checkpoint(tmp_path, task), threshold=0.1)
    again = pickle.loads(pickle.dumps(opened))
    assert str(again(PIXELS)) == str(opened(PIXELS))


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_a_packed_predictor_is_pickled_by_its_file(tiny_packed, protocol):
    predictor = PackedPredictor(tiny_packed / PACKED, backend="reference")
    again = pickle.loads(pickle.dumps(predictor, protocol))
    assert type(again.network) is type(predictor.network)
    assert str(again(PIXELS)) == str(predictor(PIXELS))
    opened = open_model(tiny_packed / PACKED)
    assert str(pickle.loads(pickle.dumps(opened))(PIXELS)) == str(opened(PIXELS))
