"""photo-digits for Panoptic FPN."""

import json
from pathlib import Path

import numpy as np
import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.data.loading.loaders import build_train_loader
from groupnet_det.errors import ConfigError, DataError
from groupnet_det.evaluation.evaluators import build_evaluator

NAMES = [f"photo_digits_panoptic_{split}" for split in ("train", "val")]


@pytest.fixture
def cfg(root, datasets_env, tmp_path):
    path = root / "configs/quick/panoptic_fpn_groupnet_photo_digits.yaml"
    cfg = load_config(str(path), ["OUTPUT_DIR", str(tmp_path), "DATALOADER.NUM_WORKERS", "0"])
    register_datasets(cfg)
    return cfg


def test_stuff_is_what_no_digit_covers(cfg):
    check_datasets(cfg, NAMES)
    for name in NAMES:
        for record in DatasetCatalog.get(name):
            stuff = np.asarray(Image.open(record["sem_seg_file_name"]))
            path = record["sem_seg_file_name"].replace("panoptic_stuff", "semantic")
            semantic = np.asarray(Image.open(path))
            assert np.array_equal(stuff == 1, semantic == 0)
            assert set(np.unique(stuff)) <= {0, 1}
            assert record["annotations"]
    assert MetadataCatalog.get(NAMES[0]).stuff_classes == ["things", "background"]


def test_samples_have_instances_with_masks_and_semantic_labels(cfg):
    batch = next(iter(build_train_loader(cfg, seed=0)))
    assert len(batch) == cfg.SOLVER.IMS_PER_BATCH
    for sample in batch:
        assert sample["sem_seg"].shape == sample["image"].shape[1:]
        assert len(sample["instances"].gt_masks) == len(sample["instances"].gt_boxes)
        things = sample["instances"].gt_masks.tensor.any(dim=0)
        assert ((sample["sem_seg"] == 0) == things).float().mean() > 0.99


def test_evaluators_are_those_of_boxes_masks_and_semantics(cfg):
    evaluators = build_evaluator(cfg, NAMES[1])._evaluators
    assert [type(e).__name__ for e in evaluators][:2] == ["COCOEvaluator", "SemanticEvaluator"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("NUM_CLASSES", 3, r"SEM_SEG_HEAD.NUM_CLASSES is 3, but .* has 2 kinds of stuff \(things,"),
        ("IGNORE_VALUE", 9, r"IGNORE_VALUE is 9, but data set .* ignores label 255"),
    ],
)
def test_a_config_of_other_stuff_is_refused(cfg, key, value, message):
    cfg.MODEL.SEM_SEG_HEAD[key] = value
    with pytest.raises(ConfigError, match=message):
        check_datasets(cfg, NAMES)


def test_masks_of_stuff_are_looked_at(cfg):
    path = Path(DatasetCatalog.get(NAMES[1])[0]["sem_seg_file_name"])
    content = path.read_bytes()
    Image.fromarray(np.full((9, 9), 1, dtype=np.uint8)).save(path)
    try:
        with pytest.raises(DataError, match=rf"mask {path} is 9x9, but image .* is 160x160"):
            check_datasets(cfg, NAMES)
    finally:
        path.write_bytes(content)


def test_detectron2s_own_evaluators_find_what_they_ask_for(cfg, tmp_path):
    from detectron2.evaluation import COCOEvaluator, COCOPanopticEvaluator, SemSegEvaluator

    for name in NAMES:
        assert DatasetCatalog.get(name)
        evaluator = COCOPanopticEvaluator(name, str(tmp_path))
        SemSegEvaluator(name, output_dir=str(tmp_path))
        COCOEvaluator(name, output_dir=str(tmp_path))
        digit, background = (
            evaluator._convert_category_id({"category_id": category, "isthing": thing})
            for category, thing in ((3, True), (1, False))
        )
        metadata = MetadataCatalog.get(name)
        truth = json.loads(Path(metadata.panoptic_json).read_text())
        names = {category["id"]: category["name"] for category in truth["categories"]}
        assert names[digit["category_id"]] == metadata.thing_classes[3]
        assert names[background["category_id"]] == "background"


def test_scenes_are_whole(cfg):
    for name in NAMES:
        records = {record["image_id"]: record for record in DatasetCatalog.get(name)}
        metadata = MetadataCatalog.get(name)
        truth = json.loads(Path(metadata.panoptic_json).read_text())
        assert len(truth["annotations"]) == len(records)
        for scene in truth["annotations"]:
            numbers = np.asarray(Image.open(Path(metadata.panoptic_root) / scene["file_name"]))
            segments = {segment["id"]: segment for segment in scene["segments_info"]}
            assert set(np.unique(numbers[..., 0])) == set(segments)
            assert not numbers[..., 1:].any()
            stuff = np.asarray(Image.open(records[scene["image_id"]]["sem_seg_file_name"]))
            assert np.array_equal(stuff == 1, numbers[..., 0] == 1)
            assert len(segments) - 1 == len(records[scene["image_id"]]["annotations"])
            assert sum(segment["area"] for segment in segments.values()) == stuff.size
