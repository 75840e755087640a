"""Resized images against Detectron2's augmentation."""

import numpy as np
import pytest
from detectron2.data import transforms as T

from groupnet_det.errors import DataError, PackedFileError
from groupnet_det.runtime.preprocessing import shortest_edge
from groupnet_det.runtime.preprocessing.shortest_edge import ShortestEdge


@pytest.mark.parametrize("size", [(50, 70), (70, 50), (64, 64), (20, 300), (7, 5)], ids=str)
@pytest.mark.parametrize(("least", "most"), [(40, 90), (100, 1333), (64, 64)])
def test_as_detectron2(size, least, most):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    expected = T.ResizeShortestEdge(least, most).get_transform(pixels).apply_image(pixels)
    prepare = ShortestEdge(min_size=least, max_size=most, format="BGR")
    found, own = prepare(pixels)
    assert own == size
    assert np.array_equal(found[0].numpy(), expected[:, :, ::-1])


def test_the_image_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 9, 3), dtype=np.uint8)
    found, own = ShortestEdge(min_size=0, max_size=0, format="RGB")(pixels)
    assert own == (5, 9)
    assert np.array_equal(found[0].numpy(), pixels)


def test_without_a_limit():
    assert ShortestEdge(min_size=10, max_size=0, format="RGB").resized(5, 900) == (10, 1800)


def test_refusals():
    with pytest.raises(PackedFileError, match=r"min_size or max_size is below 0"):
        ShortestEdge(min_size=-1, max_size=0, format="RGB")
    with pytest.raises(PackedFileError, match=r"format is 'HSV'; valid: \['RGB', 'BGR'\]"):
        ShortestEdge(min_size=1, max_size=0, format="HSV")
    with pytest.raises(PackedFileError, match="kind is 'other'; valid: 'shortest_edge'"):
        ShortestEdge(kind="other", min_size=1, max_size=0, format="RGB")


@pytest.mark.parametrize(
    ("least", "size", "message"),
    [
        (800, (1, 30000), "30000 x 1 pixels would have more than 2^28 pixels once it is resized"),
        (20000, (5, 5), "5 x 5 pixels would have more than 2^28 pixels once it is resized"),
        (0, (16384, 16385), "16385 x 16384 pixels has more than 2^28 pixels; make it smaller"),
    ],
    ids=["narrow", "enlarged", "as it is"],
)
def test_too_many_pixels(least, size, message, monkeypatch):
    pixels = np.broadcast_to(np.zeros(3, np.uint8), (*size, 3))  # 3 bytes
    monkeypatch.setattr(shortest_edge, "read_image", lambda image, least_side: image)
    with pytest.raises(DataError) as error:
        ShortestEdge(min_size=least, max_size=0, format="RGB")(pixels)
    assert str(error.value) == f"the image of {message}"
