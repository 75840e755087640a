import numpy as np
import pytest
import torch
from PIL import Image

from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.data.loading.loaders import build_test_loader
from groupnet_det.errors import CheckpointError, ConfigError, PackedFileError
from groupnet_det.inference.trained_predictor import ModelPredictor, open_predictor
from groupnet_det.runtime.predictor import PackedPredictor

from .models import STUFF, THINGS, make_config, make_model, write_checkpoint

PIXELS = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("task", "threshold"),
    [("retinanet", 0.0), ("mask_rcnn", 0.3), ("panoptic", 0.3), ("semantic", 0), ("classifier", 0)],
)
def test_a_checkpoint_needs_no_config(tmp_path, task, threshold):
    result = open_predictor(write_checkpoint(tmp_path, task), score_threshold=threshold)(PIXELS)
    found = result.detections if task == "panoptic" else result
    if task in ("retinanet", "mask_rcnn", "panoptic"):
        assert len(found) > 3
        assert found.image_size == (90, 120)
        assert found.class_names == tuple(THINGS)
    if task == "semantic":
        assert result.labels.shape == (90, 120)
        assert result.class_names == tuple(STUFF)
    if task == "panoptic":
        assert result.segment_map.shape == (90, 120)
        assert result.label_map.class_names == tuple(STUFF)
    if task == "classifier":
        assert result.logits.shape == (2,)
        assert result.class_names == tuple(THINGS)


def test_only_objects_above_the_threshold(tmp_path):
    path = write_checkpoint(tmp_path, "mask_rcnn")
    scores = open_predictor(path, score_threshold=0.0)(PIXELS).scores
    middle = scores.median().item()
    some = open_predictor(path, score_threshold=middle)(PIXELS).scores
    assert 0 < len(some) < len(scores)
    assert some.min() >= middle


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")], ids=str)
def test_no_score(tmp_path, value):
    with pytest.raises(ConfigError, match=r"score threshold of objects is .*; valid: 0 to 1"):
        open_predictor(tmp_path / "absent.pth", score_threshold=value)


@pytest.mark.parametrize("task", ["retinanet", "classifier", "semantic"])
def test_images_are_seen_as_in_evaluation(tmp_path, datasets_env, task):
    data = {"classifier": "mnist5k_val", "semantic": "photo_digits_seg_val"}
    name = data.get(task, "photo_digits_val")
    cfg = make_config(task, "DATASETS.TEST", f"['{name}']", "DATALOADER.NUM_WORKERS", "0")
    register_datasets(cfg)
    torch.save({"model": make_model(task).state_dict()}, tmp_path / "a.pth")
    cfg.MODEL.WEIGHTS = str(tmp_path / "a.pth")
    predictor = ModelPredictor(cfg, {}, score_threshold=0.0)
    item = next(iter(build_test_loader(cfg, name)))[0]
    pixels = np.asarray(Image.open(item["file_name"]).convert("RGB"))
    assert torch.equal(predictor.preprocess(pixels), item["image"])


def test_config_and_weights_named_in_other_ways(tmp_path):
    path = write_checkpoint(tmp_path, "classifier")
    torch.save({"model": torch.load(path)["model"]}, tmp_path / "bare.pth")
    config = tmp_path / "config.yaml"
    config.write_text(make_config("classifier", "MODEL.WEIGHTS", str(path)).dump())
    expected = open_predictor(path)(PIXELS).logits
    for arguments in (
        {"options": ["MODEL.WEIGHTS", str(path)]},
        {"config_file": str(config)},
        {"config_file": str(config), "weights": tmp_path / "bare.pth"},
    ):
        assert torch.equal(open_predictor(**arguments)(PIXELS).logits, expected)


def test_options_change_the_config_of_the_checkpoint(tmp_path):
    path = write_checkpoint(tmp_path, "classifier")
    predictor = open_predictor(path, options=["INPUT.CLASSIFICATION.TEST_CROP", "16"])
    assert predictor.preprocess(PIXELS).shape == (3, 16, 16)


def test_test_time_augmentation(tmp_path):
    path = write_checkpoint(tmp_path, "retinanet")
    options = ["TEST.AUG.ENABLED", "True", "TEST.AUG.MIN_SIZES", "(64,)"]
    predictor = open_predictor(path, options=options, score_threshold=0.0)
    assert type(predictor.model).__name__ == "DenseDetectorWithTTA"
    assert len(predictor(PIXELS)) > 3


def test_packed_classifier(tiny_packed):
    predictor = open_predictor(tiny_packed / "model.gnp")
    assert isinstance(predictor, PackedPredictor)
    assert predictor(PIXELS).class_names == tuple("0123456789")
    with pytest.raises(ConfigError, match="needs no config and takes none"):
        open_predictor(tiny_packed / "model.gnp", options=["INPUT.FORMAT", "RGB"])


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(ConfigError, match=r"no trained network: name .* by --weights"):
        open_predictor()
    with pytest.raises(ConfigError, match=r"absent\.pth does not exist; fix the path"):
        open_predictor(tmp_path / "absent.pth")
    with pytest.raises(ConfigError, match=r"--opts MODEL\.DEVICE: MODEL\.DEVICE has no value"):
        open_predictor(tmp_path / "absent.pth", options=["MODEL.DEVICE"])
    (tmp_path / "photo.pth").write_bytes(b"\xff\xd8\xff\xe0 a photograph")
    with pytest.raises(CheckpointError, match=r"photo\.pth .* is it a checkpoint\?|refused"):
        open_predictor(tmp_path / "photo.pth")
    with pytest.raises(PackedFileError, match=r"absent\.gnp"):
        open_predictor(tmp_path / "absent.gnp")
    torch.save({"model": {}}, tmp_path / "bare.pth")
    with pytest.raises(ConfigError, match=r"bare\.pth carries no config; give .*--config-file"):
        open_predictor(tmp_path / "bare.pth")
    path = write_checkpoint(tmp_path, "classifier")
    with pytest.raises(CheckpointError, match="number of classes"):
        open_predictor(path, options=["MODEL.CLASSIFIER.NUM_CLASSES", "5"])
