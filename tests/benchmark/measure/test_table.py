"""Rows of measurements."""

import pytest

from groupnet_det.benchmark.measure.table import OURS, table_rows
from groupnet_det.benchmark.measure.workload import LayerWorkload

LAYER = LayerWorkload(kind="alone", channels=64, height=8, width=8)


@pytest.mark.parametrize(
    ("milliseconds", "note"),
    [
        ([2, 2.2, 2.3], ""),
        ([2, 9, 2.2], ""),  # one slow round is no change
        ([2, 2.5, 2.5], "unsteady: the median is 25% above the least"),
    ],
    ids=str,
)
def test_rows_whose_rounds_differ_are_marked(milliseconds, note):
    seconds = {OURS: [m / 1000 for m in milliseconds], "other": [0.001] * 3}
    ours, other = table_rows(LAYER, 1, seconds, {}, {})
    assert (ours.least, ours.note) == (2.0, note)
    assert (other.least, other.x_least, other.note) == (1.0, 0.5, "")
    ours, other, absent = table_rows(LAYER, 1, seconds, {"third": "not here"}, {OURS: "read so"})
    assert ours.note == "; ".join(filter(None, ["read so", note]))
    assert absent.note == "unavailable: not here"
