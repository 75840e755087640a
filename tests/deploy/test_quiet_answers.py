"""An answer leaves PyTorch's threads asleep: awake, they would hold up the engine's next image."""

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from groupnet_det.runtime.predictor import PackedPredictor
from tests.runtime.engine import needs_engine, write

from .models import export, make_model

pytestmark = [
    needs_engine,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what its threads do"),
]
# Thresholds as low as they get: all boxes are decoded.
DETECTORS = {
    "retinanet": ["MODEL.RETINANET.SCORE_THRESH_TEST", "0.0"],
    "fcos": ["MODEL.FCOS.SCORE_THRESH_TEST", "0.0"],
    "mask_rcnn": ["MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.0", "MODEL.FPN.OUT_CHANNELS", "16"],
}
SEGMENTERS = {"deeplabv3": []}
LONG = 0.1  # seconds; the threads stay awake for a tenth of it


def threads():
    return {int(task.name) for task in Path("/proc/self/task").iterdir()}


def run_times(numbers):
    """Nanoseconds that each of the threads has run."""
    stats = {n: Path(f"/proc/self/task/{n}/schedstat").read_text() for n in numbers}
    return {n: int(text.split()[0]) for n, text in stats.items()}


def those_that_run(numbers, work):
    """The other threads that `work` wakes."""
    time.sleep(LONG)
    before = run_times(numbers - {threading.get_native_id()})
    work()
    time.sleep(LONG)
    return {n for n, taken in run_times(before).items() if taken > before[n]}


@pytest.fixture
def threads_of_torch():
    """Those that PyTorch, and nobody else, wakes."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    fill_large_tensor()
    yield those_that_run(threads(), fill_large_tensor)
    torch.set_num_threads(before)


def fill_large_tensor():
    torch.zeros(1 << 20).add_(1)


@pytest.mark.parametrize("kind", [*DETECTORS, *SEGMENTERS])
def test_threads_stay_asleep(root, tmp_path, threads_of_torch, kind):
    torch.manual_seed(0)
    model = make_model(root, kind, "MODEL.GROUPNET.NUM_BASES", 1, *DETECTORS.get(kind, []))
    info = {
        "preprocessing": {
            **{"kind": "shortest_edge", "min_size": 256, "max_size": 512, "format": "BGR"},
        },
        **({"postprocessing": {"inference": "whole"}} if kind in SEGMENTERS else {}),
    }
    predictor = PackedPredictor(write(tmp_path / "model.gnp", export(model, info=info)))
    image = np.random.default_rng(0).integers(0, 256, (256, 320, 3), np.uint8)
    answers = [predictor(image)]
    assert threads_of_torch
    assert not those_that_run(threads_of_torch, lambda: answers.append(predictor(image)))
    assert kind in SEGMENTERS or len(answers[-1].boxes) > 10
    assert those_that_run(threads_of_torch, fill_large_tensor) == threads_of_torch
