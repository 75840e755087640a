"""The model of more cores, against sums by hand, and the count of barriers."""

import pytest
import torch

from groupnet_det.benchmark.engines.packed_engines import open_exported
from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.benchmark.measure.workload import NetworkWorkload
from groupnet_det.benchmark.suites.core_scaling import MEASURED, MODEL, CoreCosts, measure_cores
from groupnet_det.runtime.backends.extension import is_built

WORKLOAD = NetworkWorkload(num_bases=2, size=64, width=0.25, num_classes=10)
needs_engine = pytest.mark.skipif(not is_built(), reason="the compiled engine is missing")


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        (1, 0.5 + 8.0 + 3.0),
        (2, 0.5 + 4.0 + 2.0 + 5 * 0.01),
        (4, 0.5 + 2.0 + 1.0 + 3 * 5 * 0.01),
        (16, 0.5 + 1.0 + 1.0 + 15 * 5 * 0.01),
    ],
)
def test_model(cores, expected):
    costs = CoreCosts(steps=[8.0, 3.0], items=[8, 3], rest=0.5, barriers=5, barrier=0.01)
    assert costs.seconds(cores) == pytest.approx(expected)


@needs_engine
def test_barriers():
    network, program = open_exported(WORKLOAD)
    assert [type(step).__name__ for step in program.steps[-2:]] == ["Mean", "Conv"]
    # One after each step, as each reads what the one before wrote, and one within the stem.
    assert network.num_barriers(1, 64, 64) == len(program.steps) + 1


@needs_engine
def test_barriers_of_strips():
    network, program = open_exported(NetworkWorkload(num_bases=4, size=448, num_classes=10))
    # The maps of the stem and three stages exceed the cache: each of these chains has two.
    chains = [5, 4, 4]
    others = len(program.steps) - sum(chains)
    assert network.num_barriers(1, 448, 448) == others + 2 * len(chains)


@needs_engine
def test_rows():
    threads = torch.get_num_threads()
    try:
        schedule = Schedule(rounds=2, burst_seconds=1e-4, pause_seconds=0)
        rows = measure_cores(WORKLOAD, 4, schedule)
    finally:
        torch.set_num_threads(threads)
    measured = {row.threads: row.least for row in rows if row.what == MEASURED}
    model = {row.threads: row.least for row in rows if row.what == MODEL}
    assert list(measured) == [1, 2, 3, 4]
    assert list(model) == [1, 2, 4, 8, 16]
    assert model[1] == pytest.approx(measured[1], rel=1)
    assert "barriers of" in rows[0].note
