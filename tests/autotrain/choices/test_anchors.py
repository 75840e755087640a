"""Anchors of known boxes; the recall is compared with that of all anchors, one by one."""

import numpy as np
import pytest

from groupnet_det.autotrain.choices.anchors import choose_levels, find_anchors

LEVELS = ((4, 5), (3, 4), (3, 4, 5), (3, 4, 5, 6, 7))
SIDE = 128


def random_boxes(sizes, shapes, seed=0):
    """Boxes of these sizes and shapes (height by width) anywhere in images of `SIDE`."""
    rng = np.random.default_rng(seed)
    widths, heights = sizes / np.sqrt(shapes), sizes * np.sqrt(shapes)
    x, y = rng.uniform(0, SIDE - widths), rng.uniform(0, SIDE - heights)
    return np.stack([x, y, x + widths, y + heights], axis=1)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([50, 70, 150], (4, 5)),
        ([20, 30, 70], (3, 4)),
        ([20, 70, 150], (3, 4, 5)),
        ([20, 70, 400], (3, 4, 5, 6, 7)),
        ([60] * 99 + [10], (4, 5)),  # one of a hundred
        ([60] * 97 + [10] * 3, (3, 4)),
    ],
    ids=["large", "small", "both", "all", "few", "more"],
)
def test_levels_are_those_of_the_objects(sizes, expected):
    assert choose_levels(np.array(sizes, dtype=float), LEVELS) == expected


def plain_recall(boxes, anchors):
    """By making every anchor of every level at every place."""
    fitting = 0
    for x0, y0, x1, y1 in boxes:
        best = 0.0
        for level, sizes in zip(anchors.levels, anchors.sizes, strict=True):
            places = np.arange(0, SIDE, 2**level)
            for size in sizes:
                for shape in anchors.shapes:
                    w, h = size / np.sqrt(shape), size * np.sqrt(shape)
                    cx, cy = np.meshgrid(places, places)
                    across = np.minimum(x1, cx + w / 2) - np.maximum(x0, cx - w / 2)
                    down = np.minimum(y1, cy + h / 2) - np.maximum(y0, cy - h / 2)
                    common = np.maximum(across, 0) * np.maximum(down, 0)
                    union = (x1 - x0) * (y1 - y0) + w * h - common
                    best = max(best, float((common / union).max()))
        fitting += best >= 0.5
    return fitting / len(boxes)


def found(boxes, per_level=3):
    images = np.full((len(boxes), 2), float(SIDE))
    return find_anchors(boxes, images, choices_of_levels=LEVELS, per_level=per_level)


def test_clusters_of_sizes_are_found_on_their_levels():
    rng = np.random.default_rng(1)
    sizes = np.concatenate([middle * rng.uniform(0.98, 1.02, 30) for middle in (12, 20, 30)])
    sizes = np.concatenate([sizes, [60 * s for s in rng.uniform(0.95, 1.05, 30)]])
    anchors = found(random_boxes(sizes, np.ones(len(sizes))))
    assert anchors.levels == (3, 4)
    assert anchors.sizes[0] == pytest.approx((12, 20, 30), rel=0.03)
    assert all(55 < size < 65 for size in anchors.sizes[1])
    assert anchors.shapes == (1.0,)


def test_two_shapes_are_found_where_one_does_not_do():
    rng = np.random.default_rng(2)
    sizes = rng.uniform(20, 40, 200)
    shapes = np.where(np.arange(200) % 2, 3.0, 1 / 3)
    anchors = found(random_boxes(sizes, shapes))
    assert anchors.shapes == pytest.approx((0.33, 3.0), abs=0.01)


def test_the_recall_is_that_of_all_anchors():
    rng = np.random.default_rng(3)
    boxes = random_boxes(rng.uniform(8, 70, 60), np.exp(rng.normal(0, 0.6, 60)))
    anchors = found(boxes, per_level=1)
    assert 0.2 < anchors.recall < 1
    assert anchors.recall == pytest.approx(plain_recall(boxes, anchors))


def test_a_level_without_objects_has_retinanets_sizes():
    anchors = found(random_boxes(np.full(50, 20.0), np.ones(50)))
    assert anchors.sizes == ((16, 20, 25), (64, 81, 102))  # 4 strides and up, by thirds of octaves
    assert anchors.recall == 1
