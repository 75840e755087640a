"""The preparation of "trainaug" on a tiny VOC and SBD."""

import builtins

import numpy as np
import pytest
from detectron2.data import DatasetCatalog
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.data.datasets.sbd import prepare_trainaug, read_sbd_mask
from groupnet_det.errors import DataError
from groupnet_det.images.label_images import read_labels, write_labels

scipy_io = pytest.importorskip("scipy.io")

# VOC: a and b for training, v and w for validation. SBD: b, c, d and v.
SBD_LABELS = {"b": 3, "c": 4, "d": 20, "v": 6}


def write_mat(path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    truth = {"Segmentation": labels, "Boundaries": np.zeros((2, 1)), "CategoriesPresent": [1]}
    scipy_io.savemat(path, {"GTcls": truth})


@pytest.fixture
def voc(tmp_path, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    root = tmp_path / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for name in "abcdvw":
        Image.new("RGB", (4, 3)).save(root / f"JPEGImages/{name}.jpg")
    for name in "abvw":
        labels = np.array([[1, 1, 255, 0]] * 3)
        write_labels(root / f"SegmentationClass/{name}.png", labels, np.zeros((0, 3), np.uint8))
    for split, names in (("train", "ab"), ("val", "vw")):
        (root / f"ImageSets/Segmentation/{split}.txt").write_text("\n".join(names))
    return root


@pytest.fixture
def sbd(tmp_path):
    root = tmp_path / "benchmark_RELEASE/dataset"
    for name, label in SBD_LABELS.items():
        write_mat(root / f"cls/{name}.mat", np.array([[0, label, label, 0]] * 3, dtype=np.uint8))
    (root / "train.txt").write_text("b\nc\n")
    (root / "val.txt").write_text("d\nv\n")
    return root


def test_list_and_masks(voc, sbd, capsys):
    assert prepare_trainaug(voc, sbd) == 4
    assert (voc / "ImageSets/Segmentation/trainaug.txt").read_text() == "a\nb\nc\nd\n"
    labels = {p.stem: read_labels(p)[0].tolist() for p in (voc / "SegmentationClassAug").iterdir()}
    of_voc = [1, 1, 255, 0]  # finer than SBD's, and taken where there is one
    assert labels == {"a": of_voc, "b": of_voc, "c": [0, 4, 4, 0], "d": [0, 20, 20, 0]}
    mask = Image.open(voc / "SegmentationClassAug/d.png")
    assert mask.mode == "P"
    assert mask.convert("RGB").getpixel((1, 0)) == (0, 64, 128)
    assert "trainaug: 4/4 masks, 0 s left" in capsys.readouterr().out

    register_datasets(load_config(""))
    assert len(DatasetCatalog.get("voc_2012_seg_trainaug")) == 4


def test_an_interrupted_run_goes_on(voc, sbd):
    (sbd / "cls/d.mat").rename(sbd / "away")
    with pytest.raises(DataError, match=r"d\.mat does not exist; name SBD's folder .* completely"):
        prepare_trainaug(voc, sbd)
    assert not (voc / "ImageSets/Segmentation/trainaug.txt").exists()
    made = voc / "SegmentationClassAug/c.png"
    before = made.stat().st_mtime_ns
    (sbd / "away").rename(sbd / "cls/d.mat")
    assert prepare_trainaug(voc, sbd) == 4
    assert made.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("VOC2012/ImageSets/Segmentation/val.txt", r"val\.txt does not exist; lay VOC 2012 out"),
        ("VOC2012/SegmentationClass/a.png", r"SegmentationClass/a\.png does not exist; lay VOC"),
        ("benchmark_RELEASE/dataset/train.txt", r"train\.txt does not exist; name SBD's folder"),
    ],
)
def test_missing_files_are_named(tmp_path, voc, sbd, missing, message):
    (tmp_path / missing).unlink()
    with pytest.raises(DataError, match=message):
        prepare_trainaug(voc, sbd)


def test_files_that_are_no_masks(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"a\.mat is not a mask of SBD"):
        read_sbd_mask(tmp_path / "a.mat", scipy_io.loadmat)
    scipy_io.savemat(tmp_path / "b.mat", {"other": 1})
    with pytest.raises(DataError, match=r"b\.mat is not a mask of SBD: KeyError"):
        read_sbd_mask(tmp_path / "b.mat", scipy_io.loadmat)
    write_mat(tmp_path / "c.mat", np.zeros((2, 2)))
    with pytest.raises(DataError, match=r"c\.mat is not a mask of SBD: its labels are float64"):
        read_sbd_mask(tmp_path / "c.mat", scipy_io.loadmat)
    write_mat(tmp_path / "d.mat", np.full((2, 2), 21, dtype=np.uint8))
    with pytest.raises(DataError, match=r"d\.mat contains label 21"):
        read_sbd_mask(tmp_path / "d.mat", scipy_io.loadmat)


def test_without_scipy(voc, sbd, monkeypatch):
    real_import = builtins.__import__

    def no_scipy(name, *arguments, **options):
        if name.startswith("scipy"):
            raise ModuleNotFoundError(name)
        return real_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", no_scipy)
    with pytest.raises(DataError, match=r"need the package scipy; .*'groupnet-det\[sbd\]'"):
        prepare_trainaug(voc, sbd)
