"""A trained network on each engine: the same predictions, and a file of the right size."""

import numpy as np
import pytest
import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.benchmark.front import deployments
from groupnet_det.benchmark.front.deployments import (
    ENGINES,
    PACKED,
    PACKED_INT8,
    TrainedNetwork,
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
from tests.exporting.models import settle_model
from tests.exporting.networks import settle_by
from tests.modeling import detectors, segmentors

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
    batch = [{"image": torch.as_tensor(image)[0].permute(2, 0, 1)} for image in images]
    with torch.no_grad():
        return np.stack([answer["logits"].numpy() for answer in model(batch)])


def test_full_precision_on_every_engine(trained):
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    cfg = trained("float")
    network = TrainedNetwork(cfg, threads=1, calibration_images=12)
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


def test_a_graph_of_8_bits_is_made_once_for_each_number_of_images(trained, monkeypatch):
    pytest.importorskip("onnxruntime")
    cfg = trained("float")
    made = TrainedNetwork(cfg, threads=1, calibration_images=2).graph(8)
    monkeypatch.setattr(deployments, "int8_graph", lambda graph, images: b"made again")
    assert TrainedNetwork(cfg, threads=1, calibration_images=2).graph(8) == made
    assert TrainedNetwork(cfg, threads=1, calibration_images=3).graph(8) == b"made again"


def test_calibration_images_are_spread_over_the_classes(trained):
    network = TrainedNetwork(trained("float"), threads=1, calibration_images=3)
    images = list(network.training_images())
    assert [image.shape for image in images] == [(1, 32, 32, 3)] * 3
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


DIGITS = {
    "RetinaNet": "retinanet_groupnet_photo_digits",
    "FCOS": "fcos_groupnet_photo_digits",
    "FCN": "semseg_groupnet_photo_digits",
}


@pytest.fixture
def digits(root, datasets_env, tmp_path):
    """The config of a narrow network of photo-digits, with weights as after a training."""

    def make(task, method, threshold=0.05):
        cfg = load_config(str(root / f"configs/quick/{DIGITS[task]}.yaml"))
        cfg.MODEL.DEVICE, cfg.MODEL.GROUPNET.METHOD = "cpu", method
        cfg.MODEL.GROUPNET.WIDTH, cfg.MODEL.FPN.OUT_CHANNELS = 0.125, 16
        cfg.DATALOADER.NUM_WORKERS = 0
        cfg.MODEL.RETINANET.SCORE_THRESH_TEST = cfg.MODEL.FCOS.SCORE_THRESH_TEST = threshold
        register_datasets(cfg)
        model = build_model(cfg).eval()
        kind = segmentors if task == "FCN" else detectors
        settle_model(model, kind.make_batch())
        cfg.MODEL.WEIGHTS = str(tmp_path / f"{task}_{method}.pth")
        torch.save({"model": model.state_dict()}, cfg.MODEL.WEIGHTS)
        return cfg

    return make


def predictions_on(network, model):
    pixels = network.image[0].permute(2, 0, 1)
    height, width = network.wanted
    with torch.no_grad():
        (answer,) = model([{"image": pixels, "height": height, "width": width}])
    return answer


@pytest.mark.parametrize("task", ["RetinaNet", pytest.param("FCOS", marks=pytest.mark.slow)])
def test_detectors_find_the_same_objects_on_every_engine(digits, task):
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    cfg = digits(task, "float", threshold=0.0)
    network = TrainedNetwork(cfg, threads=1, calibration_images=2)
    right = predictions_on(network, network.model)["instances"]
    assert len(right) >= 10
    for name in ("openvino float32", "onnxruntime float32"):
        found = predictions_on(network, ENGINES[name](network).model)["instances"]
        assert len(found) == len(right)
        # equal scores may change places
        torch.testing.assert_close(found.scores, right.scores, atol=1e-4, rtol=0)
        first = right.scores.argmax()
        torch.testing.assert_close(
            found.pred_boxes.tensor[found.scores.argmax()],
            right.pred_boxes.tensor[first],
            atol=0.05,
            rtol=0,
        )
    for name in ("openvino int8", "onnxruntime int8"):
        deployed = ENGINES[name](network)
        assert len(predictions_on(network, deployed.model)["instances"]) > 0
        assert deployed.run() is not None
        assert deployed.num_bytes < 0.5 * len(network.graph(32))


def test_segmenters_give_the_same_labels_on_every_engine(digits):
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    network = TrainedNetwork(digits("FCN", "float"), threads=1, calibration_images=2)
    right = predictions_on(network, network.model)["sem_seg"].argmax(dim=0)
    assert len(right.unique()) > 1
    for name in engines_for(network.cfg):
        labels = predictions_on(network, ENGINES[name](network).model)["sem_seg"].argmax(dim=0)
        least = 0.999 if "float32" in name else 0.5
        assert (labels == right).float().mean() >= least, name


def test_a_binary_detector_has_float_and_8_bit_parts(digits):
    network = TrainedNetwork(digits("RetinaNet", "group_net"), threads=1, calibration_images=2)
    assert engines_for(network.cfg) == [PACKED, PACKED_INT8]
    sizes = [ENGINES[name](network).num_bytes for name in (PACKED, PACKED_INT8)]
    assert sizes[1] < sizes[0]


def test_an_rcnn_is_refused(root):
    cfg = load_config(str(root / "configs/Base/faster_rcnn_groupnet_r18_fpn.yaml"))
    with pytest.raises(ConfigError, match=r"classifiers, segmenters and dense .* GeneralizedRCNN"):
        TrainedNetwork(cfg, threads=1, calibration_images=1)
