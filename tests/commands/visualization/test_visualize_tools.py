"""visualize_data.py and visualize_json_results.py as a user runs them, in this process."""

import importlib
import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

QUICK = "configs/quick/retinanet_groupnet_photo_digits.yaml"
CLASSES = "configs/quick/classifier_groupnet_mnist5k.yaml"


@pytest.fixture
def run(root, monkeypatch):
    def run_tool(name, *words):
        module = importlib.import_module(f"groupnet_det.commands.visualization.{name}")
        with pytest.raises(SystemExit) as exit_:
            sys.exit(module.main(list(map(str, words))))
        return exit_.value.code

    return run_tool


def changed(drawn, original):
    new, old = (np.asarray(Image.open(p).convert("RGB")).astype(int) for p in (drawn, original))
    return np.abs(new - old).mean()


def test_annotations(run, root, datasets_env, tmp_path):
    words = ["--source", "annotation", "--config-file", root / QUICK, "--output", tmp_path]
    assert run("visualize_data", *words, "--num-images", 3) == 0
    drawn = sorted(tmp_path.iterdir())
    assert [p.name for p in drawn] == ["000001.jpg", "000006.jpg", "000012.jpg"]
    original = datasets_env / "photo_digits/train" / drawn[0].name
    assert changed(drawn[0], original) > 2


def test_dataloader(run, root, datasets_env, tmp_path):
    words = ["--source", "dataloader", "--config-file", root / QUICK, "--output", tmp_path]
    options = ["DATALOADER.NUM_WORKERS", "0", "INPUT.MIN_SIZE_TRAIN", "[80]"]
    options += ["MODEL.MASK_ON", "True", "SOLVER.IMS_PER_BATCH", "2"]
    assert run("visualize_data", *words, "--num-images", 14, *options) == 0
    drawn = list(tmp_path.iterdir())
    assert len(drawn) == 14  # of 12: names that come again have numbers
    assert Image.open(drawn[0]).size == (80, 80)


@pytest.mark.parametrize("source", ["annotation", "dataloader"])
@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_other_tasks(run, root, datasets_env, tmp_path, source, task):
    words = ["--source", source, "--output", tmp_path, "--num-images", 2]
    options = ["DATALOADER.NUM_WORKERS", "0", "INPUT.SEMANTIC.CROP", "64"]
    if task == "classification":
        words += ["--config-file", root / CLASSES]
    else:
        options += ["DATASETS.TRAIN", "['photo_digits_seg_train']"]
        options += ["MODEL.META_ARCHITECTURE", "SemanticSegmentor"]
        options += ["MODEL.SEM_SEG_HEAD.NUM_CLASSES", "11", "SOLVER.IMS_PER_BATCH", "2"]
    assert run("visualize_data", *words, *options) == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_a_bad_image_is_reported_and_the_others_drawn(
    run, root, datasets_env, tmp_path, monkeypatch, capsys
):
    shutil.copytree(datasets_env, tmp_path / "data")
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path / "data"))
    (tmp_path / "data/photo_digits/train/000003.jpg").write_bytes(b"no")
    words = ["--source", "annotation", "--config-file", root / QUICK]
    assert run("visualize_data", *words, "--output", tmp_path / "out") == 1
    assert len(list((tmp_path / "out").iterdir())) == 11
    assert "000003.jpg cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["DATASETS.TRAIN", "[]"], "DATASETS.TRAIN is empty"),
        (["DATASETS.TRAIN", "['nobody']"], "'nobody' is not known"),
        (
            ["DATASETS.TRAIN", "['coco_2017_train']"],
            "instances_train2017.json does not exist; check",
        ),
        (["--show"], "by --output|--show"),
    ],
    ids=["none", "unknown", "absent", "no-screen"],
)
def test_what_cannot_be_drawn(run, root, datasets_env, monkeypatch, options, message):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    text = run("visualize_data", "--source", "annotation", "--config-file", root / QUICK, *options)
    assert text.startswith("error: ")
    assert any(part in text for part in message.split("|"))


@pytest.mark.parametrize("spoil", ["no-box", "mask", "runs"])
def test_the_loader_is_not_asked_for_what_training_refuses(
    run, root, datasets_env, tmp_path, spoil
):
    folder = datasets_env / "photo_digits"
    content = json.loads((folder / "annotations/instances_train.json").read_text())
    first = content["annotations"][0]
    if spoil == "no-box":
        content["annotations"] = []
    else:
        first["segmentation"] = {"size": [9, 9] if spoil == "mask" else [160, 160], "counts": [81]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    entry = {"NAME": "mine", "FORMAT": "coco", "ANNOTATIONS": f"{tmp_path}/a.json"}
    words = ["--source", "dataloader", "--config-file", root / QUICK, "--output", tmp_path]
    options = ["DATASETS.CUSTOM", str([{**entry, "IMAGES": f"{folder}/train"}])]
    options += ["DATASETS.TRAIN", "['mine']", "MODEL.MASK_ON", "True"]
    told = run("visualize_data", *words, *options)
    assert told.startswith("error: ")
    expected = {
        "no-box": "has no box to learn from",
        "mask": "9x9",
        "runs": "has runs of 81 pixels",
    }
    assert expected[spoil] in told


def test_a_mask_of_another_size_is_reported(run, mask_folders, tmp_path, capsys):
    entry = mask_folders()
    Image.new("L", (20, 30)).save(tmp_path / "mine/masks/c.png")
    options = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TRAIN", "['mine']"]
    words = ["--source", "annotation", "--output", tmp_path / "out"]
    assert run("visualize_data", *words, *options) == 1
    assert "c.png is 20x30, but image" in capsys.readouterr().err
    assert len(list((tmp_path / "out").iterdir())) == 5


def results_file(folder, image_id, category_id=3):
    found = {"image_id": image_id, "category_id": category_id, "bbox": [20, 30, 60, 50]}
    mask = {"size": [160, 160], "counts": "Q5"}
    path = folder / "results.json"
    path.write_text(
        json.dumps([{**found, "score": 0.9}, {**found, "score": 0.3, "segmentation": mask}])
    )
    return path


def image_ids(datasets):
    content = json.loads((datasets / "photo_digits/annotations/instances_val.json").read_text())
    return [image["id"] for image in content["images"]]


def test_json_results(run, datasets_env, tmp_path):
    path = results_file(tmp_path, image_ids(datasets_env)[1])
    words = ["--results", path, "--output", tmp_path / "out", "--dataset", "photo_digits_val"]
    assert run("visualize_json_results", *words) == 0
    (drawn,) = (tmp_path / "out").iterdir()  # images without results are left out
    width, height = Image.open(drawn).size
    assert width == 720  # ground truth and prediction, enlarged for their labels
    assert height > 360
    assert run("visualize_json_results", *words, "--score-threshold", "0.95") == 0


def test_json_results_on_a_data_set_of_ones_own(run, datasets_env, tmp_path):
    root = datasets_env / "photo_digits"
    (tmp_path / "config.yaml").write_text(f"""
DATASETS:
  CUSTOM:
    - NAME: mine
      FORMAT: coco
      ANNOTATIONS: {root}/annotations/instances_val.json
      IMAGES: {root}/val
""")
    path = results_file(tmp_path, image_ids(datasets_env)[0])
    words = ["--results", path, "--output", tmp_path / "out", "--dataset", "mine"]
    assert run("visualize_json_results", *words, "--config-file", tmp_path / "config.yaml") == 0
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_annotations_that_training_would_refuse(run, datasets_env, tmp_path, capsys):
    """A box without an area is drawn; a mask for another image is told."""
    root = datasets_env / "photo_digits"
    content = json.loads((root / "annotations/instances_train.json").read_text())
    content["annotations"][0]["bbox"][2:] = [0, 0]
    spoilt = next(a for a in content["annotations"] if a["image_id"] == content["images"][3]["id"])
    spoilt["segmentation"]["size"] = [9, 9]
    (tmp_path / "a.json").write_text(json.dumps(content))
    entry = {"NAME": "mine", "FORMAT": "coco", "ANNOTATIONS": f"{tmp_path}/a.json"}
    options = ["DATASETS.CUSTOM", str([{**entry, "IMAGES": f"{root}/train"}])]
    options += ["DATASETS.TRAIN", "['mine']"]
    words = ["--source", "annotation", "--output", tmp_path / "out", *options]
    assert run("visualize_data", *words) == 1
    assert len(list((tmp_path / "out").iterdir())) == 11
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    assert f"{content['images'][3]['file_name']}: a mask is for an image of 9x9, not 160x1" in line


@pytest.mark.parametrize("split", ["train", "val"])
def test_panoptic_data_show_stuff_and_things(run, root, datasets_env, tmp_path, split):
    source = {"train": "dataloader", "val": "annotation"}[split]
    config = root / "configs/quick/panoptic_fpn_groupnet_photo_digits.yaml"
    words = ["--source", source, "--output", tmp_path, "--num-images", 1]
    options = ["DATALOADER.NUM_WORKERS", "0", "INPUT.MIN_SIZE_TRAIN", "[160]"]
    options += ["DATASETS.TRAIN", f"['photo_digits_panoptic_{split}']"]
    options += ["SOLVER.IMS_PER_BATCH", "1", "INPUT.RANDOM_FLIP", "none"]
    assert run("visualize_data", *words, "--config-file", config, *options) == 0
    (drawn,) = tmp_path.iterdir()
    original = datasets_env / "photo_digits" / split / drawn.name
    new, old = (np.asarray(Image.open(p).convert("RGB")).astype(int) for p in (drawn, original))
    stuff = datasets_env / f"photo_digits/panoptic_stuff_{split}" / f"{drawn.stem}.png"
    background = np.asarray(Image.open(stuff)) == 1
    assert (np.abs(new - old).max(axis=2)[background] > 10).mean() > 0.8
    assert (np.abs(new - old).max(axis=2)[~background] > 10).mean() > 0.3


def test_json_results_of_something_else(run, datasets_env, tmp_path, capsys):
    path = results_file(tmp_path, image_ids(datasets_env)[0], category_id=70)
    words = ["--results", path, "--output", tmp_path / "out", "--dataset"]
    assert run("visualize_json_results", *words, "photo_digits_val") == 1
    told = capsys.readouterr().err
    assert "a result is of category 70, but the data set has [1, 2" in told
    assert f"error: {path}: of image {image_ids(datasets_env)[0]}, " in told
    assert "'mnist5k_val' is not for detection" in run(
        "visualize_json_results", *words, "mnist5k_val"
    )
    for content, message in (("{", "is not valid JSON"), ("{}", "is not a list of COCO results")):
        path.write_text(content)
        assert message in run("visualize_json_results", *words, "photo_digits_val")
