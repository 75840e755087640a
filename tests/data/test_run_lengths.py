import numpy as np
import pycocotools.mask as mask_util
import pytest

from groupnet_det.data.run_lengths import count_pixels


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
