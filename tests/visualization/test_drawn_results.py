import numpy as np
import pycocotools.mask as mask_util
import pytest
import torch
from detectron2.data import Metadata
from detectron2.structures import BitMasks, Boxes, Instances

from groupnet_det.visualization.drawn_results import (
    VideoDrawer,
    complete_looks,
    describe_outputs,
    draw_outputs,
)
from groupnet_det.visualization.instances import draw_instances

SIZE = (60, 80)
PIXELS = np.full((*SIZE, 3), 100, dtype=np.uint8)


def looks(**names):
    metadata = Metadata()
    metadata.set(**names)
    return metadata


def instances(masks=False, scores=True):
    found = Instances(
        SIZE,
        pred_boxes=Boxes(torch.tensor([[5.0, 20.0, 35.0, 50.0], [45.0, 20.0, 75.0, 50.0]])),
        pred_classes=torch.tensor([1, 0]),
    )
    if scores:
        found.scores = torch.tensor([0.9, 0.4])
    if masks:
        found.pred_masks = torch.zeros(2, *SIZE, dtype=torch.bool)
        found.pred_masks[0, 20:50, 5:35] = True
        found.pred_masks[1, 20:50, 45:75] = True
    return found


def semantic():
    scores = torch.zeros(3, *SIZE)
    scores[0, :, :60] = 1
    scores[2, :, 60:] = 1
    return scores


def panoptic():
    segments = torch.ones(SIZE, dtype=torch.int32)
    segments[20:50, 5:35] = 2
    info = [
        {"id": 1, "isthing": False, "category_id": 1, "area": 3900},
        {"id": 2, "isthing": True, "category_id": 0, "score": 0.9, "instance_id": 0},
    ]
    return segments, info


NAMES = {"thing_classes": ["cat", "dog"], "stuff_classes": ["x", "grass", "sky"]}
CASES = {
    "boxes": ({"instances": instances()}, "2 objects: 1 × dog, 1 × cat"),
    "masks": ({"instances": instances(masks=True)}, "2 objects: 1 × dog, 1 × cat"),
    "nothing": ({"instances": instances()[:0]}, "0 objects"),
    "labels": ({"sem_seg": semantic()}, "x 75%, sky 25%"),
    "segments": (
        {"panoptic_seg": panoptic(), "instances": instances(), "sem_seg": semantic()},
        "1 object: 1 × cat; 1 other segment",
    ),
    "class": ({"logits": torch.log(torch.tensor([0.25, 0.75]))}, "dog 75%, cat 25%"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("named", [True, False], ids=["names", "numbers"])
def test_drawn_and_described(case, named):
    outputs, text = CASES[case]
    metadata = looks(**NAMES, classes=["cat", "dog"]) if named else looks()
    for draw in (lambda: draw_outputs(PIXELS, outputs, metadata), video(outputs, metadata)):
        drawn = draw()
        assert drawn.shape == PIXELS.shape
        changed = np.abs(drawn.astype(int) - PIXELS).sum(axis=2) > 30
        assert changed.any() == (case != "nothing")
    if named:
        assert describe_outputs(outputs, metadata) == text


@pytest.mark.parametrize("case", ["labels", "segments"])
def test_segments_have_the_same_colours_in_every_picture(case):
    outputs, _ = CASES[case]
    drawer = VideoDrawer(looks(**NAMES))
    pictures = [draw_outputs(PIXELS, outputs, looks(**NAMES)) for _ in range(2)]
    frames = [drawer(PIXELS, outputs) for _ in range(3)]
    for first, second in (pictures, frames[1:]):  # things of a video have the colours of tracks
        stuff = np.s_[:15, 40:60] if case == "segments" else np.s_[:]
        assert np.array_equal(first[stuff], second[stuff])


def test_labels_are_coloured_by_the_data_set_and_black_is_no_colour():
    colours = [[0, 0, 0], [9, 9, 9], [200, 0, 40]]
    drawn = draw_outputs(PIXELS, {"sem_seg": semantic()}, looks(**NAMES, stuff_colors=colours))
    assert (drawn[:, :55] == 100).all()
    inside = drawn[2:8, 64:76].astype(int)  # above the name
    assert np.abs(inside - [160, 40, 64]).max() <= 2  # 0.6 of the colour, 0.4 of the image


def test_names_and_colours_that_are_absent_are_made_up_once():
    outputs = {"panoptic_seg": panoptic(), "sem_seg": semantic()}
    complete = complete_looks(looks(thing_classes=["cat"], stuff_colors=[[1, 2, 3]]), outputs)
    assert complete.thing_classes == ["cat"]
    assert complete.stuff_classes == ["0", "1", "2"]
    assert complete.stuff_colors == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    assert complete.thing_colors == [[255, 0, 0]]


def video(outputs, metadata):
    drawer = VideoDrawer(metadata)
    drawer(PIXELS, outputs)
    return lambda: drawer(PIXELS, outputs)


def test_masks_are_filled_and_boxes_not():
    inside = (slice(32, 46), slice(10, 30))
    plain = draw_instances(PIXELS, instances(scores=False), looks(**NAMES))[inside]
    filled = draw_instances(PIXELS, instances(masks=True), looks(**NAMES))[inside]
    assert np.abs(plain.astype(int) - 100).max() < 20
    assert np.abs(filled.astype(int) - 100).min(axis=2).mean() > 20


@pytest.mark.parametrize("kind", ["tensor", "BitMasks", "encoded", "list"])
def test_holes_of_masks_stay_open(kind):
    found = instances(scores=False)[:1]
    mask = torch.zeros(1, *SIZE, dtype=torch.bool)
    mask[0, 20:50, 5:35] = True
    mask[0, 30:44, 12:28] = False
    encoded = mask_util.encode(np.asfortranarray(mask[0].numpy().astype(np.uint8)))
    bits = np.asfortranarray(mask[0].numpy()).ravel(order="F").astype(int)
    ends = np.flatnonzero(np.diff(bits)) + 1
    runs = np.diff([0, *ends, len(bits)]).tolist()
    found.pred_masks = {
        "tensor": mask,
        "BitMasks": BitMasks(mask),
        "encoded": [encoded],
        "list": [{"size": list(SIZE), "counts": runs}],
    }[kind]
    drawn = draw_instances(PIXELS, found, looks(**NAMES)).astype(int)
    assert np.abs(drawn[34:42, 15:25] - 100).max() < 20
    assert np.abs(drawn[46:48, 10:30] - 100).min(axis=2).mean() > 20


@pytest.mark.parametrize("turned", [False, True])
def test_small_masks_lie_above_large_ones(turned):
    found = instances(masks=True, scores=False)
    found.pred_masks[0] = True
    order = [1, 0] if turned else [0, 1]
    drawn = draw_instances(PIXELS, found[order], looks(**NAMES)).astype(int)
    large, both = drawn[34:42, 40:43].mean(axis=(0, 1)), drawn[34:42, 55:65].mean(axis=(0, 1))
    # The small mask's red counts by half, over half of the other's cyan.
    assert np.abs(large - [50, 178, 178]).max() < 12
    assert np.abs(both - [152, 89, 89]).max() < 12


def test_polygons_are_filled():
    found = instances(scores=False)[:1]
    found.pred_masks = [[[5.0, 20.0, 35.0, 20.0, 35.0, 50.0, 5.0, 50.0]]]
    drawn = draw_instances(PIXELS, found, looks(**NAMES)).astype(int)
    assert np.abs(drawn[34:42, 15:25] - 100).min(axis=2).mean() > 20


def test_a_class_has_one_colour_and_pictures_any_height():
    drawn = draw_instances(PIXELS, instances(), looks(**NAMES), height=120)
    assert drawn.shape == (120, 160, 3)
    again = draw_instances(PIXELS, instances(), looks(**NAMES), height=120)
    assert np.array_equal(drawn, again)
