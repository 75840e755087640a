import numpy as np
import pytest
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.cityscapes_masks import prepare_train_ids, require_cityscapesscripts
from groupnet_det.errors import DataError
from tests.cityscapes_tree import make_cityscapes, register_cityscapes, write_train_ids

CONFIG = ["MODEL.META_ARCHITECTURE", "SemanticSegmentor", "MODEL.SEM_SEG_HEAD.NUM_CLASSES", "19"]


@pytest.fixture
def tree(tmp_path):
    make_cityscapes(tmp_path)
    return tmp_path


def test_masks_of_training_labels(tree):
    pytest.importorskip("cityscapesscripts", reason="the extra 'cityscapes' is not installed")
    assert prepare_train_ids(tree) == 4
    paths = sorted(tree.glob("gtFine/*/*/*_labelTrainIds.png"))
    drawn = [np.asarray(Image.open(path)) for path in paths]
    write_train_ids(tree)
    for path, labels in zip(paths, drawn, strict=True):
        assert np.array_equal(labels, np.asarray(Image.open(path)))
        assert set(np.unique(labels)) == {*range(19), 255}

    paths[1].unlink()
    before = paths[0].stat().st_mtime_ns
    prepare_train_ids(tree)  # again, and only what is missing
    assert paths[1].exists()
    assert paths[0].stat().st_mtime_ns == before


def test_broken_polygons_are_named(tree):
    pytest.importorskip("cityscapesscripts", reason="the extra 'cityscapes' is not installed")
    (path, *_) = tree.glob("gtFine/train/*/*_polygons.json")
    path.write_text(path.read_text().replace("road", "rode"))
    with pytest.raises(DataError, match=rf"{path.name} cannot be drawn"):
        prepare_train_ids(tree)


def test_without_cityscapesscripts(tree, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"package cityscapesscripts; .*groupnet-det\[cityscapes\]"):
        prepare_train_ids(tree)
    with pytest.raises(DataError, match="this needs the package"):
        require_cityscapesscripts("this")


def test_a_complete_tree_passes(tree, caplog):
    write_train_ids(tree)
    names = register_cityscapes(tree)
    with caplog.at_level("INFO"):
        check_datasets(load_config("", CONFIG), names)
    assert "data set tiny_cityscapes_val: 2 images checked" in caplog.text


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("gtFine/val/*/*_labelTrainIds.png", r"labelTrainIds\.png does not .*prepare-cityscapes"),
        ("gtFine/val/*/*_instanceIds.png", r"instanceIds\.png does not exist; .*_leftImg8bit"),
        ("gtFine/val/*/*_polygons.json", r"polygons\.json does not exist"),
        ("leftImg8bit/val/*/*.png", r"leftImg8bit/val holds no image"),
    ],
)
def test_what_a_tree_lacks_is_named(tree, pattern, message):
    write_train_ids(tree)
    _, val = register_cityscapes(tree)
    for path in tree.glob(pattern):
        path.unlink()
    with pytest.raises(DataError, match=message):
        check_datasets(load_config("", CONFIG), [val])


def test_missing_folder_and_foreign_image(tree):
    train, _ = register_cityscapes(tree)
    odd = tree / "leftImg8bit/train/aachen/odd.png"
    odd.write_bytes(b"")
    write_train_ids(tree)
    with pytest.raises(DataError, match=r"odd\.png is not named as Cityscapes' images"):
        check_datasets(load_config("", CONFIG), [train])
    (tree / "gtFine/train").rename(tree / "away")
    with pytest.raises(DataError, match=r"gtFine/train does not exist; lay Cityscapes out"):
        check_datasets(load_config("", CONFIG), [train])
