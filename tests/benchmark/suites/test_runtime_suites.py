"""Items of the suites, and reports of unavailable engines."""

import pytest

from groupnet_det.benchmark.engines.engine_registry import ENGINE_NAMES, choose_engines
from groupnet_det.benchmark.measure.table import Row, write_rows
from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.benchmark.measure.unavailable import EngineUnavailableError, require
from groupnet_det.benchmark.measure.workload import LayerWorkload, NetworkWorkload
from groupnet_det.benchmark.suites.runtime_suites import SUITES, Item, Options, measure_item
from groupnet_det.errors import ConfigError
from groupnet_det.files.csv_records import read_records
from groupnet_det.visualization.runtime_plot import plot_runtime
from tests.benchmark.fakes import FakeClock

QUICK = Schedule(rounds=1, burst_seconds=0, pause_seconds=0)
LAYER = LayerWorkload(kind="fused", channels=8, height=4, width=5, num_bases=2, length=2)


def unavailable(workload, threads):
    raise EngineUnavailableError("not here; install it")


def test_rows_of_fake_sides(tmp_path):
    makers = FakeClock(**{"ours": 0.002, "other": 0.006}).makers()
    item = Item(workload=LAYER, threads=1)
    rows = measure_item(item, QUICK, lambda workload, names: {**makers, "third": unavailable})
    ours, other, third = rows
    assert (ours.what, ours.workload, ours.num_bases, ours.threads) == (
        "layer fused",
        "8@4x5",
        2,
        1,
    )
    assert (ours.least, ours.x_least) == (2.0, 1.0)
    assert (other.least, other.x_least, other.x_median) == (6.0, 3.0, 3.0)
    assert (third.least, third.note) == (None, "unavailable: not here; install it")
    path = tmp_path / "new" / "rows.csv"
    write_rows(path, rows, {"device": "toy"})
    assert path.read_text().splitlines()[1].endswith(",toy")
    assert read_records(path, Row, more_columns=True) == rows


def test_without_ours_there_are_no_ratios():
    makers = FakeClock(other=0.006).makers()
    (row,) = measure_item(Item(workload=LAYER, threads=1), QUICK, lambda workload, names: makers)
    assert (row.least, row.x_least, row.x_median) == (6.0, None, None)


@pytest.mark.parametrize("what", SUITES)
def test_plans_name_sides_that_exist(what):
    options = Options(num_bases=[1, 2], shapes=[(8, 4, 4)])
    items = SUITES[what](options)
    assert {item.workload.num_bases for item in items} >= {1, 2}
    for item in items:
        engines = choose_engines(item.workload, item.engines)
        assert "ours" in engines
        assert set(engines) <= set(ENGINE_NAMES)


def test_scaling_varies_one_thing_at_a_time():
    items = SUITES["scaling"](Options(num_bases=[1, 4], threads=2))
    values = {}
    for item in items:
        workload = item.workload
        values.setdefault(item.what, set()).add(
            (workload.num_bases, workload.size, item.threads, workload.batch)
        )
    assert {k for k, *_ in values["scaling bases"]} == set(range(1, 9))
    assert {n for _, _, n, _ in values["scaling threads"]} == {1, 2}
    assert {size for _, size, _, _ in values["scaling size"]} >= {128, 1024}
    assert {batch for *_, batch in values["scaling batch"]} >= {1, 8}


def test_unknown_sides_are_refused():
    with pytest.raises(ConfigError, match=r"--engines is 'larq'; valid: 'ours'"):
        choose_engines(LAYER, ["larq"])


def test_sides_that_cannot_do_a_work_are_left_out():
    assert list(choose_engines(NetworkWorkload(), ["limit of the CPU"])) == []
    assert list(choose_engines(LAYER, ["limit of the CPU"])) == ["limit of the CPU"]


def test_what_is_not_installed_names_the_extra():
    with pytest.raises(
        EngineUnavailableError, match=r"no_such_engine .*pip install 'groupnet-det\[bench"
    ):
        require("no_such_engine.part")


def test_plot_of_bars_and_curves(tmp_path):
    makers = FakeClock(**{"ours": 0.002, "other": 0.006}).makers()
    rows = []
    for what in ("layers", "network", "scaling"):
        options = Options(num_bases=[1, 2], shapes=[(8, 4, 4), (8, 2, 2)])
        for item in SUITES[what](options):
            rows += measure_item(item, QUICK, lambda workload, names: makers)
    written = plot_runtime(rows, tmp_path / "plot.png", "toy")
    kinds = ("layers", "networks", "scaling")
    assert written == [tmp_path / f"plot_{kind}.png" for kind in kinds]
    assert all(path.stat().st_size > 10_000 for path in written)
    layers = [row for row in rows if row.what == "layer alone"]
    assert plot_runtime(layers, tmp_path / "a.png", "some") == [tmp_path / "a_layers.png"]
    assert plot_runtime([], tmp_path / "none.png", "nothing to draw") == []
    assert not (tmp_path / "none.png").exists()
