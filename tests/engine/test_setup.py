"""Output of a training on the screen and in its log."""

import subprocess
import sys

import pytest

WORDS = ["MODEL.GROUPNET.WIDTH", "0.125", "SOLVER.MAX_ITER", "1", "SOLVER.IMS_PER_BATCH", "2"]
WORDS += ["DATALOADER.NUM_WORKERS", "0", "DATASETS.TEST", "()", "TEST.EVAL_PERIOD", "0"]


@pytest.mark.parametrize("brief", [True, False])
def test_a_brief_training_shows_no_config_and_no_network(tmp_path, datasets_env, brief):
    command = [sys.executable, "-m", "groupnet_det", "train", "quick/classifier_groupnet_mnist5k"]
    command += ["--num-gpus", "0", *(["--brief"] if brief else [])]
    command += [*WORDS, "OUTPUT_DIR", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    log = (tmp_path / "log.txt").read_text()
    for text in ("Running with full config", "Environment info", "(backbone)"):
        assert text in log
        assert (text in done.stdout) is not brief
    assert "Precision map" in done.stdout
    assert "FutureWarning" not in done.stderr
