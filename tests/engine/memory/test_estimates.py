"""The estimated memory of a training beside the most that one takes, both measured."""

import subprocess
import sys

import pytest
from detectron2.data import DatasetCatalog

from groupnet_det.config import load_config
from groupnet_det.data.checks.training_sizes import largest_batch
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.engine.memory import memory_check
from groupnet_det.engine.memory.free_memory import free_bytes

MIB = 2**20
WITHIN = 0.3
OPTIONS = [
    *("SEED", "1", "MODEL.DEVICE", "cpu", "SOLVER.MAX_ITER", "6", "SOLVER.CHECK_MEMORY", "False"),
    *("SOLVER.WARMUP_ITERS", "1", "TEST.EVAL_PERIOD", "0", "DATASETS.TEST", "[]"),
    *("SOLVER.BEST_METRIC", "", "DATALOADER.NUM_WORKERS", "0"),
]
CONFIGS = [
    "classifier_groupnet_mnist5k",
    *(
        pytest.param(f"{name}_groupnet_photo_digits", marks=pytest.mark.slow)
        for name in ("semseg", "retinanet", "mask_rcnn")
    ),
]
TRAIN = """
import sys, torch
from groupnet_det.analysis.memory import memory_bytes, peak_bytes
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.engine.trainer import Trainer

torch.set_num_threads(1)
cfg = load_config(sys.argv[1], sys.argv[2:])
register_datasets(cfg)
cpu = torch.device("cpu")
before = memory_bytes(cpu)
trainer = Trainer(cfg)
trainer.resume_or_load(False)
trainer.train()
print(peak_bytes(cpu) - before)
"""


def peak_of_training(config, words):
    """Bytes above those of a process that has done its imports."""
    command = [sys.executable, "-W", "ignore", "-c", TRAIN, config, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


def estimated(cfg):
    """Bytes; all images of these data sets are small ones, whose memory is not scaled."""
    register_datasets(cfg)
    size = largest_batch(cfg, DatasetCatalog.get(cfg.DATASETS.TRAIN[0]))
    found = memory_check._probe(cfg, size, None, cfg.SOLVER.IMS_PER_BATCH, free_bytes())
    return memory_check._need(found, found["small"], cfg.SOLVER.IMS_PER_BATCH)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_estimate_is_within_30_percent_of_the_peak(root, tmp_path, datasets_env, name):
    config = str(root / f"configs/quick/{name}.yaml")
    words = [*OPTIONS, "OUTPUT_DIR", str(tmp_path)]
    peak = peak_of_training(config, words)
    estimate = estimated(load_config(config, words))
    print(f"{name}: estimate {estimate / MIB:.0f} MiB, peak {peak / MIB:.0f} MiB")
    assert abs(estimate / peak - 1) <= WITHIN
