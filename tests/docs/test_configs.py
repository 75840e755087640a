"""Configs of the pages are complete: each trains, as it stands, on the data that it describes."""

import re

import pytest
import yaml
from detectron2.engine import default_argument_parser

from groupnet_det.analysis.precision_map import count_weights
from groupnet_det.data.dataset_checks import NUM_CLASSES_KEYS
from groupnet_det.data.datasets.registration import CUSTOM_FORMATS
from groupnet_det.engine.setup import setup
from groupnet_det.engine.trainer import Trainer
from tests.conftest import ROOT

from .data_of_configs import write_data
from .markdown import blocks, pages

CONFIGS = [
    pytest.param(text, id=f"{page.relative_to(ROOT)}-{number}")
    for page in pages(ROOT)
    for number, text in enumerate(blocks(page.read_text(), "yaml"))
]
# Less of the same: two iterations of two images.
SHORT = [
    *("SOLVER.MAX_ITER", "2", "SOLVER.IMS_PER_BATCH", "2", "SOLVER.CHECK_MEMORY", "False"),
    *("DATALOADER.NUM_WORKERS", "0", "TEST.EVAL_PERIOD", "0"),
]


def test_the_pages_show_configs_of_every_format():
    formats = {
        entry["FORMAT"]
        for param in CONFIGS
        for entry in yaml.safe_load(param.values[0])["DATASETS"]["CUSTOM"]
    }
    assert formats == set(CUSTOM_FORMATS)


def num_classes_of(model):
    """That of the one node that has it."""
    (number,) = [node["NUM_CLASSES"] for node in model.values() if "NUM_CLASSES" in node]
    return number


@pytest.mark.parametrize("text", CONFIGS)
def test_a_config_of_the_pages_trains_as_it_stands(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    for variable in set(re.findall(r"\$(\w+)", text)):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    content = yaml.safe_load(text)
    for entry in content["DATASETS"]["CUSTOM"]:
        write_data(entry, num_classes_of(content["MODEL"]))
    (tmp_path / "my.yaml").write_text(text)
    words = ["--config-file", "my.yaml", "--num-gpus", "0", *SHORT]
    cfg = setup(default_argument_parser().parse_args(words))
    assert cfg.MODEL.META_ARCHITECTURE in NUM_CLASSES_KEYS
    trainer = Trainer(cfg)
    trainer.resume_or_load(False)
    trainer.train()
    binary, total = count_weights(trainer.model)
    assert binary > 0.5 * total
    assert (tmp_path / cfg.OUTPUT_DIR / "model_final.pth").is_file()
