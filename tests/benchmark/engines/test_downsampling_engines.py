"""Our engine with downsampling convolutions of three kinds."""

import pytest

from groupnet_det.benchmark.engines import downsampling_engines
from groupnet_det.benchmark.engines.downsampling_engines import KINDS, make_downsampling
from groupnet_det.benchmark.engines.engine_registry import DOWNSAMPLING_ENGINES
from groupnet_det.benchmark.measure.table import OURS
from groupnet_det.benchmark.measure.workload import DOWNSAMPLING
from groupnet_det.benchmark.suites.runtime_suites import SUITES, Options
from tests.runtime.engine import needs_engine


def test_a_network_for_each_number_of_bases():
    items = SUITES["downsampling"](Options(num_bases=[1, 4], size=32))
    assert [(item.workload.part, item.workload.num_bases) for item in items] == [
        (DOWNSAMPLING, 1),
        (DOWNSAMPLING, 4),
    ]
    assert next(iter(DOWNSAMPLING_ENGINES)) == OURS  # what the others are held against


@needs_engine
@pytest.mark.parametrize("kind", KINDS)
def test_the_convolutions_are_of_the_kind(monkeypatch, kind):
    """By the buffers that the convolutions of the shortcuts read."""
    exported = []

    def export(*arguments):
        exported.append(export_network(*arguments))
        return exported[-1]

    export_network = downsampling_engines.export_network
    monkeypatch.setattr(downsampling_engines, "export_network", export)
    (item,) = SUITES["downsampling"](Options(num_bases=[1], size=32, width=0.25))
    assert make_downsampling(kind)(item.workload, 1)(1) > 0
    (program,) = exported
    units = [step for step in program.steps if step.name.endswith(".0.unit1")]
    read = {program.buffers[step.branches[0].terms[-1].input].kind for step in units[1:]}
    assert read == {{"binary": "bits", "float32": "float", "int8": "bytes"}[kind]}
