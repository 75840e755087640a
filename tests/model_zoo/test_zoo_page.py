"""Marks, tables, and the committed page."""

import pytest

from groupnet_det.errors import ConfigError
from groupnet_det.model_zoo.entries import Entry
from groupnet_det.model_zoo.records import CostRow, LatencyRow
from groupnet_det.model_zoo.spec import TableSpec
from groupnet_det.model_zoo.zoo_page import fill, make_page
from groupnet_det.model_zoo.zoo_tables import Measured, format_table

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
SPEC = TableSpec(kind="trained")
ENTRY = Entry(
    name="net",
    network=ROW.network,
    columns={"AP": "50.0"},
    dates=["2026-02-01", "2026-02-03"],
    torch=["2.1+cpu"],
    command="train it",
    cpu="a CPU",
)
NOTHING = Measured(costs={}, latencies={})


def latency(**changes):
    values = {
        "network": ROW.network,
        "size": ROW.size,
        "engine": "packed",
        "least_ms": 1.2345,
        "median_ms": 2.0,
        "threads": 2,
        "device": "fast CPU",
        "isa": "avx2",
        "torch": "2.1+cpu",
        "date": "2026-02-04",
    }
    return LatencyRow(**{**values, **changes})


def test_the_committed_page_is_that_of_the_results(root):
    """If this fails: python tools/make_zoo_page.py"""
    assert (root / "MODEL_ZOO.md").read_text() == make_page(root)


def test_every_row_of_the_committed_page_has_its_costs(root):
    rows = [line for line in make_page(root).splitlines() if line.startswith("| ")]
    lacking = [row for row in rows if " – | – | – |" in row]
    assert not lacking, "python tools/make_zoo_page.py --measure costs"


def test_table_by_hand():
    measured = Measured(costs={ROW.network: ROW}, latencies={ROW.network: latency()})
    table = format_table([ENTRY], SPEC, measured)
    assert table == "\n".join(
        [
            "| network | AP | params, M | binary | BOPs, M | operations, M "
            "| counted, MB | file, MB | ms |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
            # 2^40 / 64 + 6 operations
            "| net | 50.0 | 0.00 | 98.5 % | 1,099,512 | 17,180 | 0.000 | – | 1.23 |",
            "",
            "Costs of one image of 3 × 4 pixels, counted 2026-01-31. "
            "Trained 2026-02-01 to 2026-02-03 on a CPU, torch 2.1. "
            "Milliseconds from pixels to the prediction, the minimum of several rounds, "
            "on fast CPU (avx2), 2 threads, 2026-02-04, with random weights: the packed engine; "
            "full precision in PyTorch 2.1.",
            "",
            "    train it  # net",
        ]
    )


def test_what_was_not_measured_is_a_dash():
    table = format_table([ENTRY], SPEC, NOTHING)
    assert "| net | 50.0 | – | – | – | – | – | – |" in table
    assert "| ms |" not in table
    assert "Milliseconds" not in table


def test_marks_become_tables():
    page = fill("a\n[[table t]]\nb\n", {"t": SPEC}, {"t": [ENTRY]}, NOTHING)
    assert page.startswith("a\n| network |")
    assert page.endswith("# net\nb\n")


@pytest.mark.parametrize(("entries", "expected"), [([], "ac\n"), ([ENTRY], "ab\nc\n")])
def test_what_has_no_rows_is_left_out(entries, expected):
    text = "a[[if t]]\nb\n[[end]]\nc\n"
    assert fill(text, {"t": SPEC}, {"t": entries}, NOTHING) == expected


@pytest.mark.parametrize(("u", "expected"), [([], "c\n"), ([ENTRY], "b\nc\n")])
def test_one_of_several_tables_keeps_a_text(u, expected):
    text = "[[if t u]]\nb\n[[end]]\nc\n"
    assert fill(text, {}, {"t": [], "u": u}, NOTHING) == expected


def test_marks_of_nothing_are_refused():
    with pytest.raises(ConfigError, match="a mark is 'u'; valid: 't'"):
        fill("[[table u]]", {"t": SPEC}, {"t": [ENTRY]}, NOTHING)
    with pytest.raises(ConfigError, match=r"table 't' has no rows; put \[\[if t\]\]"):
        fill("[[table t]]", {"t": SPEC}, {"t": []}, NOTHING)
