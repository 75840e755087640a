"""The tools as a user runs them; above all, that mistakes end in one line before training."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

CONFIG = "configs/quick/retinanet_groupnet_photo_digits.yaml"
SMALL = ["MODEL.GROUPNET.WIDTH", "0.125", "MODEL.FPN.OUT_CHANNELS", "16", "SOLVER.MAX_ITER", "2"]


@pytest.fixture
def run(root):
    def run_tool(*command):
        return subprocess.run(
            [sys.executable, "-W", "ignore", *map(str, command)],
            cwd=root,
            capture_output=True,
            text=True,
        )

    return run_tool


@pytest.fixture
def broken_datasets(datasets_env, tmp_path, monkeypatch):
    """A copy of the tiny data set that a test may spoil."""
    shutil.copytree(datasets_env, tmp_path / "datasets")
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path / "datasets"))
    return tmp_path / "datasets/photo_digits"


def test_train_then_evaluate_then_draw(run, datasets_env, tmp_path):
    options = [*SMALL, "OUTPUT_DIR", tmp_path, "MODEL.RETINANET.SCORE_THRESH_TEST", "0.0"]
    trained = run("tools/train_net.py", "--config-file", CONFIG, "--num-gpus", "0", *options)
    assert trained.returncode == 0, trained.stderr
    assert "Precision map" in trained.stdout
    assert "eta" in trained.stdout

    results = tmp_path / "inference/coco_instances_results.json"
    annotations = datasets_env / "photo_digits/annotations/instances_val.json"
    csv = tmp_path / "scores.csv"
    scored = run(
        *("tools/evaluate.py", "--annotations", annotations, "--results", results, "--csv", csv)
    )
    assert scored.returncode == 0, scored.stderr
    rows = [json.loads(line) for line in (tmp_path / "metrics.json").read_text().splitlines()]
    assert float(csv.read_text().splitlines()[-1].split(",")[1]) == pytest.approx(
        rows[-1]["bbox/AP"], abs=1e-3
    )

    sheet = tmp_path / "sheet.png"
    drawn = run(
        *("tools/visualize_results.py", "--config-file", CONFIG, "--output", sheet),
        *("--num-images", "2", "OUTPUT_DIR", tmp_path),
    )
    assert drawn.returncode == 0, drawn.stderr
    assert sheet.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["MODEL.GROUPNET.NUM_BASES", "0"], "NUM_BASES (K) is 0; valid: 1 to 8"),
        (["MODEL.GROUPNET.NUM_BASES", "many"], "MODEL.GROUPNET.NUM_BASES"),
        (["MODEL.RETINANET.NUM_CLASSES", "7"], "NUM_CLASSES is 7, but data set"),
        (["MODEL.WEIGHTS", "absent.pth"], "absent.pth does not exist"),
        (["DATASETS.TRAIN", "['nobody']"], "'nobody' is not known"),
        (["DATASETS.TRAIN", "[]"], "DATASETS.TRAIN is empty"),
    ],
    ids=["K-0", "K-word", "classes", "weights", "dataset", "no-dataset"],
)
def test_mistakes_in_options(run, datasets_env, tmp_path, options, message):
    command = ["tools/train_net.py", "--config-file", CONFIG, "--num-gpus", "0"]
    done = run(*command, *SMALL, *options, "OUTPUT_DIR", tmp_path)
    assert_one_line(done, message)


def test_two_processes_train(run, datasets_env, tmp_path):
    command = ["tools/train_net.py", "--config-file", CONFIG, "--dist-url", "auto"]
    command += ["--num-processes", "2"]
    options = [*SMALL, "INPUT.MIN_SIZE_TRAIN", "[96]", "DATASETS.TEST", "[]"]
    options += ["SOLVER.IMS_PER_BATCH", "2", "OUTPUT_DIR", tmp_path]
    trained = run(*command, *options)
    assert trained.returncode == 0, trained.stderr
    assert "World size: 2" in trained.stdout
    assert trained.stdout.count("Precision map") == 1


def test_a_mistake_met_by_two_processes_is_reported_once(run, datasets_env, tmp_path):
    command = ["tools/train_net.py", "--config-file", CONFIG, "--dist-url", "auto"]
    done = run(
        *(*command, "--num-processes", "2", *SMALL),
        *("SOLVER.IMS_PER_BATCH", "3", "OUTPUT_DIR", tmp_path),
    )
    assert_one_line(done, "SOLVER.IMS_PER_BATCH 3 is not a multiple of 2 processes")


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ("train/000003.jpg", "000003.jpg does not exist"),
        ("annotations/instances_train.json", "instances_train.json does not exist; make it with"),
    ],
    ids=["image", "annotations"],
)
def test_missing_files(run, broken_datasets, tmp_path, spoilt, message):
    (broken_datasets / spoilt).unlink()
    command = ["tools/train_net.py", "--config-file", CONFIG, "--num-gpus", "0"]
    assert_one_line(run(*command, *SMALL, "OUTPUT_DIR", tmp_path), message)


def test_evaluation_without_weights_is_refused(run, datasets_env, tmp_path):
    done = run(
        *("tools/train_net.py", "--config-file", CONFIG, "--num-gpus", "0", "--eval-only"),
        *(*SMALL, "OUTPUT_DIR", tmp_path),
    )
    assert_one_line(done, "would score a random network")
    assert not (tmp_path / "config.yaml").exists()


def assert_one_line(done, message):
    assert done.returncode == 1
    assert "Starting training" not in done.stdout
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert message in line


def test_prepare_photo_digits(run, tmp_path):
    command = ["datasets/prepare_photo_digits.py", "--output", tmp_path]
    done = run(*command, "--num-train", "2", "--num-val", "1")
    assert done.returncode == 0, done.stderr
    assert f"photo-digits is complete in {tmp_path}" in done.stdout
    assert len(list((tmp_path / "train").glob("*.jpg"))) == 2
    bad = run(*command, "--num-val", "0")
    assert bad.returncode == 1
    assert bad.stderr.startswith("error: photo-digits:")


def test_prepare_mnist5k(run, tmp_path):
    done = run("datasets/prepare_mnist5k.py", "--output", tmp_path / "mnist5k")
    assert done.returncode == 0, done.stderr
    assert f"mnist5k is complete in {tmp_path / 'mnist5k'}" in done.stdout
    assert len(list((tmp_path / "mnist5k/val").glob("*/*.png"))) == 1000


def test_score_and_draw_a_classification(run, image_folder, tmp_path):
    root = image_folder("mine", cat=1, dog=1)
    rows = [f"{root}/cat/0.jpg,cat,cat,0.9", f"{root}/dog/0.jpg,dog,cat,0.6"]
    predictions = tmp_path / "inference/predictions.csv"
    predictions.parent.mkdir()
    predictions.write_text("\n".join(["file,label,prediction,probability", *rows]))
    scored = run("tools/evaluate.py", "--predictions", predictions)
    assert scored.stdout.splitlines()[-1].split() == ["all", "2", "50.00"]

    row = {"iteration": 9, "total_loss": 1.0, "lr": 0.1, "classification/top1": 50}
    (tmp_path / "metrics.json").write_text(json.dumps(row))
    (tmp_path / "config.yaml").write_text(f"""
DATASETS:
  CUSTOM: [{{NAME: mine, FORMAT: image_folder, ROOT: {root}}}]
  TEST: [mine]
MODEL: {{META_ARCHITECTURE: ImageClassifier, CLASSIFIER: {{NUM_CLASSES: 2}}}}
OUTPUT_DIR: {tmp_path}
""")
    pictures = [tmp_path / "sheet.png", tmp_path / "curves.png"]
    drawn = run(
        *("tools/visualize_results.py", "--config-file", tmp_path / "config.yaml"),
        *("--output", pictures[0], "--curves", pictures[1]),
    )
    assert drawn.returncode == 0, drawn.stderr
    assert all(picture.stat().st_size > 3_000 for picture in pictures)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--results", "a.json"],
        ["--predictions", "a.csv", "--csv", "b.csv"],
        ["--masks", "a", "--label-maps", "b"],
    ],
    ids=["none", "half", "mixed", "no-classes"],
)
def test_evaluate_says_what_goes_together(run, options):
    done = run("tools/evaluate.py", *options)
    assert done.returncode == 2
    assert "--annotations and --results (and --csv), or --predictions alone, or" in done.stderr


def test_score_and_draw_masks(run, mask_folders, tmp_path):
    entry = mask_folders()
    labels = tmp_path / "inference/label_maps"
    labels.mkdir(parents=True)
    for path in (tmp_path / "mine/masks").iterdir():
        pixels = np.asarray(Image.open(path))
        Image.fromarray(np.where(pixels == 255, 0, pixels)).save(labels / path.name)
    outputs = [tmp_path / name for name in ("scores.csv", "matrix.png", "sheet.png")]
    scored = run(
        *("tools/evaluate.py", "--masks", entry["MASKS"], "--label-maps", labels),
        *("--classes", ",".join(entry["CLASSES"])),
        *("--csv", outputs[0], "--confusion-matrix", outputs[1]),
    )
    assert scored.returncode == 0, scored.stderr
    assert outputs[0].read_text().splitlines()[-1].split(",")[2:4] == ["100.000", "100.000"]
    (tmp_path / "config.yaml").write_text(f"""
DATASETS: {{CUSTOM: [{json.dumps(entry)}], TEST: [mine]}}
MODEL: {{META_ARCHITECTURE: SemanticSegmentor, SEM_SEG_HEAD: {{NUM_CLASSES: 3}}}}
OUTPUT_DIR: {tmp_path}
""")
    drawn = run(
        *("tools/visualize_results.py", "--config-file", tmp_path / "config.yaml"),
        *("--output", outputs[2]),
    )
    assert drawn.returncode == 0, drawn.stderr
    assert all(output.stat().st_size > 100 for output in outputs)


def test_prepare_sbd_and_cityscapes_name_what_is_missing(run, tmp_path):
    done = run("datasets/prepare_sbd.py", "--voc", tmp_path, "--sbd", tmp_path)
    assert done.returncode == 1
    assert "train.txt does not exist; lay VOC 2012 out" in done.stderr
    done = run("datasets/prepare_cityscapes.py", "--root", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
