"""Time of the stages: sums, shares, and a real program's steps."""

import time

import pytest
import torch

from groupnet_det.benchmark.measure.workload import ModelWorkload
from groupnet_det.benchmark.suites.stages import (
    OTHER,
    OUTPUTS,
    PREPARATION,
    REST,
    WHOLE,
    TimedNetwork,
    by_stage,
    stage_rows,
    stages_of,
    time_runs,
)
from groupnet_det.benchmark.workloads.detectors import AS_IT_IS
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.predictor import PackedPredictor
from tests.exporting.models import export
from tests.modeling.detectors import make_detector
from tests.modeling.segmentors import make_segmentor
from tests.runtime.engine import needs_engine


def test_stages_sum_up_to_the_whole():
    calls = {WHOLE: 10.0, "label map": 2.0, "region heads": 3.0}
    found = stages_of(1.0, {"stem": 4.0, "FPN": 5.5}, calls, 17.0)
    assert list(found) == [
        *(PREPARATION, "stem", "FPN", OUTPUTS, "label map", "region heads", REST, WHOLE)
    ]
    assert found[OUTPUTS] == 0.5
    assert found[REST] == 2.0
    assert found[WHOLE] == 18.0 == sum(found.values()) - found[WHOLE]
    assert stages_of(1.0, {"stem": 11.0}, calls, 17.0)[OUTPUTS] == 0  # clocks differ


def test_a_clock_on_what_a_network_does():
    class Network:
        def __call__(self, images):
            return {"out": images + 1}

        def label_map(self, logits, size):
            time.sleep(0.01)
            return size

    network = TimedNetwork(Network())
    assert network(torch.ones(1))["out"].item() == 2
    assert network.label_map(None, (3, 4)) == network.label_map(None, (3, 4)) == (3, 4)
    assert set(network.seconds) == {WHOLE, "label map"}
    assert network.seconds["label map"] >= 0.02


def test_rows():
    seconds = {"stem": [0.002, 0.001], "FPN": [0.003, 0.003], WHOLE: [0.005, 0.004]}
    rows = stage_rows(ModelWorkload(model="RetinaNet R18"), 2, seconds)
    assert [(row.engine, row.least, row.x_least, row.note) for row in rows] == [
        ("stem", 1.0, 0.25, ""),
        ("FPN", 3.0, 0.75, "the bottleneck"),
        (WHOLE, 4.0, 1.0, ""),
    ]


SEGMENTORS = ("deeplabv3", "deeplabv3plus", "fcn8s")
DETECTORS = ("retinanet", "fcos", "faster_rcnn", "mask_rcnn")


def predictor_of(root, folder, name):
    info = {"preprocessing": {**AS_IT_IS, "format": "BGR"}}
    if name in SEGMENTORS:
        info["postprocessing"] = {"inference": "whole"}
        model = make_segmentor(name)
    else:
        model = make_detector(root, name)
    packed = export(model.eval(), info=info)
    write_packed(folder / "model.gnp", packed.program, packed.info, packed.tensors)
    return PackedPredictor(folder / "model.gnp")


@needs_engine
@pytest.mark.parametrize("name", [*DETECTORS, *SEGMENTORS])
def test_each_step_has_a_stage(root, tmp_path, name):
    """And the times of a run are all above 0, but for those that are differences."""
    predictor = predictor_of(root, tmp_path, name)
    network = predictor.network
    (found,) = time_runs(predictor, torch.zeros(3, 64, 96, dtype=torch.uint8), 1)
    assert predictor.network is network
    assert OTHER not in found
    assert {PREPARATION, "stem", "stages", "predictors", WHOLE} <= set(found)
    assert all(found[stage] > 0 for stage in found if stage not in (OUTPUTS, REST))
    steps = by_stage(predictor.program, [1.0] * len(predictor.program.steps))
    assert sum(steps.values()) == len(predictor.program.steps)
