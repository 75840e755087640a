import numpy as np
import pycocotools.mask as mask_util
import pytest

from groupnet_det.data.checks.compressed_masks import count_pixels, run_length_problem


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (160, 160), (700, 900)], ids=str)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_sum_of_the_runs_that_pycocotools_writes(shape, share):
    rng = np.random.default_rng(0)
    mask = np.asfortranarray(rng.random(shape) < share, dtype=np.uint8)
    counts = mask_util.encode(mask)["counts"]
    assert count_pixels(counts) == shape[0] * shape[1]
    assert count_pixels(counts.decode()) == shape[0] * shape[1]


def test_long_runs():
    counts = [10**6, 5, 3 * 10**6, 7, 1]
    text = mask_util.frPyObjects({"size": [2000, 3000], "counts": counts}, 2000, 3000)["counts"]
    assert count_pixels(text) == sum(counts)
    assert count_pixels("") == 0


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ("52 1", "characters that"),
        ("5\xe9", "characters that"),
        ("5Q", "without an end"),
        ("QQQQQQQQQ1", "without an end"),
        ("O", "less than no pixel"),
    ],
    ids=["space", "not-ascii", "cut", "endless", "negative"],
)
def test_what_is_no_run_length_encoding(counts, message):
    with pytest.raises(ValueError, match=message):
        count_pixels(counts)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"counts": [3, 9]}, None),
        ({"size": [4, 3]}, "is for an image of 3x4, not 4x3"),
        ({"size": 12}, "has size 12; it must be [height, width]"),
        ({"counts": None}, "has no counts"),
        ({"counts": [3, 8]}, "has runs of 11 pixels, but the image 12"),
        ({"counts": ["x"]}, "is not a run-length encoding: it has "),
        ({"counts": "5Q"}, "is not a run-length encoding: it has a number without an end"),
    ],
    ids=["good", "list", "turned", "size", "none", "short", "word", "cut"],
)
def test_a_mask_and_its_image(change, problem):
    encoded = mask_util.encode(np.ones((3, 4), dtype=np.uint8, order="F"))
    mask = {"size": encoded["size"], "counts": encoded["counts"].decode(), **change}
    found = run_length_problem(mask, (3, 4))
    assert found is None if problem is None else found.startswith(problem)
