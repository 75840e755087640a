import numpy as np
import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import make_missing_datasets, register_datasets
from groupnet_det.errors import ConfigError, DataError
from groupnet_det.images.label_images import write_labels

SEGMENTOR = ["MODEL.META_ARCHITECTURE", "SemanticSegmentor", "MODEL.SEM_SEG_HEAD.NUM_CLASSES"]


def config_with(entry, num_classes=3):
    options = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TRAIN", f"['{entry['NAME']}']"]
    return load_config("", [*options, *SEGMENTOR, str(num_classes)])


@pytest.fixture
def voc(tmp_path, monkeypatch):
    """A VOC 2012 of three images."""
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    root = tmp_path / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for stem in ("2007_1", "2007_2", "2007_3"):
        Image.new("RGB", (40, 30)).save(root / f"JPEGImages/{stem}.jpg")
        labels = np.full((30, 40), 255)
        labels[:20] = 20
        write_labels(root / f"SegmentationClass/{stem}.png", labels, np.zeros((0, 3), np.uint8))
    lists = {"train": [1, 2], "val": [3], "trainval": [1, 2, 3]}
    for split, numbers in lists.items():
        lines = "".join(f"2007_{number}\n" for number in numbers)
        (root / f"ImageSets/Segmentation/{split}.txt").write_text(lines)
    return root


def test_voc(voc):
    cfg = load_config("", [*SEGMENTOR, "21"])
    register_datasets(cfg)
    names = ["voc_2012_seg_train", "voc_2012_seg_val", "voc_2012_seg_trainval"]
    check_datasets(cfg, names)
    assert [len(DatasetCatalog.get(name)) for name in names] == [2, 1, 3]
    (record,) = DatasetCatalog.get("voc_2012_seg_val")
    assert record["sem_seg_file_name"] == str(voc / "SegmentationClass/2007_3.png")
    metadata = MetadataCatalog.get("voc_2012_seg_val")
    assert (len(metadata.stuff_classes), metadata.stuff_classes[20]) == (21, "tvmonitor")
    assert metadata.stuff_colors[1] == [128, 0, 0]
    assert (metadata.evaluator_type, metadata.ignore_label) == ("sem_seg", 255)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("voc_2012_seg_trainaug", r"Aug does not exist; lay VOC .* then: groupnet-det prepare-sbd"),
        ("voc_2012_seg_train", r"train\.txt does not exist; lay VOC 2012 out as datasets/README"),
    ],
)
def test_what_voc_lacks_is_named_with_its_fix(voc, name, message):
    (voc / "ImageSets/Segmentation/train.txt").unlink()
    register_datasets(load_config(""))
    with pytest.raises(DataError, match=message):
        DatasetCatalog.get(name)


def test_photo_digits_has_masks(datasets_env):
    cfg = load_config("", [*SEGMENTOR, "11"])
    register_datasets(cfg)
    check_datasets(cfg, ["photo_digits_seg_train", "photo_digits_seg_val"])
    assert len(DatasetCatalog.get("photo_digits_seg_train")) == 12
    classes = MetadataCatalog.get("photo_digits_seg_val").stuff_classes
    assert classes == ["background", *"0123456789"]


def test_photo_digits_is_made_for_its_masks_too(tmp_path, monkeypatch):
    from groupnet_det.data.datasets import photo_digits

    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    calls = []
    monkeypatch.setattr(photo_digits, "prepare_photo_digits", lambda root, _: calls.append(root))
    make_missing_datasets(["photo_digits_seg_val"])
    assert calls == [tmp_path / "photo_digits"]


def test_masks_of_ones_own(mask_folders, tmp_path):
    (tmp_path / "val.txt").write_text("b\nc\n")
    entry = {**mask_folders(), "LIST": str(tmp_path / "val.txt"), "IGNORE_LABEL": 255}
    cfg = config_with(entry)
    register_datasets(cfg)
    check_datasets(cfg, ["mine"])
    assert len(DatasetCatalog.get("mine")) == 2
    assert MetadataCatalog.get("mine").stuff_classes == ["background", "cat", "dog"]


def test_class_names_from_a_file(mask_folders, tmp_path):
    (tmp_path / "classes.txt").write_text("void\ntraffic light\n\ncar\n")
    register_datasets(config_with({**mask_folders(), "CLASSES": str(tmp_path / "classes.txt")}))
    assert MetadataCatalog.get("mine").stuff_classes == ["void", "traffic light", "car"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"CLASSES": "nowhere.txt"}, r"nowhere\.txt does not exist; check DATASETS.CUSTOM\[0\]"),
        ({"CLASSES": ["cat", "cat "]}, "CLASSES has classes of the same name .*'cat' and 'cat '"),
        ({"CLASSES": 3}, "CLASSES must be a list of 2 to 255 different"),
        ({"IGNORE_LABEL": 0}, "IGNORE_LABEL is 0; valid with 3 classes: 3 to 255"),
        ({"IGNORE_LABEL": 256}, "IGNORE_LABEL is 256; valid"),
        ({"IMAGES": "$NOWHERE_AT_ALL"}, "variable NOWHERE_AT_ALL is not set"),
        ({"MASKS": 10}, r"MASKS is 10, not a text.* in quotes"),
        ({"MASK_SUFFIX": 0.5}, r"MASK_SUFFIX is 0.5, not a text"),
        ({"ROOT": "x"}, r"unknown keys \['ROOT'\]; valid for masks"),
    ],
    ids=[
        *("no-file", "doubled", "number", "ignore-a-class", "ignore-256", "variable", "folder"),
        *("suffix", "unknown-key"),
    ],
)
def test_bad_entries(mask_folders, changes, message):
    with pytest.raises((ConfigError, DataError), match=message):
        register_datasets(config_with({**mask_folders(), **changes}))


@pytest.mark.parametrize("key", ["IMAGES", "MASKS", "CLASSES"])
def test_missing_keys_are_named(mask_folders, key):
    entry = mask_folders()
    del entry[key]
    with pytest.raises(ConfigError, match=rf"DATASETS.CUSTOM\[0\] lacks the key {key}"):
        register_datasets(config_with(entry))


def test_real_masks_pass(test_data, caplog):
    root = test_data / "data/ccp"
    entry = {
        "NAME": "ccp",
        "FORMAT": "masks",
        "IMAGES": str(root / "JPEGImages"),
        "MASKS": str(root / "SegmentationClass"),
        "LIST": str(root / "ImageSets/Segmentation/train.txt"),
        "CLASSES": str(root / "classes.txt"),
    }
    cfg = config_with(entry, num_classes=9)
    register_datasets(cfg)
    with caplog.at_level("INFO"):
        check_datasets(cfg, ["ccp"])
    # Its SOURCE.txt: 76.95 % of all pixels are background, and 0.65 % are ignored.
    (line,) = [line for line in caplog.text.splitlines() if "background" in line]
    assert float(line.split()[2]) == pytest.approx(100 * 76.95 / 99.35, abs=0.01)
