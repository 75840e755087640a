import csv
import math

import pytest
import torch
from detectron2.evaluation import inference_on_dataset
from detectron2.utils import comm
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.data.loading.loaders import build_test_loader
from groupnet_det.errors import ConfigError, DataError, TrainingError
from groupnet_det.evaluation.classification_evaluator import ClassificationEvaluator
from groupnet_det.evaluation.evaluators import build_evaluator

NAMES = [f"class {i}" for i in range(7)]


@pytest.fixture
def evaluator(tmp_path):
    return ClassificationEvaluator(class_names=NAMES, output_dir=tmp_path / "inference")


def sample(name, label, logits):
    return {"file_name": name, "label": label}, {"logits": torch.tensor(logits)}


def process(evaluator, *samples):
    inputs, outputs = zip(*samples, strict=True)
    evaluator.process(list(inputs), list(outputs))


def test_ranks_counted_by_hand(evaluator):
    rising = [0.0, 1, 2, 3, 4, 5, 6]
    # The label's rank among falling logits: 1, 5, 6.
    process(evaluator, sample("a", 6, rising), sample("b", 2, rising))
    process(evaluator, sample("c", 1, rising))
    results = evaluator.evaluate()["classification"]
    assert results["top1"] == pytest.approx(100 / 3)
    assert results["top5"] == pytest.approx(200 / 3)
    log_sum = math.log(sum(math.exp(x) for x in rising))
    assert results["cross_entropy"] == pytest.approx(sum(log_sum - x for x in (6, 2, 1)) / 3)

    rows = list(csv.DictReader((evaluator.output_dir / "predictions.csv").open()))
    assert [row["label"] for row in rows] == ["class 6", "class 2", "class 1"]
    assert {row["prediction"] for row in rows} == {"class 6"}
    assert float(rows[0]["probability"]) == pytest.approx(math.exp(6 - log_sum), abs=1e-6)
    assert (evaluator.output_dir / "per_class.csv").read_text().endswith("all,3,33.333,66.667\n")
    assert Image.open(evaluator.output_dir / "confusion_matrix.png").width > 300


def test_of_fewer_than_five_classes_all_count_as_top5(tmp_path):
    evaluator = ClassificationEvaluator(class_names=["a", "b", "c"], output_dir=tmp_path)
    process(evaluator, sample("x", 2, [3.0, 2.0, 1.0]))
    results = evaluator.evaluate()["classification"]
    assert (results["top1"], results["top5"]) == (0, 100)


def test_reset_forgets(evaluator):
    process(evaluator, sample("a", 0, [0.0] * 6 + [1.0]))
    evaluator.reset()
    process(evaluator, sample("b", 6, [0.0] * 6 + [1.0]))
    assert evaluator.evaluate()["classification"]["top1"] == 100


def test_processes_are_gathered_and_doubled_images_count_once(evaluator, monkeypatch):
    right, wrong = [1.0] + [0.0] * 6, [0.0, 1.0] + [0.0] * 5
    process(evaluator, sample("b", 0, wrong), sample("c", 0, wrong))
    elsewhere = evaluator.predictions
    evaluator.reset()
    process(evaluator, sample("a", 0, right), sample("b", 0, wrong))
    monkeypatch.setattr(comm, "gather", lambda mine, dst: [mine, elsewhere])
    assert evaluator.evaluate()["classification"]["top1"] == pytest.approx(100 / 3)
    assert len((evaluator.output_dir / "predictions.csv").read_text().splitlines()) == 4

    monkeypatch.setattr(comm, "is_main_process", lambda: False)
    assert evaluator.evaluate() is None


def test_no_image(evaluator):
    with pytest.raises(DataError, match="is the data set empty"):
        evaluator.evaluate()


@pytest.mark.parametrize("shape", [(5,), (1, 7), ()], ids=str)
def test_logits_of_another_shape(evaluator, shape):
    output = {"logits": torch.zeros(shape)}
    with pytest.raises(ConfigError, match=r"logits of shape .*has 7 classes; set .*NUM_CLASSES 7"):
        evaluator.process([{"file_name": "a", "label": 0}], [output])


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=str)
def test_logits_that_are_not_finite(evaluator, value):
    with pytest.raises(TrainingError, match="logits for b are not finite"):
        process(evaluator, sample("a", 0, [0.0] * 7), sample("b", 0, [0.0] * 6 + [value]))


class Oracle(torch.nn.Module):
    """Knows the labels, but takes each dog for a cat."""

    def forward(self, inputs):
        logits = torch.tensor([[2.0, 0.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
        return [{"logits": logits[sample["label"]]} for sample in inputs]


def test_a_data_set_from_its_files_to_its_scores(image_folder, tmp_path):
    root = image_folder("mine", cat=3, dog=2, fox=1)
    entry = {"NAME": "mine", "FORMAT": "image_folder", "ROOT": str(root)}
    options = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TEST", "['mine']"]
    output = ["OUTPUT_DIR", str(tmp_path), "DATALOADER.NUM_WORKERS", "0"]
    cfg = load_config("", [*options, *output, "TEST.IMS_PER_BATCH", "4"])
    register_datasets(cfg)
    evaluator = build_evaluator(cfg, "mine")
    results = inference_on_dataset(Oracle(), build_test_loader(cfg, "mine"), evaluator)
    assert results["classification"]["top1"] == pytest.approx(100 * 4 / 6)
    lines = (tmp_path / "inference/per_class.csv").read_text().splitlines()
    assert lines[1:4] == ["cat,3,100.000,100.000", "dog,2,0.000,100.000", "fox,1,100.000,100.000"]
