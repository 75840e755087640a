"""Figures of packed files: their bytes, and the time from a file to its first result."""

import tempfile
from pathlib import Path

from groupnet_det.benchmark.engines.packed_engines import export_network
from groupnet_det.benchmark.measure.own_process import number_from_process
from groupnet_det.benchmark.measure.table import OURS, Row
from groupnet_det.benchmark.measure.workload import NetworkWorkload
from groupnet_det.errors import UserError

from .targets import FIRST_RESULT, PACKED_FILE

# In a process of its own each time: threads, memory and kernels' choice are not there yet. The file
# is in the system's cache, as it has just been written.
SCRIPT = """
import sys, time
import numpy
from groupnet_det.runtime.predictor import PackedPredictor
path, size = sys.argv[1], int(sys.argv[2])
image = numpy.zeros((size, size, 3), numpy.uint8)
start = time.perf_counter()
PackedPredictor(path)(image)
print(time.perf_counter() - start)
"""


def measure_file(workload: NetworkWorkload, threads: int, rounds: int) -> list[Row]:
    """Measure bytes (in MB, of 1,000,000), and seconds to the first result after the imports."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.gnp"
        export_network(workload, path)
        megabytes = path.stat().st_size / 1e6
        size = _row(workload, threads, PACKED_FILE, "MB", least=megabytes, median=megabytes)
        try:
            seconds = sorted(_first_result(path, workload.size, threads) for _ in range(rounds))
        except UserError as error:
            return [size, _row(workload, threads, FIRST_RESULT, "s", note=f"unavailable: {error}")]
    middle = seconds[len(seconds) // 2]
    return [size, _row(workload, threads, FIRST_RESULT, "s", least=seconds[0], median=middle)]


def _first_result(path: Path, size: int, threads: int) -> float:
    """Seconds that a fresh process takes to open a packed file and to classify an image.

    Raises:
        UserError: It failed; the message is its last line.
    """
    environment = {"OMP_NUM_THREADS": str(threads)}
    return number_from_process(["-c", SCRIPT, str(path), str(size)], environment)


def _row(
    workload: NetworkWorkload,
    threads: int,
    what: str,
    unit: str,
    *,
    least: float | None = None,
    median: float | None = None,
    note: str = "",
) -> Row:
    return Row(
        what=what,
        workload=workload.label,
        num_bases=workload.num_bases,
        batch=workload.batch,
        threads=threads,
        engine=OURS,
        least=least,
        median=median,
        unit=unit,
        note=note,
    )
