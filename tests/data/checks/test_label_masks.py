"""Each defect of masks ends in a message that names the file and the fix."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import ConfigError, DataError


@pytest.fixture
def check(mask_folders):
    """Correct masks, to be spoiled by a test and checked by calling it."""
    entries = [mask_folders("mine")]

    def check(*options):
        names = [entry["NAME"] for entry in entries]
        cfg = load_config(
            "",
            [
                *("DATASETS.CUSTOM", str(entries), "DATASETS.TRAIN", str(names)),
                *("MODEL.META_ARCHITECTURE", "SemanticSegmentor"),
                *("MODEL.SEM_SEG_HEAD.NUM_CLASSES", "3", *options),
            ],
        )
        register_datasets(cfg)
        check_datasets(cfg, names)

    check.entries = entries
    check.images, check.masks = (Path(entries[0][key]) for key in ("IMAGES", "MASKS"))
    return check


def paint(path, labels):
    Image.fromarray(np.asarray(labels)).save(path)


def test_correct_masks_pass_and_their_labels_are_counted(check, caplog):
    for path in check.masks.iterdir():
        paint(path, np.zeros((30, 40), dtype=np.uint8))
    labels = np.zeros((30, 40), dtype=np.uint8)
    labels[0, :20], labels[1] = 2, 255
    paint(check.masks / "c.png", labels)
    with caplog.at_level(logging.INFO):
        check()
    # 6 x 1200 pixels: 20 dog, 40 ignored, and of the others' 7160 all but 20 background.
    rows = [line.split() for line in caplog.text.splitlines() if line[:3].strip().isdigit()]
    assert rows == [
        ["0", "background", "99.72", "%", "6"],
        ["1", "cat", "0.00", "%", "0"],
        ["2", "dog", "0.28", "%", "1"],
        ["255", "(ignored)", "0.56", "%", "of", "all", "1"],
    ]
    assert "no pixel of the masks that were counted is cat" in caplog.text


def test_missing_mask(check):
    (check.masks / "d.png").unlink()
    with pytest.raises(DataError, match=r"mask .*d\.png does not exist; image .*d\.jpg needs it"):
        check()


@pytest.mark.parametrize("options", [[], ["DATASETS.CHECK_DECODE", "0"]], ids=["all", "headers"])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((40, 30), np.uint8), r"d\.png is 30x40, but image .*d\.jpg is 40x30; make"),
        (np.zeros((30, 40), np.uint16), r"mask .*d\.png is 16-bit instead of labels"),
        (np.zeros((30, 40, 3), np.uint8), r"mask .*d\.png is RGB instead of labels"),
    ],
    ids=["size", "16-bit", "rgb"],
)
def test_masks_that_do_not_fit(check, labels, message, options):
    paint(check.masks / "d.png", labels)
    with pytest.raises(DataError, match=message):
        check(*options)


def test_label_above_the_classes(check):
    paint(check.masks / "d.png", np.full((30, 40), 3, dtype=np.uint8))
    with pytest.raises(DataError, match=r"mask .*d\.png contains label 3, but valid are 0 to 2"):
        check()


@pytest.mark.parametrize("folder", ["images", "masks"])
def test_broken_files(check, folder):
    (path,) = getattr(check, folder).glob("d.*")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=rf"{path.name} cannot be read"):
        check()


def test_missing_image_of_a_list(check, tmp_path):
    (tmp_path / "list.txt").write_text("a\nghost\n")
    check.entries[0]["LIST"] = str(tmp_path / "list.txt")
    with pytest.raises(DataError, match=r"list\.txt names 'ghost'"):
        check()


def test_masks_where_all_is_ignored(check):
    for path in check.masks.iterdir():
        paint(path, np.full((30, 40), 255, dtype=np.uint8))
    with pytest.raises(DataError, match="'mine': all pixels of its masks are to be ignored"):
        check()


def test_a_turned_image_has_an_upright_mask(check):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 40)).save(check.images / "a.jpg", exif=exif)
    check()
    Image.new("RGB", (40, 30)).save(check.images / "a.jpg", exif=exif)
    with pytest.raises(DataError, match=r"a\.png is 40x30, but image .*a\.jpg is 30x40"):
        check()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["MODEL.SEM_SEG_HEAD.NUM_CLASSES", "4"], r"NUM_CLASSES is 4, but .*3 classes \(backgr"),
        (["MODEL.SEM_SEG_HEAD.IGNORE_VALUE", "254"], "IGNORE_VALUE is 254, but .* label 255; set"),
        (
            ["MODEL.META_ARCHITECTURE", "GroupNetRetinaNet"],
            "GroupNetRetinaNet is for detection .*'mine', which is for semantic segmentation",
        ),
    ],
    ids=["classes", "ignore", "architecture"],
)
def test_what_does_not_fit_the_config(check, options, message):
    with pytest.raises(ConfigError, match=message):
        check(*options)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["background", "cat", "fox"], "only one of them has dog, fox"),
        (["background", "dog", "cat"], "their order differs"),
    ],
)
def test_data_sets_with_unlike_classes(check, mask_folders, classes, message):
    check.entries.append({**mask_folders("other"), "CLASSES": classes})
    with pytest.raises(DataError, match=rf"'mine' and 'other' must have the same .*{message}"):
        check()
