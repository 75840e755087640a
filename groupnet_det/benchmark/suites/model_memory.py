"""Peak memory of detectors and segmenters, each in a process of its own."""

import tempfile
from pathlib import Path

from groupnet_det.benchmark.engines.engine_registry import TORCH
from groupnet_det.benchmark.measure.own_process import number_from_process
from groupnet_det.benchmark.measure.table import OURS, Row
from groupnet_det.benchmark.measure.timing import ratio_of_least
from groupnet_det.benchmark.measure.workload import ModelWorkload
from groupnet_det.benchmark.workloads.detectors import packed_model
from groupnet_det.packed.packed_file import write_packed

MEMORY = "peak memory"
RUNS = 3
# What a process has at its peak above what its imports took.
PACKED = """
import sys
import numpy, torch
from groupnet_det.analysis.memory import peak_resident_kib as peak
from groupnet_det.runtime.predictor import PackedPredictor
path, height, width, threads, runs = sys.argv[1], *map(int, sys.argv[2:6])
torch.set_num_threads(threads)
before = peak()
predictor = PackedPredictor(path)
image = numpy.zeros((height, width, 3), numpy.uint8)
for _ in range(runs):
    predictor(image)
print((peak() - before) / 1024)
"""
FLOAT = """
import sys
import torch
from groupnet_det.analysis.memory import peak_resident_kib as peak
from groupnet_det.benchmark.workloads.detectors import batch_of, float_baseline
from groupnet_det.benchmark.measure.workload import ModelWorkload
model, classes, height, width, threads, runs = sys.argv[1], *map(int, sys.argv[2:7])
torch.set_num_threads(threads)
before = peak()
workload = ModelWorkload(model=model, num_classes=classes, height=height, width=width)
baseline, batch = float_baseline(workload), batch_of(workload)
with torch.inference_mode():
    for _ in range(runs):
        baseline(batch)
print((peak() - before) / 1024)
"""


def measure_memory(workload: ModelWorkload, threads: int) -> list[Row]:
    """MiB at the peak, above what the process had when its imports were done: our predictor's and
    the full-precision baseline's, weights included.

    Raises:
        UserError: A process failed; the message is its last line.
    """
    size = [str(workload.height), str(workload.width), str(threads), str(RUNS)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.gnp"
        packed = packed_model(workload)
        write_packed(path, packed.program, packed.info, packed.tensors)
        ours = number_from_process(["-c", PACKED, str(path), *size])
    theirs = number_from_process(["-c", FLOAT, workload.model, str(workload.num_classes), *size])
    return [
        _row(workload, threads, OURS, ours, 1.0),
        _row(workload, threads, TORCH, theirs, round(ratio_of_least([theirs], [ours]), 3)),
    ]


def _row(workload: ModelWorkload, threads: int, engine: str, mebibytes: float, times: float) -> Row:
    return Row(
        what=MEMORY,
        workload=workload.label,
        num_bases=workload.num_bases,
        batch=workload.batch,
        threads=threads,
        engine=engine,
        least=round(mebibytes, 1),
        median=round(mebibytes, 1),
        unit="MiB",
        x_least=times,
        x_median=times,
    )
