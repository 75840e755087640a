"""The estimated memory of a training beside the most that it takes: slow, as both are measured."""

import subprocess
import sys

import pytest

from groupnet_det.config import load_config
from groupnet_det.data.checks.training_sizes import largest_batch
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.engine.memory import memory_check

MIB = 2**20
CONFIGS = [
    "classifier_groupnet_mnist5k",
    "semseg_groupnet_photo_digits",
    "retinanet_groupnet_photo_digits",
    "mask_rcnn_groupnet_photo_digits",
]
OPTIONS = [
    *("SEED", "1", "MODEL.DEVICE", "cpu", "SOLVER.MAX_ITER", "6", "SOLVER.CHECK_MEMORY", "False"),
    *("SOLVER.WARMUP_ITERS", "1", "TEST.EVAL_PERIOD", "0", "DATASETS.TEST", "[]"),
    *("SOLVER.BEST_METRIC", "", "DATALOADER.NUM_WORKERS", "0"),
]
TRAIN = """
import sys, torch
from groupnet_det.analysis.memory import memory_bytes, peak_bytes
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.engine.trainer import Trainer

torch.set_num_threads(2)
cfg = load_config(sys.argv[1], sys.argv[2:])
register_datasets(cfg)
cpu = torch.device("cpu")
before = memory_bytes(cpu)
trainer = Trainer(cfg)
trainer.resume_or_load(False)
trainer.train()
print(peak_bytes(cpu) - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS)
def test_an_estimate_is_at_most_a_third_above_the_peak_and_not_below(
    root, tmp_path, datasets_env, config
):
    words = [*OPTIONS, "OUTPUT_DIR", str(tmp_path)]
    path = str(root / f"configs/quick/{config}.yaml")
    command = [sys.executable, "-W", "ignore", "-c", TRAIN, path, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak = int(done.stdout.splitlines()[-1])
    estimate = estimated(load_config(path, words))
    print(f"{config}: estimate {estimate / MIB:.0f} MiB, peak {peak / MIB:.0f} MiB")
    assert peak <= estimate <= 4 / 3 * peak


def estimated(cfg):
    """Bytes; all images of these data sets are small ones, whose memory is not scaled."""
    from detectron2.data import DatasetCatalog

    register_datasets(cfg)
    size = largest_batch(cfg, DatasetCatalog.get(cfg.DATASETS.TRAIN[0]))
    share = cfg.SOLVER.IMS_PER_BATCH
    found = memory_check._probe(cfg, size, None, share, memory_check.free_bytes())
    return memory_check._need(found, found["small"], share)
