"""Rows of ``metrics.json``."""

import json

import pytest

from groupnet_det.engine.records.metrics_file import join_stages, read_metrics
from groupnet_det.errors import DataError


def test_doubled_and_cut_rows_are_dropped_and_stages_counted_on(tmp_path):
    path = tmp_path / "metrics.json"
    rows = [{"iteration": 19}, {"iteration": 39, "lr": 1}, {"iteration": 39, "lr": 2}]
    path.write_text("\n".join(json.dumps(row) for row in rows) + '\n{"iteration": 4')  # cut short
    assert read_metrics(path) == [rows[0], rows[2]]
    joined, ends = join_stages([path] * 2)
    assert [row["iteration"] for row in joined] == [19, 39, 59, 79]
    assert ends == [40, 80]


def test_rows_of_an_iteration_are_one_of_the_latest_values(tmp_path):
    path = tmp_path / "metrics.json"
    rows = [{"iteration": 3, "lr": 1, "loss": 2}, {"iteration": 3, "lr": 5, "bbox/AP": 7}]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    assert read_metrics(path) == [{"iteration": 3, "lr": 5, "loss": 2, "bbox/AP": 7}]


@pytest.mark.parametrize(
    "line", ["5", "[1]", '{"lr": 1}', '{"iteration": "x"}', '{"iteration": [1]}', "\xff"]
)
def test_lines_that_are_no_rows_are_left_out(tmp_path, line):
    path = tmp_path / "metrics.json"
    path.write_bytes(line.encode("latin-1") + b'\n{"iteration": 3}\n')
    assert read_metrics(path) == [{"iteration": 3}]


def test_missing_metrics_are_named(tmp_path):
    with pytest.raises(DataError, match=r"metrics\.json does not exist; train first"):
        read_metrics(tmp_path / "metrics.json")
