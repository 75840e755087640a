"""A trained classifier on each engine: the same answers, and a file of the right size."""

import numpy as np
import pytest
import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.benchmark.front.deployments import (
    ENGINES,
    PACKED,
    PACKED_INT8,
    TrainedClassifier,
    engines_for,
)
from groupnet_det.benchmark.front.front import Front, format_front, times_of
from groupnet_det.benchmark.front.front_rows import (
    ScoreRow,
    TimeRow,
    make_points,
)
from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.comparison.rows import RowKey
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import ConfigError
from groupnet_det.files.csv_records import read_records
from tests.exporting.networks import settle_by

CLASSES = ["cat", "dog", "eel"]


@pytest.fixture
def trained(root, image_folder, tmp_path):
    """The config of a narrow classifier of three classes, with weights as after a training."""

    def make(method):
        images = image_folder(f"front_{method}", **dict.fromkeys(CLASSES, 4))
        name = f"front_{method}_{tmp_path.name}"
        cfg = load_config(str(root / "configs/Base/classifier_groupnet_r18.yaml"))
        cfg.MODEL.DEVICE, cfg.MODEL.GROUPNET.METHOD = "cpu", method
        cfg.MODEL.GROUPNET.WIDTH, cfg.MODEL.GROUPNET.NUM_BASES = 0.125, 2
        cfg.MODEL.CLASSIFIER.NUM_CLASSES = 3
        cfg.INPUT.CLASSIFICATION.TEST_RESIZE = cfg.INPUT.CLASSIFICATION.TEST_CROP = 32
        cfg.DATASETS.CUSTOM = [{"NAME": name, "FORMAT": "image_folder", "ROOT": str(images)}]
        cfg.DATASETS.TRAIN = cfg.DATASETS.TEST = (name,)
        cfg.DATALOADER.NUM_WORKERS = 0
        register_datasets(cfg)
        model = build_model(cfg)
        batch = [{"image": torch.randint(0, 256, (3, 32, 32)), "label": i % 3} for i in range(8)]
        settle_by(model, lambda: model(batch))
        cfg.MODEL.WEIGHTS = str(tmp_path / f"{method}.pth")
        torch.save({"model": model.state_dict()}, cfg.MODEL.WEIGHTS)
        return cfg

    return make


def logits_of(model, images):
    batch = [{"image": torch.from_numpy(image[0]).to(torch.uint8)} for image in images]
    with torch.no_grad():
        return np.stack([answer["logits"].numpy() for answer in model(batch)])


def test_full_precision_on_every_engine(trained):
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    cfg = trained("float")
    network = TrainedClassifier(cfg, threads=1, calibration_images=12)
    images = list(network.training_images())
    right = logits_of(network.model, images)
    names = engines_for(cfg)
    assert set(names) == set(ENGINES) - {PACKED, PACKED_INT8}
    sizes = {}
    for name in names:
        deployed = ENGINES[name](network)
        found = logits_of(deployed.model, images)
        if "float32" in name:
            np.testing.assert_allclose(found, right, atol=1e-4 * np.abs(right).max(), rtol=0)
        else:
            assert np.corrcoef(found.ravel(), right.ravel())[0, 1] > 0.9
        (first,) = logits_of(deployed.model, [network.image])
        assert int(deployed.run()[0]) == first.argmax()
        assert deployed.calibration_images == (12 if "int8" in name else 0)
        sizes[name] = deployed.num_bytes
    assert sizes["openvino int8"] < 0.5 * sizes["openvino float32"]


def test_calibration_images_are_spread_over_the_classes(trained):
    network = TrainedClassifier(trained("float"), threads=1, calibration_images=3)
    images = list(network.training_images())
    assert [image.shape for image in images] == [(1, 3, 32, 32)] * 3
    assert len({image.tobytes() for image in images}) == 3


def test_scores_and_times_of_a_packed_network(trained, tmp_path, capsys):
    cfg = trained("group_net")
    key = RowKey(method="a", purpose="result", learning_rate=0.1, seed=1, iterations=3)
    path = tmp_path / "front.csv"
    front = Front({key: (cfg, "classification/top1")}, path, threads=1, calibration_images=1)
    front.score()
    (row,) = read_records(path, ScoreRow)
    assert (row.method, row.engine, row.seed, row.calibration_images) == ("a", PACKED, 1, 0)
    assert 0 <= row.score <= 100
    assert row.num_bytes > 1000
    assert "classification/top1" in capsys.readouterr().out

    front.score()
    assert read_records(path, ScoreRow) == [row]  # nothing is scored twice

    front.time(Schedule(rounds=2, burst_seconds=0.001))
    (took,) = read_records(times_of(path), TimeRow, more_columns=True)
    assert 0 < took.least_ms <= took.median_ms
    assert f"| **a** | {PACKED} |" in " ".join(format_front(make_points([row], [took])).split())


def test_a_detector_is_refused(root):
    cfg = load_config(str(root / "configs/Base/retinanet_groupnet_r18_fpn.yaml"))
    cfg.MODEL.DEVICE, cfg.MODEL.GROUPNET.WIDTH = "cpu", 0.0625
    with pytest.raises(ConfigError, match=r"--front is for classifiers, and .* is .*RetinaNet"):
        TrainedClassifier(cfg, threads=1, calibration_images=1)
