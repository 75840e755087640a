"""Running a grid, with trainings that are pretended. Real ones: tests/tools."""

from concurrent.futures import Future

import pytest

from groupnet_det.analysis.comparison_rows import read_rows
from groupnet_det.engine.comparison_training import run_grid
from groupnet_det.errors import TrainingError
from tests.analysis.test_comparison import GRID, make_row


class Trainings:
    """Start jobs that are finished in pairs, as by two processes of equal speed."""

    def __init__(self, fail_at=None):
        self.started = []
        self.running = []
        self.fail_at = fail_at

    def start(self, key):
        job = Future()
        self.started.append(key)
        self.running.append((len(self.started), job, key))
        if len(self.running) == 2 or len(self.started) == 7:
            self.finish()
        return job

    def finish(self):
        for number, job, key in self.running:
            if number == self.fail_at:
                job.set_exception(TrainingError(f"row {number}"))
            else:
                job.set_result(make_row(key))
        self.running = []


def test_every_row_is_trained_once_and_kept(tmp_path, capsys):
    path = tmp_path / "rows.csv"
    trainings = Trainings()
    run_grid(GRID, path, trainings.start, num_jobs=2)
    assert len(trainings.started) == len(set(trainings.started)) == 7
    assert {row.key for row in read_rows(path)} == set(trainings.started)
    lines = capsys.readouterr().out.splitlines()
    assert "6 rows left" in lines[0]
    assert "0 rows left, about 0:00:00" in lines[-1]

    again = Trainings()
    run_grid(GRID, path, again.start, num_jobs=2)
    assert again.started == []


def test_an_error_keeps_the_rows_that_run_beside_it(tmp_path):
    path = tmp_path / "rows.csv"
    trainings = Trainings(fail_at=3)
    with pytest.raises(TrainingError, match="row 3"):
        run_grid(GRID, path, trainings.start, num_jobs=2)
    assert len(trainings.started) == 4
    assert {row.key for row in read_rows(path)} == {trainings.started[i] for i in (0, 1, 3)}

    resumed = Trainings()
    run_grid(GRID, path, resumed.start, num_jobs=2)
    assert resumed.started[0] == trainings.started[2]
    assert GRID.num_open(read_rows(path)) == 0
