"""A packed file under Detectron2's evaluation."""

import re

import pytest
import torch

from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import ConfigError, PackedFileError
from groupnet_det.exporting.packed.trained import load_trained
from groupnet_det.inference.dataset_scores import first_images, score_dataset
from groupnet_det.inference.packed_model import build_packed_model, is_packed
from groupnet_det.packed.packed_file import read_packed, write_packed
from tests.exporting.models import export, make_model
from tests.exporting.tiny_classifier import PACKED, copy_tiny_classifier, tiny_config


@pytest.fixture
def tiny(root, tmp_path, tiny_packed, datasets_env):
    """A config whose MODEL.WEIGHTS are random, and the packed file of these."""
    folder = copy_tiny_classifier(tiny_packed, tmp_path)
    return tiny_config(root, folder), folder / PACKED


def test_it_predicts_as_the_training_model(tiny):
    cfg, path = tiny
    classifier, _ = load_trained(cfg)
    packed = build_packed_model(cfg, str(path), backend="reference")
    (dataset,) = cfg.DATASETS.TEST
    expected, found = (score_dataset(cfg, m, dataset) for m in (classifier, packed))
    assert found.num_images == 20
    assert found.predictions == expected.predictions
    assert found.values == pytest.approx(expected.values)
    assert len({each["classes"] for each in found.predictions}) > 1


def test_images_of_several_sizes(tiny):
    cfg, path = tiny
    packed = build_packed_model(cfg, str(path), backend="reference")
    images = [torch.randint(0, 256, (3, s, 32), dtype=torch.uint8) for s in (32, 48)]
    both = packed([{"image": image} for image in images])
    for image, output in zip(images, both, strict=True):
        (alone,) = packed([{"image": image}])
        assert output["logits"].equal(alone["logits"])
        assert output["logits"].shape == (10,)


def test_first_images_are_bytes(tiny):
    cfg, _ = tiny
    images = first_images(cfg, cfg.DATASETS.TEST[0], 3)
    assert len(images) == 3
    assert {(x.shape, x.dtype) for x in images} == {((1, 32, 32, 3), torch.uint8)}


def test_another_order_of_channels_is_refused(tiny):
    cfg, path = tiny
    cfg.INPUT.FORMAT = "BGR"
    with pytest.raises(ConfigError, match=r"INPUT.FORMAT is 'BGR', but .*model.gnp was made with"):
        build_packed_model(cfg, str(path), backend="reference")


def test_the_task_is_compared_first(root, tiny):
    _, path = tiny
    detection = load_config(str(root / "configs/quick/retinanet_groupnet_photo_digits.yaml"))
    register_datasets(detection)
    assert detection.INPUT.FORMAT == "BGR"  # which the classifier has not, too
    with pytest.raises(ConfigError, match=r"is for detection, but .*model.gnp for classification"):
        build_packed_model(detection, str(path), backend="reference")


KEPT = {"min_size": 96, "max_size": 160, "format": "BGR"}
DETECTOR = {"INPUT.MIN_SIZE_TEST": 96, "INPUT.MAX_SIZE_TEST": 160}
SEGMENTER = {"INPUT.SEMANTIC.TEST_SHORT_SIDE": 96}  # and no other


@pytest.mark.parametrize(
    ("kind", "preprocessing", "keys", "told"),
    [
        ("fcos", KEPT, DETECTOR, None),
        ("fcos", KEPT, {**DETECTOR, "INPUT.MIN_SIZE_TEST": 80}, "min_size 80; .* min_size 96$"),
        ("fcos", KEPT, {**DETECTOR, "INPUT.MAX_SIZE_TEST": 99}, "max_size 99; .* max_size 160$"),
        ("mask_rcnn", KEPT, DETECTOR, None),
        ("fcn8s", {**KEPT, "max_size": 0}, SEGMENTER, None),
        ("fcn8s", {**KEPT, "min_size": 32, "max_size": 0}, SEGMENTER, "min_size 96; .* 32$"),
    ],
    ids=["detector", "shorter side", "longer side", "masks", "segmenter", "segmenter's side"],
)
def test_other_sizes_are_reported(root, tmp_path, caplog, kind, preprocessing, keys, told):
    info = {"preprocessing": {"kind": "shortest_edge", **preprocessing}}
    if kind == "fcn8s":
        info["postprocessing"] = {"inference": "whole"}
    packed = export(make_model(root, kind), info=info)
    path = tmp_path / "model.gnp"
    write_packed(path, packed.program, packed.info, packed.tensors)
    cfg = load_config("", [str(word) for item in keys.items() for word in item])
    build_packed_model(cfg, str(path), backend="reference")
    messages = [record.getMessage() for record in caplog.records if "made with" in record.msg]
    assert bool(messages) == (told is not None)
    if told is not None:
        assert re.search(told, *messages)


def test_other_sizes_of_a_classifier_are_reported(tiny, caplog):
    cfg, path = tiny
    cfg.INPUT.CLASSIFICATION.TEST_RESIZE += 8
    build_packed_model(cfg, str(path), backend="reference")
    assert re.search(r"with resize 40; .*model\.gnp was made with resize 32$", caplog.text, re.M)


def test_other_classes_are_refused(tiny):
    cfg, path = tiny
    packed = read_packed(path)
    info = {**packed.info, "class_names": [f"word {n}" for n in range(10)]}
    write_packed(path, packed.program, info, packed.tensors)
    with pytest.raises(ConfigError, match=r"has the classes 0, 1, 2 ... \(10\), but .* word 0"):
        build_packed_model(cfg, str(path), backend="reference")


def test_missing_file(tiny):
    cfg, path = tiny
    with pytest.raises(PackedFileError, match=r"absent\.gnp"):
        build_packed_model(cfg, str(path.with_name("absent.gnp")), backend="reference")


@pytest.mark.parametrize(
    ("weights", "packed"), [("a/model.gnp", True), ("model.pth", False), ("", False)]
)
def test_packed_files_are_known_by_their_name(weights, packed):
    assert is_packed(weights) is packed
