"""Threads of an answer: the engine's work runs in those of PyTorch, since threads of its own and
PyTorch's, awake for milliseconds, would hold each other up; all else leaves them asleep."""

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from groupnet_det.runtime.predictor import PackedPredictor
from tests.packed.programs import group_net_example
from tests.runtime.engine import needs_engine, write

from .models import export, make_model

pytestmark = [
    pytest.mark.alone,
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
AWAKE = 500_000  # nanoseconds; threads that look whether there is work take less


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
    return {n for n, taken in run_times(before).items() if taken > before[n] + AWAKE}


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


@pytest.fixture(params=["classifier", *DETECTORS, *SEGMENTERS])
def predictor(request, root, tmp_path):
    torch.manual_seed(0)
    path = write(tmp_path / "model.gnp", packed(root, request.param))
    return PackedPredictor(path, score_threshold=0.0)


def packed(root, kind):
    if kind == "classifier":
        return group_net_example(groups=2, width=16)
    model = make_model(root, kind, "MODEL.GROUPNET.NUM_BASES", 1, *DETECTORS.get(kind, []))
    info = {
        "preprocessing": {
            **{"kind": "shortest_edge", "min_size": 256, "max_size": 512, "format": "BGR"},
        },
        **({"postprocessing": {"inference": "whole"}} if kind in SEGMENTERS else {}),
    }
    return export(model, info=info)


class Recording:
    """A network, and after `replay` what it gave, once more, without running it."""

    def __init__(self, network):
        self.network, self.given, self.replayed = network, [], None

    def replay(self):
        self.replayed = iter(self.given)

    def __call__(self, images):
        return self._of(self.network, images)

    def __getattr__(self, name):
        return lambda *arguments: self._of(getattr(self.network, name), *arguments)

    def _of(self, run, *arguments):
        if self.replayed is not None:
            return next(self.replayed)
        self.given.append(run(*arguments))
        return self.given[-1]


def random_images(count):
    return list(np.random.default_rng(0).integers(0, 256, (count, 256, 320, 3), np.uint8))


BATCHES = pytest.mark.parametrize("count", [1, 2, 4, 8], ids="batch{}".format)


@BATCHES
@pytest.mark.skipif(
    "backend: OpenMP" not in torch.__config__.parallel_info(), reason="PyTorch has other threads"
)
def test_the_engine_runs_in_threads_of_pytorch(threads_of_torch, predictor, count):
    images = random_images(count)
    before = threads()
    assert len(threads_of_torch) == 1
    assert those_that_run(before, lambda: predictor.predict_batch(images)) == threads_of_torch
    assert threads() == before


@BATCHES
def test_all_else_leaves_them_asleep(threads_of_torch, predictor, count):
    images, answers = random_images(count), []
    predictor.network = recording = Recording(predictor.network)
    expected = predictor.predict_batch(images)
    recording.replay()
    woken = those_that_run(threads(), lambda: answers.extend(predictor.predict_batch(images)))
    assert not woken & threads_of_torch
    assert len(answers) == len(expected) == count
    boxes = [len(answer.boxes) for answer in answers if hasattr(answer, "boxes")]
    assert not boxes or max(boxes) > 10
    assert those_that_run(threads_of_torch, fill_large_tensor) == threads_of_torch
