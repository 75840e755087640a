"""The splits of photo-digits have nothing in common."""

import numpy as np

from groupnet_det.data.datasets.photo_digits_sources import (
    PHOTOS,
    load_digits,
    split_digits,
    split_photo,
)


def test_splits_share_no_digit_and_keep_the_classes_balanced():
    _, labels = load_digits()
    train, val = split_digits(labels, "train"), split_digits(labels, "val")
    assert not set(train) & set(val)
    assert len(train) + len(val) == 5000
    assert np.array_equal(np.bincount(labels[val]), [100] * 10)


def test_splits_share_no_photograph_region():
    positions = np.arange(1000, dtype=np.uint16).reshape(1, 1000, 1).repeat(20, axis=0)
    train, val = (set(split_photo(positions, split).ravel()) for split in ("train", "val"))
    assert not train & val
    assert train | val == set(range(1000))
    assert len(PHOTOS) == 9
