"""`groupnet-det fit` on a tiny classifier with random weights."""

import csv

import pytest
import torch

from groupnet_det.benchmark.budget.candidates import Candidates
from groupnet_det.commands.deployment.fit import main
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.exporting.packed.trained import load_trained
from groupnet_det.packed.packed_file import read_packed
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.reference.interpreter import run_reference
from tests.autotrain.tiny_data import NAMES, write_classes
from tests.exporting.networks import random_images
from tests.exporting.tiny_classifier import WEIGHTS
from tests.exporting.tiny_slimmable import write_slimmable

pytestmark = pytest.mark.skipif(not is_built(), reason="no engine")


@pytest.fixture(scope="module")
def checkpoint(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("slimmable")
    data = write_classes(folder / "data")
    entry = {"NAME": "fit_squares", "FORMAT": "image_folder", "ROOT": str(data)}
    options = [
        *("DATASETS.CUSTOM", str([entry]), "DATASETS.TRAIN", "['fit_squares']"),
        *("DATASETS.TEST", "['fit_squares']", "MODEL.CLASSIFIER.NUM_CLASSES", "2"),
        *("SOLVER.IMS_PER_BATCH", "4", "DATALOADER.NUM_WORKERS", "0"),
    ]
    write_slimmable(root, folder, *options, class_names=sorted(NAMES))
    return str(folder / WEIGHTS)


def read_rows(folder):
    with (folder / "fit.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_network_is_chosen_and_written(checkpoint, tmp_path, monkeypatch, capsys):
    # Times by the number of bases alone, so that the budget has a meaning here.
    sizes = {}
    monkeypatch.setattr(Candidates, "_seconds", lambda self, network: sizes["bases"] / 1000)
    made = Candidates._make

    def noted(self, assignment):
        sizes["bases"] = sum(assignment.values())
        return made(self, assignment)

    monkeypatch.setattr(Candidates, "_make", noted)
    words = [checkpoint, "--ms", "6", "--output", str(tmp_path), "--batches", "2"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    rows = read_rows(tmp_path)
    fitting = [row for row in rows if float(row["milliseconds"]) <= 6]
    assert len(fitting) >= 4
    best = max(float(row["score"]) for row in fitting)
    (line,) = [line for line in printed.splitlines() if line.endswith("chosen |")]
    assert f"{best:.2f}" in line

    cfg = load_config(str(tmp_path / "config.yaml"))
    register_datasets(cfg)
    assert str(tmp_path / "trained") == cfg.OUTPUT_DIR
    model, rest = load_trained(cfg)
    assert rest["class_names"] == sorted(NAMES)
    images = random_images(2, 28, 28)
    with torch.no_grad():
        batch = [{"image": image.permute(2, 0, 1)} for image in images]
        expected = torch.stack([output["logits"] for output in model(batch)])
    found = run_reference(read_packed(tmp_path / "model.gnp"), images)["logits"].flatten(1)
    assert torch.equal(found.argmax(1), expected.argmax(1))

    assert main(words) == 0  # goes on from its rows
    assert read_rows(tmp_path) == rows


def test_rows_of_another_checkpoint_are_not_used(checkpoint, tmp_path):
    words = ["--output", str(tmp_path), "--batches", "1", "--ms", "0.00001"]
    for batches in ("1", "2"):
        with pytest.raises(SystemExit, match="the smallest numbers of bases take"):
            main([checkpoint, *words[:2], "--batches", batches, *words[4:]])
    assert [row["settings"].split(" ", 1)[1] for row in read_rows(tmp_path)] == [
        "fit_squares 1 batches 1 threads",
        "fit_squares 2 batches 1 threads",
    ]


def test_validation_images_alone_are_enough(checkpoint, tmp_path):
    words = ["DATASETS.VAL", "['fit_squares']", "DATASETS.TEST", "[]", "--batches", "1"]
    with pytest.raises(SystemExit, match="the smallest numbers of bases take"):
        main([checkpoint, *words, "--ms", "0.00001", "--output", str(tmp_path)])
    assert len(read_rows(tmp_path)) == 1


@pytest.mark.parametrize("value", ["0", "-1", "nan"])
def test_times_that_cannot_be(checkpoint, tmp_path, value):
    with pytest.raises(SystemExit, match=r"--ms is .*; valid: above 0"):
        main([checkpoint, "--ms", value, "--output", str(tmp_path / "out")])


def test_the_folder_of_a_training_is_not_overwritten(checkpoint, tmp_path):
    (tmp_path / "model_final.pth").write_bytes(b"trained")
    with pytest.raises(SystemExit, match=r"holds another network, model_final\.pth; name"):
        main([checkpoint, "--ms", "6", "--output", str(tmp_path)])
    assert (tmp_path / "model_final.pth").read_bytes() == b"trained"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["DATASETS.TEST", "[]"], r"DATASETS\.VAL is empty"),
        (["DATASETS.TRAIN", "[]"], r"DATASETS\.TRAIN is empty"),
        (["SOLVER.BEST_METRIC", "bbox/AP"], r"SOLVER\.BEST_METRIC is 'bbox/AP'; valid: "),
        (["MODEL.GROUPNET.SLIMMABLE_BASES", "[]"], "the network is not slimmable"),
    ],
    ids=["nothing to score", "nothing to train on", "metric of another task", "one number"],
)
def test_configs_that_cannot_be_searched(checkpoint, tmp_path, words, problem):
    with pytest.raises(SystemExit, match=problem):
        main([checkpoint, *words, "--ms", "6", "--output", str(tmp_path / "out")])
