"""Records of a dataclass in CSV files."""

from dataclasses import dataclass, replace

import pytest

from groupnet_det.errors import DataError
from groupnet_det.files.csv_records import append_record, read_records, write_records


@dataclass(frozen=True, kw_only=True)
class Cell:
    name: str
    count: int
    share: float
    size: int | None
    least: float | None = None


CELL = Cell(name='a, "b"', count=2**40, share=1e-05, size=None)
CELLS = [CELL, replace(CELL, name="c", size=8, least=0.5)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "cells.csv"


def test_records_come_back_as_they_were(path):
    write_records(path, CELLS, Cell)
    assert read_records(path, Cell) == CELLS
    assert path.read_text().splitlines() == [
        "name,count,share,size,least",
        '"a, ""b""",1099511627776,1e-05,,',
        "c,1099511627776,1e-05,8,0.5",
    ]


def test_records_are_appended_one_by_one(path):
    for cell in CELLS:
        append_record(path, cell)
    assert read_records(path, Cell) == CELLS


def test_a_missing_file_has_no_records(path):
    assert read_records(path, Cell) == []


def test_more_columns_are_allowed_on_request(path):
    append_record(path, CELL)
    path.write_text("size,least,day,share,name,count\n,,Monday,0.5,x,3\n")
    cell = Cell(name="x", count=3, share=0.5, size=None)
    assert read_records(path, Cell, more_columns=True) == [cell]


@pytest.mark.parametrize(
    ("text", "more_columns", "message"),
    [
        ("a,b\n1,2\n", False, r"cells\.csv has columns \['a', 'b'\], not .*; move it away"),
        ("", False, r"cells\.csv has columns \[\], not .*; move it away"),
        ("name,count,share,least\nx,1,2,\n", True, r"cells\.csv has no column size; move it away"),
        ("name,count,share,size,least\nx,much,1,1,\n", False, r"line 2: .*much.*; remove it"),
        ("name,count,share,size,least\nx,1\n", False, r"line 2: .*; remove it"),
    ],
    ids=["columns", "empty", "missing column", "word", "cut"],
)
def test_a_wrong_file_is_refused_and_kept(path, text, more_columns, message):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_records(path, Cell, more_columns=more_columns)
    assert path.read_text() == text
