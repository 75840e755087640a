"""Cityscapes' official evaluator and Detectron2's on a tiny tree."""

import numpy as np
import pytest
import torch
from detectron2.evaluation import DatasetEvaluators, inference_on_dataset

from groupnet_det.config import load_config
from groupnet_det.data.loading.loaders import build_test_loader
from groupnet_det.errors import DataError
from groupnet_det.evaluation.cityscapes_evaluator import OfficialCityscapesEvaluator
from groupnet_det.evaluation.evaluators import build_evaluator
from groupnet_det.evaluation.semantic_evaluator import SemanticEvaluator
from tests.cityscapes_tree import make_cityscapes, register_cityscapes, write_train_ids


@pytest.fixture
def val(tmp_path):
    make_cityscapes(tmp_path / "data")
    write_train_ids(tmp_path / "data")
    return register_cityscapes(tmp_path / "data")[1]


def make_config(tmp_path, val, official):
    return load_config(
        "",
        [
            *("TEST.SEMANTIC.OFFICIAL_CITYSCAPES", str(official), "DATASETS.TEST", f"['{val}']"),
            *("OUTPUT_DIR", str(tmp_path / "out"), "DATALOADER.NUM_WORKERS", "0"),
        ],
    )


def from_colours(inputs):
    """Scores of 19 classes that differ from pixel to pixel."""
    images = [record["image"].double() for record in inputs]
    steps = torch.arange(1.0, 20).reshape(19, 1, 1)
    return [{"sem_seg": torch.sin(steps * image.sum(dim=0))} for image in images]


def test_both_evaluators_agree(tmp_path, val):
    pytest.importorskip("cityscapesscripts", reason="the extra 'cityscapes' is not installed")
    cfg = make_config(tmp_path, val, official=True)
    evaluator = build_evaluator(cfg, val)
    had_in1d = hasattr(np, "in1d")
    results = inference_on_dataset(from_colours, build_test_loader(cfg, val), evaluator)
    assert results["cityscapes"]["IoU"] == pytest.approx(results["sem_seg"]["mIoU"], abs=1e-9)
    assert 1 < results["cityscapes"]["IoU"] < 10  # by chance some 3 of 100
    assert hasattr(np, "in1d") == had_in1d
    assert len(list((tmp_path / "out/inference/label_maps").iterdir())) == 2


def test_by_configuration(tmp_path, val, monkeypatch):
    alone = build_evaluator(make_config(tmp_path, val, official=False), val)
    assert isinstance(alone, SemanticEvaluator)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    both = build_evaluator(make_config(tmp_path, val, official=True), val)
    assert isinstance(both, DatasetEvaluators)


def test_what_the_package_cannot_score_is_one_line(tmp_path, val):
    pytest.importorskip("cityscapesscripts", reason="the extra 'cityscapes' is not installed")
    evaluator = OfficialCityscapesEvaluator(val)
    evaluator.reset()  # and no prediction
    with pytest.raises(DataError, match="cityscapesscripts cannot score the predictions"):
        evaluator.evaluate()


def test_without_the_package(tmp_path, val, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"OFFICIAL_CITYSCAPES needs the package cityscapesscripts"):
        build_evaluator(make_config(tmp_path, val, official=True), val)
