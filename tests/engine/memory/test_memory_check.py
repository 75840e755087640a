"""Memory of an iteration before training: what is measured, what is refused, what is left alone."""

import random

import numpy as np
import pytest
import torch

from groupnet_det.config import load_config
from groupnet_det.engine.checks.binary_share import build_without_weights
from groupnet_det.engine.memory import memory_check
from groupnet_det.engine.memory.memory_check import check_memory
from groupnet_det.errors import TrainingError
from tests.data.checks.test_training_sizes import record
from tests.engine.test_training import SMALL, make_config, train

GIB = 2**30
RECORDS = [record(160, 160)]
CONFIGS = {
    "GroupNetRetinaNet": "retinanet_groupnet_photo_digits",
    "ImageClassifier": "classifier_groupnet_mnist5k",
}


@pytest.fixture
def free(monkeypatch):
    """Pretend so many bytes to be free."""
    return lambda number: monkeypatch.setattr(memory_check, "free_bytes", lambda: number)


@pytest.fixture
def measured(monkeypatch):
    """Pretend a measurement, for each size that is asked for; the requests."""
    requests = []

    def probe(cfg, small, full, share, free):
        requests.append((small, full))
        found = {"fixed": GIB, "gradients": GIB // 4, "small": GIB // 8, "free": None}
        return {**found, "full": GIB if full else None}

    monkeypatch.setattr(memory_check, "_probe", probe)
    return requests


def check(*options, records=RECORDS, kind="GroupNetRetinaNet", num_jobs=1):
    words = [*SMALL, "SOLVER.IMS_PER_BATCH", "8", "MODEL.DEVICE", "cpu", *options]
    cfg = load_config(f"quick/{CONFIGS[kind]}", words)
    check_memory(cfg, build_without_weights(cfg), records, num_jobs=num_jobs)


def test_what_is_far_below_is_not_measured(free, measured):
    free(100 * GIB)
    check()
    assert measured == []


@pytest.mark.parametrize(("room", "refused"), [(2.1, False), (1.9, True)], ids=str)
def test_images_scaled_to_the_batch_are_compared_with_what_is_free(free, measured, room, refused):
    free(int(room * GIB))
    if not refused:
        return check()
    told = (
        r"needs about 2\.0 GiB of memory, 0\.12 of them for each of the 8 images of 160 x 160 "
        r"pixels, but 1\.9 GiB are free; lower SOLVER.IMS_PER_BATCH \(at most 7 fit\), "
        r"INPUT.MIN_SIZE_TRAIN or MODEL.GROUPNET.NUM_BASES; SOLVER.CHECK_MEMORY False trains"
    )
    with pytest.raises(TrainingError, match=told):
        check()


def test_trainings_at_a_time_share_what_is_free(free, measured):
    free(int(6.3 * GIB))
    check(num_jobs=3)
    with pytest.raises(
        TrainingError, match=r"needs about 2\.0 GiB of memory, .* 1\.6 GiB are free"
    ):
        check(num_jobs=4)


@pytest.mark.parametrize(
    ("room", "num_measurements"), [(4.0, 1), (8.0, 2), (9.5, 2), (15.0, 1)], ids=str
)
def test_full_size_is_measured_where_scaling_by_area_does_not_decide(
    free, measured, room, num_measurements
):
    free(int(room * GIB))
    options = ["INPUT.MIN_SIZE_TRAIN", "[400]"]  # 1 + 8 * 6.25 / 8 GiB by area, 9 by measurement
    if room < 9:
        with pytest.raises(TrainingError, match=r"SOLVER\.IMS_PER_BATCH"):
            check(*options)
    else:
        check(*options)
    expected = [((160, 160), None), ((160, 160), (400, 400))]
    assert measured == expected[:num_measurements]


def test_one_image_alone_may_be_too_much(free):
    free(2**20)  # of which the process has all it can take
    with pytest.raises(TrainingError, match=r"on 1 image\(s\) of 160 x 160 pixels alone needs"):
        check()


def test_what_cannot_be_measured_is_reported(free, monkeypatch, caplog):
    free(GIB)
    monkeypatch.setattr(memory_check, "MODULE", "groupnet_det.no_such_module")
    check()
    assert "could not be measured: " in caplog.text
    assert "no_such_module" in caplog.text


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("GroupNetRetinaNet", "INPUT.MIN_SIZE_TRAIN"),
        ("ImageClassifier", "INPUT.CLASSIFICATION.TRAIN_CROP"),
    ],
    ids=["detector", "classifier"],
)
def test_the_key_of_the_size_is_that_of_the_task(free, measured, kind, key):
    free(GIB // 8)
    with pytest.raises(TrainingError, match=rf"IMS_PER_BATCH, {key} or"):
        check(kind=kind)


def states():
    return random.getstate()[1], np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def test_a_measured_training_is_that_of_an_unmeasured_one(
    root, tmp_path, datasets_env, monkeypatch
):
    def run(name, is_checked):
        cfg = make_config(root, tmp_path / name, "SOLVER.CHECK_MEMORY", str(is_checked))
        trainer, losses = train(cfg)
        return losses, trainer.model.state_dict()

    monkeypatch.setattr(memory_check, "FAR_BELOW", 10**9)  # measure always
    before = states()
    check()
    assert states() == before
    (losses, tensors), (expected, others) = run("measured", True), run("not", False)
    assert losses == expected
    assert all(torch.equal(value, others[key]) for key, value in tensors.items())
