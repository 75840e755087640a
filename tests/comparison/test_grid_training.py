"""Running a grid, with trainings that are pretended. Real ones: tests/tools."""

from concurrent.futures import Future
from math import nan
from types import SimpleNamespace

import pytest
import torch

from groupnet_det.comparison import grid_training
from groupnet_det.comparison.grid_training import BASE, last_results, row_config, run_grid
from groupnet_det.comparison.rows import RowKey, read_comparison
from groupnet_det.errors import DataError, TrainingError

from .test_grid import GRID, make_row


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
    assert {row.key for row in read_comparison(path)} == set(trainings.started)
    lines = capsys.readouterr().out.splitlines()
    assert "6 rows left, 3 of them searches, about " in lines[0]
    assert "0 rows left, 0 of them searches, about 0:00:00" in lines[-1]

    again = Trainings()
    run_grid(GRID, path, again.start, num_jobs=2)
    assert again.started == []


def test_an_error_keeps_the_rows_that_run_beside_it(tmp_path):
    path = tmp_path / "rows.csv"
    trainings = Trainings(fail_at=3)
    with pytest.raises(TrainingError, match="row 3"):
        run_grid(GRID, path, trainings.start, num_jobs=2)
    assert len(trainings.started) == 4
    assert {row.key for row in read_comparison(path)} == {trainings.started[i] for i in (0, 1, 3)}

    resumed = Trainings()
    run_grid(GRID, path, resumed.start, num_jobs=2)
    assert resumed.started[0] == trainings.started[2]
    assert set(GRID.num_open(read_comparison(path)).values()) == {0}


@pytest.mark.parametrize(
    ("variable", "threads"), [(None, [8, 2, 1]), ("3", [3, 3, 3])], ids=["unset", "set"]
)
def test_threads_of_each_training(monkeypatch, variable, threads):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if variable:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
        monkeypatch.setattr(torch, "get_num_threads", lambda: int(variable))
    monkeypatch.setattr(grid_training, "usable_cores", lambda: 8)
    assert [grid_training.threads_of_each(jobs) for jobs in (1, 4, 16)] == threads


def test_a_method_may_have_a_config_of_its_own():
    base = "configs/quick/retinanet_groupnet_photo_digits.yaml"
    key = RowKey(method="FCOS", purpose="search", learning_rate=0.5, seed=4, iterations=7)
    keys = {BASE: "configs/quick/fcos_groupnet_photo_digits.yaml", "MODEL.GROUPNET.NUM_BASES": 3}
    cfg, metric = row_config(key, keys, base, ["SOLVER.IMS_PER_BATCH", "2"])
    assert cfg.MODEL.META_ARCHITECTURE == "GroupNetFCOS"
    assert cfg.MODEL.GROUPNET.NUM_BASES == 3
    assert (cfg.SOLVER.BASE_LR, cfg.SOLVER.MAX_ITER, cfg.SEED) == (0.5, 7, 4)
    assert cfg.SOLVER.IMS_PER_BATCH == 2
    assert cfg.OUTPUT_DIR.endswith("/fcos_search_lr0.5_seed4_it7")
    assert metric == "bbox/AP"


def test_all_methods_have_one_schedule(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("SOLVER: {WARMUP_ITERS: 99, IMS_PER_BATCH: 7, WEIGHT_DECAY: 0.25}\n")
    common = tmp_path / "common.yaml"
    common.write_text("SOLVER: {WARMUP_ITERS: 5, AMP: {ENABLED: True}, BEST_METRIC: bbox/AP}\n")
    key = RowKey(method="own", purpose="search", learning_rate=0.5, seed=4, iterations=7)
    keys = {BASE: str(own), "SOLVER.WEIGHT_DECAY": 0.5}
    cfg, metric = row_config(key, keys, str(common), ["SOLVER.IMS_PER_BATCH", "2"])
    assert cfg.SOLVER.WARMUP_ITERS == 5
    assert cfg.SOLVER.AMP.ENABLED
    assert cfg.SOLVER.IMS_PER_BATCH == 2
    assert cfg.SOLVER.WEIGHT_DECAY == 0.5  # the method's row may still change it
    assert metric == "bbox/AP"


def test_what_is_no_number_counts_as_zero():
    storage = SimpleNamespace(
        latest=lambda: {"bbox/AP": (nan, 9), "bbox/AP50": (3.0, 9), "total_loss": (1.0, 9)}
    )
    trainer = SimpleNamespace(storage=storage)
    assert last_results(trainer, "bbox/AP") == {"bbox/AP": 0.0, "bbox/AP50": 3.0}
    with pytest.raises(DataError, match=r"no segm/AP was measured; is DATASETS\.TEST"):
        last_results(trainer, "segm/AP")


@pytest.mark.parametrize(
    ("purpose", "validation", "scored"),
    [
        ("search", "['mine_val']", "mine_val"),
        ("result", "['mine_val']", "mine_test"),
        ("search", "[]", "mine_test"),
    ],
    ids=["search", "result", "search without"],
)
def test_searches_are_scored_on_validation_images(purpose, validation, scored):
    key = RowKey(method="a", purpose=purpose, learning_rate=0.5, seed=4, iterations=7)
    options = ["DATASETS.TEST", "['mine_test']", "DATASETS.VAL", validation]
    cfg, _ = row_config(key, {}, "configs/Comparison/mnist5k.yaml", options)
    assert list(cfg.DATASETS.TEST) == [scored]


def test_initial_weights_depend_on_the_seed_alone(tmp_path, monkeypatch):
    started = []

    class StopError(Exception):
        pass

    def note(cfg):
        started.append(torch.rand(3).tolist())
        raise StopError

    monkeypatch.setattr("groupnet_det.comparison.grid_training.Trainer", note)
    options = ["OUTPUT_DIR", str(tmp_path)]
    for seed in (1, 2, 1):
        key = RowKey(method="a", purpose="result", learning_rate=0.1, seed=seed, iterations=1)
        with pytest.raises(StopError):
            grid_training._train_row(key, {}, "configs/Comparison/mnist5k.yaml", options, False)
        torch.rand(7)  # what a training leaves
    assert started[0] == started[2] != started[1]
