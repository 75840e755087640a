"""Time of an iteration from those of some steps."""

import pytest

from groupnet_det.autotrain.iteration_cost import typical_seconds


@pytest.mark.parametrize(
    ("steps", "seconds"),
    [
        ([1.0, 1.0, 1.0], 1.0),
        ([1.0, 1.0, 1.0, 3.0], 1.5),  # each fourth waits for the loader
        ([1.0, 1.0, 100.0], 2.0),  # the machine was suspended once
        ([4.0], 4.0),
    ],
    ids=["equal", "loader", "suspended", "one"],
)
def test_typical_seconds(steps, seconds):
    assert typical_seconds(steps) == pytest.approx(seconds)
