"""Choices for tiny data of each task; times and memory are given, not measured."""

import itertools

import pytest
import torch

from groupnet_det.autotrain import iteration_cost, plan
from groupnet_det.autotrain.choices.choice import options_of
from groupnet_det.autotrain.choices.schedule import Budget
from groupnet_det.autotrain.dataset_finders.finder_table import find_data
from groupnet_det.autotrain.iteration_cost import fitting_batch, seconds_per_iteration
from groupnet_det.autotrain.plan import make_plan
from groupnet_det.autotrain.request import Request
from groupnet_det.autotrain.tasks import TRAINING_TASKS
from groupnet_det.commands.training import training_flags
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.engine.checks.binary_share import build_without_weights
from groupnet_det.errors import DataError, TrainingError
from tests.autotrain.tiny_data import write_classes, write_coco, write_masks, write_yolo

WRITERS = {
    "detect": write_yolo,
    "instance": lambda root, number: write_coco(root, number, masks=True),
    "segment": write_masks,
    "classify": write_classes,
}


@pytest.fixture
def measured(monkeypatch):
    """Iterations take a tenth of a second for each image at full width; nothing is run."""
    seen = []

    def seconds(cfg):
        seen.append((cfg.MODEL.GROUPNET.WIDTH, cfg.SOLVER.IMS_PER_BATCH))
        share = 0.5 if cfg.MODEL.GROUPNET.ACTIVATION == "tanh" else 1.0
        return share * 0.1 * cfg.MODEL.GROUPNET.WIDTH * cfg.SOLVER.IMS_PER_BATCH

    monkeypatch.setattr(plan, "seconds_per_iteration", seconds)
    monkeypatch.setattr(plan, "fitting_batch", lambda cfg, records, least: cfg.SOLVER.IMS_PER_BATCH)
    return seen


def planned(tmp_path, task, *, number=10, budget, **changes):
    WRITERS[task](tmp_path / "data", number)
    settings = {"data": tmp_path / "data", "task": task, "num_bases": 2, "budget": budget}
    request = Request(**{**settings, "output": tmp_path / "out", "num_gpus": 0, **changes})
    found = find_data(request.data, task)
    made = make_plan(request, TRAINING_TASKS[task], found)
    return made, load_config(TRAINING_TASKS[task].config_file, options_of(made.choices))


@pytest.mark.parametrize("has_instructions", [True, False, None])
def test_mixed_precision_where_the_processor_has_it(
    tmp_path, measured, monkeypatch, has_instructions
):
    monkeypatch.setattr(plan, "multiplies_bfloat16", lambda: has_instructions)
    _, cfg = planned(tmp_path, "detect", budget=Budget(epochs=4))
    assert cfg.SOLVER.AMP.ENABLED is (has_instructions is True)


@pytest.mark.parametrize("task", TRAINING_TASKS)
def test_what_is_chosen_is_a_binary_network_of_the_data(tmp_path, measured, task):
    made, cfg = planned(tmp_path, task, budget=Budget(epochs=4))
    register_datasets(cfg)
    network = build_without_weights(cfg)
    assert network is not None
    assert cfg.MODEL.GROUPNET.NUM_BASES == 2
    assert cfg.DATASETS.TRAIN == ("out_train",)
    assert cfg.DATASETS.TEST == ("out_val",)
    assert bool(made.tanh) == (TRAINING_TASKS[task].tanh_share > 0)
    assert all(choice.why for choice in made.choices)
    stages = made.schedule.tanh + made.schedule.binary
    num_images = 16 if task == "classify" else 8
    assert stages == pytest.approx(4 * num_images / cfg.SOLVER.IMS_PER_BATCH, abs=1)


def test_figures_of_a_detector(tmp_path, measured):
    _, cfg = planned(tmp_path, "detect", budget=Budget(epochs=4))
    assert list(cfg.INPUT.MIN_SIZE_TRAIN) == [128]  # the least
    assert cfg.MODEL.RETINANET.NUM_CLASSES == 2
    assert cfg.MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS == [[1.0]]  # squares
    assert cfg.INPUT.RANDOM_FLIP == "horizontal"


def test_a_short_time_takes_a_narrower_network_and_smaller_batches(tmp_path, measured):
    made, cfg = planned(tmp_path, "segment", number=60, budget=Budget(seconds=100))
    assert measured == [(0.5, 8), (0.25, 8), (0.25, 4)]  # half of 225 is known not to do
    assert (cfg.MODEL.GROUPNET.WIDTH, cfg.SOLVER.IMS_PER_BATCH) == (0.25, 4)
    assert made.schedule.binary == 900  # 90 s of 0.1 s
    (width,) = [c for c in made.choices if c.key == "MODEL.GROUPNET.WIDTH"]
    assert width.why.endswith("900 iterations fit into the time, few: give more time")


def test_a_long_time_takes_the_first_that_is_enough(tmp_path, measured):
    _, cfg = planned(tmp_path, "segment", number=60, budget=Budget(seconds=1000))
    assert measured == [(0.5, 8)]
    assert cfg.SOLVER.MAX_ITER == 1800  # 300 epochs of 48 images, rather than 900 s of 0.4 s
    assert cfg.SOLVER.WARMUP_ITERS == 90
    measured.clear()
    planned(tmp_path / "b", "segment", budget=Budget(seconds=7200))
    assert measured[0] == (1.0, 8)


def test_both_stages_are_timed(tmp_path, measured):
    made, cfg = planned(tmp_path, "classify", number=100, budget=Budget(seconds=2000))
    tanh = {choice.key: choice.value for choice in made.tanh}
    mean = 0.1 * 0.5 * 32 * (1 / 3 * 0.5 + 2 / 3)
    assert tanh["SOLVER.MAX_ITER"] + cfg.SOLVER.MAX_ITER == pytest.approx(1800 / mean, abs=1)
    assert tanh["SOLVER.MAX_ITER"] == pytest.approx(600 / mean, abs=1)
    assert tanh["MODEL.GROUPNET.WEIGHT"] == "float"


def test_what_is_given_counts(tmp_path, measured):
    options = ("SOLVER.MAX_ITER", "7", "INPUT.RANDOM_FLIP", "none")
    made, cfg = planned(tmp_path, "segment", budget=Budget(epochs=4), options=options)
    assert (cfg.SOLVER.MAX_ITER, cfg.INPUT.RANDOM_FLIP) == (7, "none")
    assert made.choices[-1].why == "given"


def test_a_split_is_the_same_when_it_is_made_again(tmp_path, measured):
    _, first = planned(tmp_path, "segment", budget=Budget(epochs=4))
    lists = {path.name: path.read_text() for path in (tmp_path / "out/data").iterdir()}
    assert set(lists) == {"train.txt", "val.txt"}
    _, again = planned(tmp_path, "segment", budget=Budget(epochs=4))
    assert first == again
    assert lists == {path.name: path.read_text() for path in (tmp_path / "out/data").iterdir()}


def test_no_objects_are_reported_before_anything_is_measured(tmp_path, measured):
    write_yolo(tmp_path / "data", 4)
    for path in (tmp_path / "data/labels/train").iterdir():
        path.write_text("")
    request = Request(
        data=tmp_path / "data",
        task=None,
        num_bases=2,
        budget=Budget(epochs=1),
        output=tmp_path / "out",
        num_gpus=0,
    )
    with pytest.raises(DataError, match="has no box to learn from in its 3 images"):
        make_plan(request, TRAINING_TASKS["detect"], find_data(request.data))
    assert measured == []


def classifier(tmp_path, *options):
    write_classes(tmp_path, 4)
    entry = {"NAME": "tiny", "FORMAT": "image_folder", "ROOT": str(tmp_path)}
    words = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TRAIN", "['tiny']", "DATASETS.TEST", "[]"]
    words += ["MODEL.CLASSIFIER.NUM_CLASSES", "2", "MODEL.GROUPNET.WIDTH", "0.125"]
    words += ["INPUT.CLASSIFICATION.TRAIN_CROP", "32", "DATALOADER.NUM_WORKERS", "0"]
    words += ["MODEL.DEVICE", "cpu", "SEED", "1", *options]
    cfg = load_config(TRAINING_TASKS["classify"].config_file, words)
    register_datasets(cfg)
    return cfg


def test_iterations_are_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(iteration_cost, "LEAST_SECONDS", 0.0)
    clock = itertools.count(10.0, 0.5)  # before and after each step
    monkeypatch.setattr(iteration_cost.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(iteration_cost, "build_step", lambda *arguments: CountedSteps())
    assert seconds_per_iteration(classifier(tmp_path)) == pytest.approx(0.5)


class CountedSteps:
    def run_step(self):
        """Nothing: the clock is ours."""


def test_a_step_is_one_of_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(iteration_cost, "LEAST_SECONDS", 0.0)
    torch.manual_seed(0)
    assert 0 < seconds_per_iteration(classifier(tmp_path, "SOLVER.IMS_PER_BATCH", "2")) < 20


def test_a_batch_is_halved_until_it_fits(tmp_path, monkeypatch):
    tried = []

    def check(cfg, network, records):
        tried.append(cfg.SOLVER.IMS_PER_BATCH)
        if cfg.SOLVER.IMS_PER_BATCH > 8:
            raise TrainingError("too much")

    monkeypatch.setattr(iteration_cost, "check_memory", check)
    cfg = classifier(tmp_path, "SOLVER.IMS_PER_BATCH", "32")
    assert fitting_batch(cfg, [], 2) == 8
    assert tried == [32, 16, 8]
    assert cfg.SOLVER.IMS_PER_BATCH == 32
    with pytest.raises(TrainingError, match="too much"):
        fitting_batch(cfg, [], 16)


def test_flags_name_the_tasks():
    assert list(training_flags.TASKS) == list(TRAINING_TASKS)
