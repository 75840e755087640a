"""Folders with what systems and tools leave there, and image folders of odd classes."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from groupnet_det.commands.training import train_net
from groupnet_det.data.checks.label_masks import check_cityscapes_layout
from groupnet_det.data.datasets.cityscapes_masks import prepare_train_ids
from groupnet_det.data.datasets.image_folder import load_image_folder
from groupnet_det.data.datasets.mask_folders import load_mask_folders
from groupnet_det.errors import DataError
from groupnet_det.evaluation.saved.label_map_folders import pair_masks
from groupnet_det.images import folder_files
from groupnet_det.images.file_patterns import find_images

from .test_dataset_checks import check_image_folders

# Path below a folder of classes or images, that is not an image of it.
LEFT_THERE = [
    ".ipynb_checkpoints/x.png",
    "__MACOSX/cat/._0.png",
    "cat/.ipynb_checkpoints/0-checkpoint.png",
    "cat/._0.png",
    "cat/deeper/.hidden.jpg",
    "@eaDir/cat/x.jpg",
    ".DS_Store",
    "cat/Thumbs.db",
    "$RECYCLE.BIN/y.png",
    "#recycle/cat/0.png",
    "@Recycle/0.png",
    "__pycache__/x.pyc",
    "cat/ehthumbs.db",
]


@pytest.fixture(autouse=True)
def said_nothing_yet():
    folder_files.tell_skipped.cache_clear()


def leave(root, name):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0\5\x16\7")


@pytest.mark.parametrize("name", LEFT_THERE)
def test_image_folders(image_folder, caplog, name):
    root = image_folder("mine", cat=2, dog=1)
    clean = load_image_folder(root, "")
    leave(root, name)
    with caplog.at_level(logging.WARNING):
        assert load_image_folder(root, "") == clean
        assert load_image_folder(root, "") == clean
    assert caplog.text.count("hidden and system files are skipped") == 1
    check_image_folders({"mine": root})


@pytest.mark.parametrize("name", ["._a.png", ".a.png", ".ipynb_checkpoints/a.png"])
def test_folders_of_masks_and_images(mask_folders, name):
    entry = mask_folders()
    images, masks = Path(entry["IMAGES"]), Path(entry["MASKS"])
    leave(images, name)
    leave(masks, name)
    options = {"list_file": None, "mask_suffix": ".png", "fix": ""}
    assert len(load_mask_folders(images, masks, **options)) == 6
    assert [found.stem for found, _ in pair_masks(masks, masks)] == list("abcdef")
    assert [path.stem for path in find_images([str(images)])[0]] == list("abcdef")


@pytest.mark.parametrize("suffix", [".Jpg", ".JPEG", ".Png", ".bmp", ".TIF", ".WebP"])
def test_image_files_of_masks_with_any_suffix(mask_folders, tmp_path, suffix):
    entry = mask_folders()
    images, masks = Path(entry["IMAGES"]), Path(entry["MASKS"])
    next(images.iterdir()).rename(images / f"z{suffix}")
    options = {"mask_suffix": ".png", "fix": ""}
    found = load_mask_folders(images, masks, list_file=None, **options)
    assert len(found) == 6
    assert found[-1]["file_name"] == str(images / f"z{suffix}")
    (tmp_path / "list.txt").write_text(f"z{suffix}\n")
    assert (
        load_mask_folders(images, masks, list_file=tmp_path / "list.txt", **options) == found[-1:]
    )


@pytest.mark.parametrize("name", [".DS_Store", "aachen/._a_leftImg8bit.png", "__MACOSX/a.png"])
def test_cityscapes_names_what_its_loader_takes_for_a_city(tmp_path, name):
    images, masks = tmp_path / "images", tmp_path / "gt"
    for folder in (images / "aachen", masks):
        folder.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(images / "aachen/a_leftImg8bit.png")
    leave(images, name)
    with pytest.raises(DataError, match=r"is a hidden or system file, .* delete it"):
        check_cityscapes_layout(images, masks)


def test_polygons_of_cityscapes_that_are_hidden_are_not_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "groupnet_det.data.datasets.cityscapes_masks.require_cityscapesscripts", lambda what: None
    )
    drawn = []

    def draw(source, target, kind):
        drawn.append(source)
        Image.new("L", (4, 4)).save(target)

    scripts = SimpleNamespace(json2labelImg=draw)
    monkeypatch.setattr("importlib.import_module", lambda name: scripts)
    folder = tmp_path / "gtFine/val/aachen"
    for name in ("a_gtFine_polygons.json", "._a_gtFine_polygons.json"):
        leave(folder, name)
    assert prepare_train_ids(tmp_path, ("val",)) == 1
    assert drawn == [str(folder / "a_gtFine_polygons.json")]


@pytest.mark.parametrize("num_classes", [1, 2, 1000])
def test_one_class_needs_no_classifier(image_folder, num_classes):
    root = image_folder("mine", cat=3)
    leave(root, ".ipynb_checkpoints/x.png")
    with pytest.raises(DataError, match=r"'mine' has one class alone, 'cat' .*needs no classifier"):
        check_image_folders({"mine": root}, num_classes=num_classes)


def test_one_class_is_told_so_by_the_command(image_folder, tmp_path, root):
    """Which makes the network before it looks at data."""
    folder = image_folder("mine", cat=3)
    entry = {"NAME": "mine", "FORMAT": "image_folder", "ROOT": str(folder)}
    words = [str(root / "configs/Base/classifier_groupnet_r18.yaml"), "--num-gpus", "0"]
    words += ["DATASETS.CUSTOM", str([entry]), "DATASETS.TRAIN", "['mine']", "DATASETS.TEST", "[]"]
    words += ["MODEL.CLASSIFIER.NUM_CLASSES", "1", "OUTPUT_DIR", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match=r"^error: .*NUM_CLASSES is 1; .*one class needs no"):
        train_net.main(words)


@pytest.mark.parametrize("names", [("b", "b "), ("no", " no")], ids=repr)
def test_class_folders_that_shows_nothing_apart(image_folder, names):
    root = image_folder("mine", **dict.fromkeys(names, 1))
    with pytest.raises(DataError, match=r"image folder .*mine has classes of the same name"):
        check_image_folders({"mine": root})


def test_class_folders_with_names_of_yaml(image_folder):
    root = image_folder("mine", **{"no": 1, "02": 1, "null": 1})
    assert load_image_folder(root, "")[0] == ["02", "no", "null"]
