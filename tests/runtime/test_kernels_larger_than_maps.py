"""Real files, their checksums right, one convolution of which is larger than its map.

In each, the first term of a step does not fit, and the next one does.
"""

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from groupnet_det.errors import UserError
from groupnet_det.runtime.backends.networks import BACKENDS
from groupnet_det.runtime.predictor import PackedPredictor

from .engine import needs_engine

FILES = Path(__file__).parent / "files"
DETECTOR, SEGMENTER = "kernel-larger-than-map", "kernel-larger-than-map-segmenter"
CASES = [
    *((DETECTOR, size) for size in ((160, 160), (160, 213), (213, 160), (64, 64), (300, 40))),
    *((SEGMENTER, size) for size in ((64, 4096), (64, 64), (4096, 64), (1, 1), (33, 70))),
]


def answer(name, backend, size, connection):
    predictor = PackedPredictor(FILES / f"{name}.gnp", backend=backend)
    try:
        predictor(np.full((*size, 3), 77, np.uint8))
        connection.send("no error")
    except UserError as error:
        connection.send(str(error))


@pytest.mark.parametrize(("name", "size"), CASES, ids=lambda value: str(value))
@pytest.mark.parametrize("backend", [pytest.param("native", marks=needs_engine), "reference"])
def test_one_line(name, size, backend):
    """In a process of its own, which a read beyond a map may end."""
    assert backend in BACKENDS
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=answer, args=(name, backend, size, theirs))
    process.start()
    theirs.close()
    process.join(timeout=60)
    assert process.exitcode == 0
    text = ours.recv()
    assert "too small" in text
    assert "\n" not in text
