"""Sizes by hand: a square of 40 of 480 pixels needs 288 to keep 24."""

import numpy as np
import pytest

from groupnet_det.autotrain.choices.input_size import (
    classification_side,
    detection_side,
    longest_side,
    segmentation_sizes,
)


def squares(*sides_and_classes, short=480, number=20):
    """For each side and class so many squares, on images twice as wide as high."""
    sides = np.repeat([side for side, _ in sides_and_classes], number).astype(float)
    labels = np.repeat([label for _, label in sides_and_classes], number)
    boxes = np.stack([0 * sides, 0 * sides, sides, sides], axis=1)
    return boxes, np.full((len(sides), 2), [short, 2.0 * short]), labels


@pytest.mark.parametrize(
    ("objects", "short", "expected"),
    [
        ([(40, 0)], 480, 288),  # 24 * 480 / 40
        ([(400, 0), (50, 1)], 480, 256),  # of the smaller class: 230.4
        ([(60, 0), (20, 0), (60, 0), (60, 0)], 480, 480),  # 20 / (20 / 480)
        ([(400, 0)], 480, 128),
        ([(4, 0)], 480, 480),  # never enlarged
        ([(10, 0)], 3000, 800),
    ],
    ids=["one", "smaller class", "smallest tenth", "least", "own", "most"],
)
def test_the_smallest_objects_decide(objects, short, expected):
    side, why = detection_side(*squares(*objects, short=short))
    assert side == expected
    assert why.startswith(f"of {short}: ")


def test_a_class_of_a_few_objects_does_not_count():
    many, few = squares((400, 0)), squares((30, 1), number=2)
    side, _ = detection_side(*(np.concatenate(pair) for pair in zip(many, few, strict=True)))
    assert side == 128


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(480, 640)] * 4, 448),  # 320 * 4 / 3 = 426.7
        ([(480, 480)] * 4, 448),
        ([(400, 800)] * 4, 640),
        ([(100, 900)] * 4, 960),  # at most three times
        ([(480, 640)] * 7 + [(100, 900)], 448),
    ],
)
def test_the_longer_side_keeps_most_shapes(sizes, expected):
    assert longest_side(np.array(sizes, dtype=float), 320) == expected


@pytest.mark.parametrize(
    ("short", "expected"),
    [(256, (0, 192)), (160, (0, 96)), (275, (0, 192)), (480, (320, 224)), (50, (0, 64))],
)
def test_crops_of_segmenters(short, expected):
    assert segmentation_sizes(short) == expected


@pytest.mark.parametrize(
    ("short", "most", "expected"),
    [(100, 128, 96), (28, 128, 32), (32, 128, 32), (480, 128, 128), (480, 224, 224), (64, 64, 64)],
)
def test_sides_of_classifiers(short, most, expected):
    assert classification_side(short, most=most) == expected
