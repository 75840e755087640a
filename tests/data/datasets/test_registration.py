import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets import photo_digits
from groupnet_det.data.datasets.registration import make_missing_datasets, register_datasets
from groupnet_det.errors import ConfigError, DataError

XML = """<annotation><size><width>40</width><height>30</height></size>
<object><name>{name}</name><difficult>0</difficult>
<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>20</xmax><ymax>25</ymax></bndbox></object></annotation>"""


@pytest.fixture
def voc(tmp_path):
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (tmp_path / folder).mkdir(parents=True)
    for stem in ("a", "b"):
        Image.new("RGB", (40, 30)).save(tmp_path / f"JPEGImages/{stem}.jpg")
        (tmp_path / f"Annotations/{stem}.xml").write_text(XML.format(name="cat"))
    (tmp_path / "ImageSets/Main/train.txt").write_text("a\nb\n")
    return tmp_path


def config_with(entry, name="mine"):
    options = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TRAIN", f"['{name}']"]
    return load_config("", [*options, "MODEL.ROI_HEADS.NUM_CLASSES", "2"])


def voc_entry(root, **changes):
    entry = {"NAME": "mine", "FORMAT": "voc", "ROOT": str(root), "SPLIT": "train"}
    return {**entry, "CLASSES": ["dog", "cat"], **changes}


def test_voc_layout(voc):
    cfg = config_with(voc_entry(voc))
    register_datasets(cfg)
    check_datasets(cfg, ["mine"])
    record, _ = DatasetCatalog.get("mine")
    assert record["annotations"][0]["category_id"] == 1
    assert record["annotations"][0]["bbox"] == [2, 3, 20, 25]  # VOC counts pixels from 1
    assert MetadataCatalog.get("mine").thing_classes == ["dog", "cat"]


def test_registering_again_takes_the_new_entry(voc):
    for classes in (["cat"], ["cat", "dog"]):
        register_datasets(config_with(voc_entry(voc, CLASSES=classes)))
        assert MetadataCatalog.get("mine").thing_classes == classes


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("ImageSets/Main/train.txt", r"train\.txt does not exist"),
        ("Annotations/a.xml", r"a\.xml, listed in .*train\.txt, is missing"),
    ],
)
def test_voc_files_that_are_missing(voc, path, message):
    (voc / path).unlink()
    cfg = config_with(voc_entry(voc))
    register_datasets(cfg)
    with pytest.raises(DataError, match=message):
        check_datasets(cfg, ["mine"])


def test_voc_class_that_is_not_listed(voc):
    (voc / "Annotations/a.xml").write_text(XML.format(name="fox"))
    cfg = config_with(voc_entry(voc))
    register_datasets(cfg)
    with pytest.raises(DataError, match=r"'fox'.*CLASSES \['dog', 'cat'\]"):
        check_datasets(cfg, ["mine"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"FORMAT": "csv"},
            r"DATASETS.CUSTOM\[0\].FORMAT is 'csv'; valid: 'coco', 'voc', 'yolo', 'image_folder'",
        ),
        ({"CLASSES": "cat"}, "CLASSES must be a list"),
        ({"ROOT": "$NOWHERE_AT_ALL/x"}, "variable NOWHERE_AT_ALL is not set"),
        ({"ROOT": 2024}, r"ROOT is 2024, not a text.* in quotes"),
        ({"ROOT": None}, r"ROOT is None, not a text"),
        ({"COLOUR": "red"}, r"unknown keys \['COLOUR'\]; valid for voc"),
    ],
    ids=["format", "classes", "variable", "number", "null", "unknown-key"],
)
def test_bad_entries(voc, change, message):
    with pytest.raises(ConfigError, match=message):
        register_datasets(config_with(voc_entry(voc, **change)))


def test_entries_that_are_not_used_need_not_exist():
    entry = {"NAME": "unused", "FORMAT": "coco", "ANNOTATIONS": "$NOWHERE/a", "IMAGES": "$NOWHERE"}
    register_datasets(config_with(entry, name="other"))


def test_missing_key_is_named():
    with pytest.raises(ConfigError, match=r"DATASETS.CUSTOM\[0\] lacks the key ANNOTATIONS"):
        register_datasets(config_with({"NAME": "mine", "FORMAT": "coco"}))


@pytest.mark.parametrize(
    ("names", "exists", "made"),
    [
        (["photo_digits_val"], False, True),
        (["photo_digits_val"], True, False),
        (["coco_2017_val"], False, False),
    ],
    ids=["absent", "there", "another"],
)
def test_photo_digits_is_made_where_it_is_wanted(tmp_path, monkeypatch, names, exists, made):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    if exists:
        (tmp_path / "photo_digits").mkdir()
    calls = []
    monkeypatch.setattr(photo_digits, "prepare_photo_digits", lambda root, _: calls.append(root))
    make_missing_datasets(names)
    assert calls == ([tmp_path / "photo_digits"] if made else [])


def test_image_folder(image_folder):
    root = image_folder("mine", dog=1, cat=2)
    register_datasets(config_with({"NAME": "mine", "FORMAT": "image_folder", "ROOT": str(root)}))
    records = DatasetCatalog.get("mine")
    assert [(r["file_name"], r["label"]) for r in records] == [
        (str(root / "cat/0.jpg"), 0),
        (str(root / "cat/1.jpg"), 0),
        (str(root / "dog/0.jpg"), 1),
    ]
    metadata = MetadataCatalog.get("mine")
    assert metadata.classes == ["cat", "dog"]
    assert metadata.evaluator_type == "classification"


def test_imagenet_lies_where_detectron2_looks_for_data(tmp_path, image_folder, monkeypatch):
    image_folder("imagenet/val", n01440764=1, n01443537=1)
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    register_datasets(load_config(""))
    assert len(DatasetCatalog.get("imagenet_val")) == 2
    assert MetadataCatalog.get("imagenet_val").classes == ["n01440764", "n01443537"]
    with pytest.raises(DataError, match=r"imagenet/train does not exist; lay ImageNet out as"):
        DatasetCatalog.get("imagenet_train")


def test_mnist5k_is_made_where_it_is_wanted(tmp_path, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    register_datasets(load_config(""))
    make_missing_datasets(["photo_digits"])
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match=r"make it with: groupnet-det prepare-mnist5k"):
        DatasetCatalog.get("mnist5k_train")
    make_missing_datasets(["mnist5k_val"])
    assert len(DatasetCatalog.get("mnist5k_train")) == 4000
    assert len(DatasetCatalog.get("mnist5k_val")) == 1000
    assert MetadataCatalog.get("mnist5k_val").classes == list("0123456789")
