import pytest

from groupnet_det.errors import DataError
from groupnet_det.model_zoo.records import CostRow, read_records, write_records

ROW = CostRow(
    network="a.yaml KEY 1",
    size="3x4",
    parameters=5,
    binary_percent=98.5,
    binary_operations=2**40,
    float_operations=6,
    counted_bytes=7,
    file_bytes=None,
    date="2026-01-31",
    groupnet_det="1",
)


def test_rows_come_back_as_they_were(tmp_path):
    path = tmp_path / "new/rows.csv"
    rows = [ROW, CostRow(**{**vars(ROW), "file_bytes": 8, "network": 'b, "c"'})]
    write_records(path, rows, CostRow)
    assert read_records(path, CostRow) == rows


def test_an_absent_file_has_no_rows(tmp_path):
    assert read_records(tmp_path / "rows.csv", CostRow) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [("size", "shape", "has columns"), ("98.5", "much", r"rows\.csv, line 2: .*much")],
    ids=["columns", "number"],
)
def test_broken_files_are_named(tmp_path, old, new, message):
    path = tmp_path / "rows.csv"
    write_records(path, [ROW], CostRow)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        read_records(path, CostRow)
