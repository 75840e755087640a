"""`groupnet-det eval` on a tiny classifier with random weights."""

import pytest

from groupnet_det.commands.training.eval_net import main
from groupnet_det.config import load_config
from groupnet_det.engine.setup import CONFIG, LAST_CHECKPOINT
from groupnet_det.exporting.packed.checkpoint_export import ExportOptions, export_checkpoint
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.backends.extension import is_built
from tests.autotrain.tiny_data import NAMES, write_classes
from tests.exporting.tiny_classifier import WEIGHTS
from tests.exporting.tiny_slimmable import slimmable_config, write_slimmable


@pytest.fixture
def options(tmp_path):
    entry = {"NAME": "eval_squares", "FORMAT": "image_folder"}
    entry["ROOT"] = str(write_classes(tmp_path / "data"))
    return [
        *("DATASETS.CUSTOM", str([entry]), "DATASETS.TEST", "['eval_squares']"),
        *("DATASETS.TRAIN", "['eval_squares']", "MODEL.CLASSIFIER.NUM_CLASSES", "2"),
        *("DATALOADER.NUM_WORKERS", "0", "OUTPUT_DIR", str(tmp_path)),
    ]


@pytest.fixture
def checkpoint(root, tmp_path, options):
    write_slimmable(root, tmp_path, *options, class_names=sorted(NAMES))
    return tmp_path / WEIGHTS


def test_a_checkpoint_needs_no_config_and_a_training_keeps_its_own(checkpoint):
    folder = checkpoint.parent
    (folder / CONFIG).write_text("OUTPUT_DIR: of the training\n")
    (folder / LAST_CHECKPOINT).write_text(WEIGHTS)
    assert main([str(checkpoint), "--num-gpus", "0", "MODEL.GROUPNET.NUM_BASES", "2"]) == 0
    assert (folder / CONFIG).read_text() == "OUTPUT_DIR: of the training\n"
    assert (folder / "inference").is_dir()


def test_other_folders_get_the_config(checkpoint, tmp_path):
    words = ["MODEL.GROUPNET.NUM_BASES", "2", "OUTPUT_DIR", str(tmp_path / "other")]
    assert main([str(checkpoint), "--num-gpus", "0", *words]) == 0
    assert load_config(str(tmp_path / "other" / CONFIG)).MODEL.GROUPNET.NUM_BASES == 2


@pytest.mark.skipif(not is_built(), reason="no engine")
def test_a_packed_file_with_a_config(root, checkpoint, tmp_path, options):
    cfg = slimmable_config(root, tmp_path, *options)
    packed, _ = export_checkpoint(cfg, ExportOptions())
    path = tmp_path / "squares.gnp"
    write_packed(path, packed.program, packed.info, packed.tensors)
    config = tmp_path / "squares.yaml"
    config.write_text(cfg.dump())
    words = [str(config), str(path), "OUTPUT_DIR", str(tmp_path / "packed")]
    assert main(words) == 0
    assert (tmp_path / "packed" / "inference").is_dir()


def test_without_config_and_checkpoint(capsys):
    with pytest.raises(SystemExit):
        main([])
    assert "the config file is missing: a checkpoint, or --config-file" in capsys.readouterr().err


def test_a_packed_file_without_a_config(tmp_path):
    path = tmp_path / "squares.gnp"
    path.write_bytes(b"")
    with pytest.raises(SystemExit, match=r"is a packed file, which names no data sets; name the"):
        main([str(path)])
