"""Results of trained networks, in the types that packed ones give."""

import pickle

import numpy as np
import pytest
import torch
from detectron2.data import Metadata
from detectron2.structures import Boxes, Instances
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.engine.records.output_names import PACKED
from groupnet_det.errors import ConfigError
from groupnet_det.inference.packed_model import model_outputs
from groupnet_det.inference.trained_predictor import open_predictor
from groupnet_det.inference.trained_results import combination_of, result_of
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.panoptic_segmentation import Combination, PanopticSegmentation

from .models import STUFF, THINGS, write_checkpoint

PIXELS = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
KINDS = {
    "retinanet": Detections,
    "mask_rcnn": Detections,
    "panoptic": PanopticSegmentation,
    "semantic": LabelMap,
    "classifier": Classification,
}
COMBINATION = Combination(overlap_threshold=0.5, stuff_area_limit=1, score_threshold=0.5)


def metadata(**members):
    found = Metadata()
    found.set(**members)
    return found


def outputs_of(predictor):
    """What Detectron2's model itself gives for the image."""
    item = {"image": predictor.preprocess(PIXELS), "height": 60, "width": 80}
    with torch.no_grad():
        return predictor.model([item])[0]


@pytest.mark.parametrize("task", KINDS)
def test_each_task_has_its_result(tmp_path, task):
    predictor = open_predictor(write_checkpoint(tmp_path, task), score_threshold=0.1)
    result, outputs = predictor(PIXELS), outputs_of(predictor)
    assert type(result) is KINDS[task]
    assert str(result)
    if task == "classifier":
        assert torch.equal(result.logits, outputs["logits"])
        assert result.class_names == tuple(THINGS)
    elif task == "semantic":
        assert torch.equal(result.labels, outputs["sem_seg"].argmax(0))
        assert result.class_names == tuple(STUFF)
    elif task == "panoptic":
        assert torch.equal(result.segment_map, outputs["panoptic_seg"][0])
        assert list(result.segments_info) == outputs["panoptic_seg"][1]
        assert result.segment_map.shape == (60, 80)
    else:
        assert torch.equal(result.boxes, outputs["instances"].pred_boxes.tensor)
        assert set(result.names) <= set(THINGS)
        assert (result.masks is None) == (task == "retinanet")


@pytest.mark.parametrize("task", KINDS)
def test_a_result_gives_the_outputs_that_it_was_made_of(tmp_path, task):
    predictor = open_predictor(write_checkpoint(tmp_path, task), score_threshold=0.1)
    outputs, again = outputs_of(predictor), model_outputs(predictor(PIXELS))
    assert set(again) == set(outputs)
    if "instances" in outputs:
        found, expected = again["instances"], outputs["instances"]
        assert found.image_size == expected.image_size
        assert torch.equal(found.pred_boxes.tensor, expected.pred_boxes.tensor)
        for field in set(expected.get_fields()) - {"pred_boxes"}:
            assert torch.equal(found.get(field), expected.get(field)), field
    if "sem_seg" in outputs:
        assert torch.equal(again["sem_seg"].argmax(0), outputs["sem_seg"].argmax(0))


def test_images_of_all_kinds_give_one_result(tmp_path):
    model = open_predictor(write_checkpoint(tmp_path, "classifier"))
    Image.fromarray(PIXELS).save(tmp_path / "image.png")
    expected = model(PIXELS).logits
    for image in (tmp_path / "image.png", str(tmp_path / "image.png"), Image.fromarray(PIXELS)):
        assert torch.equal(model(image).logits, expected)


def test_detections_keep_their_order_and_names():
    found = Instances((4, 6))
    found.pred_boxes = Boxes(torch.tensor([[0.0, 0, 2, 2], [1, 1, 5, 3]]))
    found.scores = torch.tensor([0.9, 0.6])
    found.pred_classes = torch.tensor([1, 0])
    result = result_of({"instances": found}, metadata(thing_classes=THINGS), COMBINATION)
    assert result.names == ["dog", "cat"]
    assert result.image_size == (4, 6)
    assert str(result).splitlines() == ["dog 90.0% [0, 0, 2, 2]", "cat 60.0% [1, 1, 5, 3]"]


def test_classes_without_names_are_numbers():
    found = Instances((4, 6))
    found.pred_boxes = Boxes(torch.zeros(1, 4))
    found.scores, found.pred_classes = torch.ones(1), torch.tensor([3])
    assert result_of({"instances": found}, metadata(), COMBINATION).names == ["3"]
    empty = result_of({"instances": found[:0]}, metadata(), COMBINATION)
    assert (empty.names, str(empty)) == ([], "nothing")
    logits = {"logits": torch.tensor([0.0, 2])}
    assert result_of(logits, metadata(), COMBINATION).class_name == "1"


def test_colours_of_labels_are_those_of_the_data_set():
    scores = {"sem_seg": torch.zeros(2, 3, 4)}
    colours = [[0, 0, 0], [9, 8, 7]]
    found = result_of(scores, metadata(stuff_colors=colours), COMBINATION)
    assert found.class_colours == ((0, 0, 0), (9, 8, 7))
    assert result_of(scores, metadata(stuff_colors=colours[:1]), COMBINATION).class_colours == ()


def test_segments_have_names_of_things_and_stuff():
    labels = torch.tensor([[1, 1, 2], [0, 2, 2]], dtype=torch.int32)
    infos = [
        {"id": 1, "isthing": True, "score": 0.75, "category_id": 1, "instance_id": 0},
        {"id": 2, "isthing": False, "category_id": 2, "area": 3},
    ]
    found = Instances((2, 3), pred_boxes=Boxes(torch.zeros(1, 4)), scores=torch.tensor([0.75]))
    found.pred_classes = torch.tensor([1])
    outputs = {
        "panoptic_seg": (labels, infos),
        "instances": found,
        "sem_seg": torch.zeros(3, 2, 3),
    }
    names = metadata(thing_classes=THINGS, stuff_classes=STUFF)
    result = result_of(outputs, names, COMBINATION)
    assert result.names == ["dog", "sky"]
    assert str(result) == "dog, sky"


def test_the_combination_is_that_of_the_config():
    keys = "MODEL.PANOPTIC_FPN.COMBINE."
    options = [f"{keys}OVERLAP_THRESH", 0.25, f"{keys}STUFF_AREA_LIMIT", 99]
    cfg = load_config("", [*options, f"{keys}INSTANCES_CONFIDENCE_THRESH", 0.75])
    assert combination_of(cfg) == Combination(
        overlap_threshold=0.25, stuff_area_limit=99, score_threshold=0.75
    )


def test_unknown_outputs_are_named():
    with pytest.raises(ConfigError, match=r"the network gives \['proposals'\]; known are"):
        result_of({"proposals": None}, metadata(), COMBINATION)


@pytest.mark.parametrize("task", KINDS)
def test_a_predictor_can_be_pickled(tmp_path, task):
    opened = open_predictor(write_checkpoint(tmp_path, task), score_threshold=0.1)
    again = pickle.loads(pickle.dumps(opened))
    assert str(again(PIXELS)) == str(opened(PIXELS))


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_a_packed_predictor_is_pickled_by_its_file(tiny_packed, protocol):
    predictor = PackedPredictor(tiny_packed / PACKED, backend="reference", score_threshold=0.25)
    again = pickle.loads(pickle.dumps(predictor, protocol))
    assert type(again.network) is type(predictor.network)
    assert again.score_threshold == 0.25
    assert str(again(PIXELS)) == str(predictor(PIXELS))
