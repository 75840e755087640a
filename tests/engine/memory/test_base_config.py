"""A base config as it stands, for 16 images of 800 pixels and four bases, on a small machine."""

import pytest

from groupnet_det.commands.training.train_net import main
from groupnet_det.engine.memory import memory_check
from tests.docs.data_of_configs import write_data

GIB = 2**30
FREE = 14 * GIB  # of a machine of 16


@pytest.mark.slow
def test_a_training_that_the_kernel_would_kill_is_refused(root, tmp_path, monkeypatch):
    """From the command on, with a measurement: in one line, before there is a checkpoint."""
    entry = {"NAME": "mine", "FORMAT": "coco"}
    entry |= {"IMAGES": str(tmp_path / "images"), "ANNOTATIONS": str(tmp_path / "ann.json")}
    write_data(entry, num_classes=2)
    monkeypatch.setattr(memory_check, "free_bytes", lambda: FREE)
    words = ["--config-file", str(root / "configs/Base/retinanet_groupnet_r18_fpn.yaml")]
    words += ["--num-gpus", "0", "DATASETS.CUSTOM", str([entry]), "DATASETS.TRAIN", "['mine']"]
    words += ["DATASETS.TEST", "[]", "SOLVER.BEST_METRIC", "", "MODEL.RETINANET.NUM_CLASSES", "2"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "OUTPUT_DIR", str(tmp_path / "out")])
    told = str(ended.value)
    assert told.startswith("error: an iteration needs about ")
    assert "for each of the 16 images of 800 x 1067 pixels, but 14.0 GiB are free" in told
    assert "lower SOLVER.IMS_PER_BATCH (at most " in told
    assert "INPUT.MIN_SIZE_TRAIN or MODEL.GROUPNET.NUM_BASES" in told
    assert "\n" not in told
    assert not list((tmp_path / "out").glob("*.pth"))
