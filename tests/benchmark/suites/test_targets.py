"""The targets are judged by measured rows alone."""

import pytest

from groupnet_det.benchmark.measure.table import Row
from groupnet_det.benchmark.suites.targets import TARGETS, targets_table

BASE = {"workload": "64@56x56", "num_bases": 1, "batch": 1, "threads": 2}


def line(rows, title, num_bases=1):
    (found,) = [x for x in targets_table(rows) if x["what"] == title and x["K"] == num_bases]
    return found


def test_without_rows_nothing_is_reached():
    table = targets_table([])
    assert len(table) == len(TARGETS)
    assert {row["met"] for row in table} == {"not measured"}
    assert {row["reached, least"] for row in table} == {"-"}


@pytest.mark.parametrize(("x", "met"), [(10.5, "yes"), (9.5, "no")], ids=["above", "below"])
def test_the_worst_row_decides(x, met):
    rows = [
        Row(what="layer fused", engine="torch eager", least=1, x_least=v, x_median=v, **BASE)
        for v in (14.0, x)
    ]
    found = line(rows, "fused conv against torch")
    assert (found["met"], found["reached, least"]) == (met, f"{x:.3g} to 14")


@pytest.mark.parametrize(("bytes_", "met"), [(8.1, "yes"), (9.0, "no")], ids=["small", "large"])
def test_values_are_not_to_be_passed(bytes_, met):
    row = Row(
        what="packed file", engine="ours", least=bytes_, median=bytes_, **{**BASE, "num_bases": 4}
    )
    assert line([row], "packed file", 4)["met"] == met


def test_missing_sides_and_other_batches_do_not_count():
    rows = [
        Row(what="network", engine="torch eager", note="unavailable: no", **BASE),
        Row(what="network", engine="torch eager", x_least=99, x_median=99, **{**BASE, "batch": 8}),
    ]
    assert line(rows, "ResNet-18, end to end, against torch")["met"] == "not measured"
