"""Errors before a training that could not be evaluated; tables hold what evaluators return."""

import logging

import pytest
from detectron2.data import MetadataCatalog
from detectron2.evaluation import COCOEvaluator

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import ConfigError, DataError
from groupnet_det.evaluation.evaluation_checks import check_evaluation, class_metrics_of, metrics_of
from groupnet_det.evaluation.evaluators import EVALUATORS, build_evaluator
from tests.cityscapes_tree import make_cityscapes, register_cityscapes, write_train_ids

# Config of a task -> its metric, and one of a class.
TASKS = {
    "retinanet_groupnet_photo_digits": ("bbox/AP", "bbox/AP-7"),
    "mask_rcnn_groupnet_photo_digits": ("segm/AP50", "segm/AP-0"),
    "panoptic_fpn_groupnet_photo_digits": ("sem_seg/fwIoU", "sem_seg/IoU-background"),
    "semseg_groupnet_photo_digits": ("sem_seg/mIoU", "sem_seg/ACC-background"),
    "classifier_groupnet_mnist5k": ("classification/top5",),
}


@pytest.fixture
def load(root, datasets_env):
    def load(config, *options):
        cfg = load_config(str(root / f"configs/quick/{config}.yaml"), list(options))
        register_datasets(cfg)
        check_datasets(cfg, cfg.DATASETS.TEST)  # so that classes are known
        return cfg

    return load


@pytest.mark.parametrize("config", TASKS)
def test_metrics_of_each_task(load, config):
    check_evaluation(load(config), training=True)
    for metric in TASKS[config]:
        check_evaluation(load(config, "SOLVER.BEST_METRIC", metric), training=True)
    wrong = load(config, "SOLVER.BEST_METRIC", f"{TASKS[config][0]}_")
    with pytest.raises(ConfigError, match=rf"BEST_METRIC is '{TASKS[config][0]}_', .*; valid: '"):
        check_evaluation(wrong, training=True)
    check_evaluation(wrong, training=False)


def test_early_stopping_has_its_own(load):
    options = ["SOLVER.EARLY_STOPPING.METRIC", "segm/AP"]
    config = "retinanet_groupnet_photo_digits"
    check_evaluation(load(config, *options), training=True)  # there is no early stopping
    cfg = load(config, *options, "SOLVER.EARLY_STOPPING.PATIENCE", "1")
    with pytest.raises(ConfigError, match=r"EARLY_STOPPING\.METRIC is 'segm/AP', which the eval"):
        check_evaluation(cfg, training=True)


def test_of_several_data_sets_metrics_have_their_names(load):
    options = ["DATASETS.TEST", "['photo_digits_train', 'photo_digits_val']", "SOLVER.BEST_METRIC"]
    config = "retinanet_groupnet_photo_digits"
    check_evaluation(load(config, *options, "photo_digits_val/bbox/AP"), training=True)
    with pytest.raises(ConfigError, match=r"valid: 'photo_digits_train/bbox/AP', "):
        check_evaluation(load(config, *options, "bbox/AP"), training=True)


def test_detections_give_what_the_table_says(load):
    cfg = load("mask_rcnn_groupnet_photo_digits")
    (name,) = cfg.DATASETS.TEST
    evaluator = build_evaluator(cfg, name)
    assert isinstance(evaluator, COCOEvaluator)
    results = evaluator._derive_coco_results(None, "bbox", class_names=None)
    assert [f"bbox/{metric}" for metric in results] == metrics_of(cfg, name)[: len(results)]
    assert len(class_metrics_of(cfg, name)) == 30  # AP- and AP50- of boxes, AP- of masks


def test_an_unknown_kind_of_data_set(load):
    cfg = load("retinanet_groupnet_photo_digits")
    MetadataCatalog.get("odd").set(evaluator_type="odd")
    cfg.DATASETS.TEST = ("odd",)
    with pytest.raises(ConfigError, match=f"valid: {', '.join(map(repr, EVALUATORS))}"):
        check_evaluation(cfg, training=False)
    MetadataCatalog.remove("odd")


@pytest.mark.parametrize("training", [True, False])
def test_without_cityscapesscripts(tmp_path, monkeypatch, training):
    make_cityscapes(tmp_path / "data")
    write_train_ids(tmp_path / "data")
    name = register_cityscapes(tmp_path / "data")[1]
    options = ["DATASETS.TEST", f"['{name}']", "SOLVER.BEST_METRIC", "sem_seg/mIoU"]
    check_evaluation(load_config("", options), training=training)
    cfg = load_config("", [*options, "TEST.SEMANTIC.OFFICIAL_CITYSCAPES", "True"])
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    with pytest.raises(DataError, match=r"OFFICIAL_CITYSCAPES needs the package cityscapesscripts"):
        check_evaluation(cfg, training=training)


@pytest.mark.parametrize("installed", [True, False])
def test_without_panopticapi_there_is_no_panoptic_quality(load, monkeypatch, caplog, installed):
    cfg = load("panoptic_fpn_groupnet_photo_digits")
    (name,) = cfg.DATASETS.TEST
    monkeypatch.setattr("importlib.util.find_spec", lambda package: installed or None)
    with caplog.at_level(logging.WARNING):
        check_evaluation(cfg, training=True)
    assert ("panoptic quality (PQ) is not computed" in caplog.text) != installed
    assert ("panoptic_seg/PQ" in metrics_of(cfg, name)) == installed
