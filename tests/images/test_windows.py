import numpy as np
import pytest

from groupnet_det.images.windows import windows


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        # Starts 0, 10 and 20 - 5 = 15 along the height; 0 and 30 - 20 = 10 along the width.
        ((25, 30), [(t, left) for t in (0, 10, 15) for left in (0, 10)]),
        ((10, 20), [(0, 0)]),
        ((4, 3), [(0, 0)]),
    ],
    ids=["many", "one", "smaller"],
)
def test_places(size, expected):
    found = list(windows(size, (10, 20), (10, 15)))
    assert [(rows.start, columns.start) for rows, columns in found] == expected
    sizes = {(rows.stop - rows.start, columns.stop - columns.start) for rows, columns in found}
    assert sizes == {(min(10, size[0]), min(20, size[1]))}


def test_every_pixel_is_covered():
    count = np.zeros((37, 53))
    for rows, columns in windows((37, 53), (10, 12), (7, 12)):
        count[rows, columns] += 1
    assert count.min() == 1
