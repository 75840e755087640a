import numpy as np
import pycocotools.mask as mask_util
import pytest
import torch
from detectron2.data import Metadata
from detectron2.structures import BitMasks, Boxes, Instances

from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.panoptic_segmentation import Combination, PanopticSegmentation
from groupnet_det.visualization.drawn_results import (
    VideoDrawer,
    complete_metadata,
    describe_result,
)
from groupnet_det.visualization.instances import draw_instances

SIZE = (60, 80)
PIXELS = np.full((*SIZE, 3), 100, dtype=np.uint8)


def named(**names):
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


def detections(masks=False, number=2):
    found = instances(masks)[:number]
    return Detections(
        boxes=found.pred_boxes.tensor,
        scores=found.scores,
        classes=found.pred_classes,
        class_names=("cat", "dog"),
        image_size=SIZE,
        masks=found.pred_masks if masks else None,
    )


def label_map(colours=()):
    labels = torch.zeros(SIZE, dtype=torch.int64)
    labels[:, 60:] = 2
    return LabelMap(labels, ("x", "grass", "sky"), colours)


def panoptic():
    segments = torch.ones(SIZE, dtype=torch.int32)
    segments[20:50, 5:35] = 2
    info = (
        {"id": 1, "isthing": False, "category_id": 1, "area": 3900},
        {"id": 2, "isthing": True, "category_id": 0, "score": 0.9, "instance_id": 0},
    )
    rule = Combination(overlap_threshold=0.5, stuff_area_limit=1, score_threshold=0.5)
    return PanopticSegmentation(segments, info, detections(masks=True), label_map(), rule)


NAMES = {"thing_classes": ["cat", "dog"], "stuff_classes": ["x", "grass", "sky"]}
CASES = {
    "boxes": (detections(), "2 objects: 1 × dog, 1 × cat"),
    "masks": (detections(masks=True), "2 objects: 1 × dog, 1 × cat"),
    "nothing": (detections(number=0), "0 objects"),
    "labels": (label_map(), "x 75%, sky 25%"),
    "segments": (panoptic(), "1 object: 1 × cat; 1 other segment"),
    "class": (
        Classification(torch.log(torch.tensor([0.25, 0.75])), ("cat", "dog")),
        "dog 75%, cat 25%",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_drawn_and_described(case):
    result, text = CASES[case]
    for draw in (lambda: result.plot(PIXELS), video(result)):
        drawn = draw()
        assert drawn.shape == PIXELS.shape
        changed = np.abs(drawn.astype(int) - PIXELS).sum(axis=2) > 30
        assert changed.any() == (case != "nothing")
    assert describe_result(result) == text


@pytest.mark.parametrize("case", ["labels", "segments"])
def test_segments_have_the_same_colours_in_every_image(case):
    result, _ = CASES[case]
    drawer = VideoDrawer()
    pictures = [result.plot(PIXELS) for _ in range(2)]
    frames = [drawer(PIXELS, result) for _ in range(3)]
    for first, second in (pictures, frames[1:]):  # things of a video have the colours of tracks
        stuff = np.s_[:15, 40:60] if case == "segments" else np.s_[:]
        assert np.array_equal(first[stuff], second[stuff])


def test_labels_are_coloured_by_the_data_set_and_black_is_no_colour():
    drawn = label_map(((0, 0, 0), (9, 9, 9), (200, 0, 40))).plot(PIXELS)
    assert (drawn[40:, :60] == 100).all()
    inside = drawn[40:58, 64:76].astype(int)
    assert np.abs(inside - [150, 50, 70]).max() <= 2  # half of the colour, half of the image


def test_missing_colours_are_the_same_each_time():
    complete = complete_metadata(things=["cat"], stuff=["0", "1", "2"], stuff_colours=[[1, 2, 3]])
    assert complete.thing_classes == ["cat"]
    assert complete.stuff_classes == ["0", "1", "2"]
    assert complete.stuff_colors == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    assert complete.thing_colors == [[255, 0, 0]]


def video(result):
    drawer = VideoDrawer()
    drawer(PIXELS, result)
    return lambda: drawer(PIXELS, result)


def test_masks_are_filled_and_boxes_not():
    inside = (slice(32, 46), slice(10, 30))
    plain = draw_instances(PIXELS, instances(scores=False), named(**NAMES))[inside]
    filled = draw_instances(PIXELS, instances(masks=True), named(**NAMES))[inside]
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
    drawn = draw_instances(PIXELS, found, named(**NAMES)).astype(int)
    assert np.abs(drawn[34:42, 15:25] - 100).max() < 20
    assert np.abs(drawn[46:48, 10:30] - 100).min(axis=2).mean() > 20


@pytest.mark.parametrize("turned", [False, True])
def test_small_masks_lie_above_large_ones(turned):
    found = instances(masks=True, scores=False)
    found.pred_masks[0] = True
    order = [1, 0] if turned else [0, 1]
    drawn = draw_instances(PIXELS, found[order], named(**NAMES)).astype(int)
    large, both = drawn[34:42, 40:43].mean(axis=(0, 1)), drawn[34:42, 55:65].mean(axis=(0, 1))
    # The small mask's red counts by half, over half of the other's cyan.
    assert np.abs(large - [50, 178, 178]).max() < 12
    assert np.abs(both - [152, 89, 89]).max() < 12


def test_polygons_are_filled():
    found = instances(scores=False)[:1]
    found.pred_masks = [[[5.0, 20.0, 35.0, 20.0, 35.0, 50.0, 5.0, 50.0]]]
    drawn = draw_instances(PIXELS, found, named(**NAMES)).astype(int)
    assert np.abs(drawn[34:42, 15:25] - 100).min(axis=2).mean() > 20


def test_a_class_has_one_colour_and_images_any_height():
    drawn = draw_instances(PIXELS, instances(), named(**NAMES), height=120)
    assert drawn.shape == (120, 160, 3)
    again = draw_instances(PIXELS, instances(), named(**NAMES), height=120)
    assert np.array_equal(drawn, again)
