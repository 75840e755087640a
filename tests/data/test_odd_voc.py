"""VOC layouts as users have them: read rightly, or refused in one line."""

import pytest
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.data.datasets.voc_layout import load_voc, read_annotation, read_split
from groupnet_det.errors import ConfigError, DataError
from tests.data.datasets.test_voc_layout import CLASSES, write_voc

CAT = [("cat", (3, 4, 20, 25), False)]


def spoil(root, old, new):
    path = root / "Annotations/a.xml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def voc(tmp_path):
    return write_voc(tmp_path, {"a": CAT})


SIZE = "<size><width>40</width><height>30</height></size>"


@pytest.mark.parametrize(
    "size",
    [
        "",
        "<size/>",
        "<size><width>0</width><height>0</height></size>",
        "<size><width>40</width></size>",
        "<size><width>40</width><height> </height></size>",
        "<size><width>-1</width><height>30</height></size>",
    ],
    ids=["none", "empty", "zero", "one-side", "blank", "negative"],
)
def test_a_size_that_is_not_reported_is_the_images(voc, size):
    spoil(voc, SIZE, size)
    (record,) = load_voc(voc, "test", CLASSES)
    assert (record["width"], record["height"]) == (40, 30)


def test_a_missing_size_of_a_missing_image(voc):
    spoil(voc, SIZE, "")
    (voc / "JPEGImages/a.jpg").unlink()
    with pytest.raises(
        DataError, match=r"a\.jpg does not exist; its annotation does not state its size"
    ):
        load_voc(voc, "test", CLASSES)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".JPG", ".JPEG", ".Png", ".tif", ".webp"])
def test_images_of_other_kinds(voc, suffix):
    with Image.open(voc / "JPEGImages/a.jpg") as image:
        image.load()
    (voc / "JPEGImages/a.jpg").unlink()
    image.save(voc / f"JPEGImages/a{suffix}")
    (record,) = load_voc(voc, "test", CLASSES)
    assert record["file_name"].endswith(f"a{suffix}")


@pytest.mark.parametrize(
    ("files", "told", "chosen"),
    [
        (["photo 1.png"], "photo 1.png", "photo 1.png"),
        (["photo.bmp"], "photo", "photo.bmp"),
        (["photo.jpg"], r"C:\data\photo.jpg", "photo.jpg"),
        (["a.jpg", "a.png"], "a.png", "a.png"),
        (["a.png", "a.jpg"], "", "a.jpg"),
        (["a.jpg", "b.jpg"], "b.jpg", "a.jpg"),
        (["._a.png", "a.bmp"], "._a.png", "a.bmp"),
        (["b.jpg"], "../../etc/secret.jpg", "a.jpg"),
    ],
    ids=["named", "stem", "path", "of-two", "first", "id", "hidden", "outside"],
)
def test_which_image_it_is(voc, files, told, chosen):
    (voc / "JPEGImages/a.jpg").unlink()
    for name in files:
        Image.new("RGB", (40, 30)).save(voc / "JPEGImages" / name)
    spoil(voc, SIZE, f"<filename>{told}</filename>{SIZE}")
    (record,) = load_voc(voc, "test", CLASSES)
    assert record["file_name"] == str(voc / "JPEGImages" / chosen)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16", "utf-16-be"])
def test_encodings_of_lists(tmp_path, encoding):
    write_voc(tmp_path, {"à": CAT, "b": []})
    path = tmp_path / "ImageSets/Main/test.txt"
    path.write_bytes("à\nb\n".encode(encoding))
    if encoding == "utf-8-sig":
        assert read_split(tmp_path, "test") == ["à", "b"]
        return
    told = {"latin-1": "latin-1", "utf-16": "is in UTF-16", "utf-16-be": "as UTF-16"}[encoding]
    with pytest.raises(DataError, match=rf"test\.txt.*{told}.*save it as UTF-8"):
        read_split(tmp_path, "test")


@pytest.mark.parametrize(
    ("declared", "encoding", "message"),
    [
        ("gb2312", "gb2312", "cannot be read in its encoding, gb2312"),
        ("no-such", "utf-8", "cannot be read in its encoding, no-such"),
        ("utf-8", "latin-1", "cannot be read in its encoding, utf-8"),
        ("big5", "big5", "cannot be read in its encoding, big5"),
        ("iso-8859-1", "latin-1", None),
        ("utf-16", "utf-16", None),
        ("utf-8", "utf-8-sig", None),
    ],
)
def test_encodings_of_annotations(voc, declared, encoding, message):
    path = voc / "Annotations/a.xml"
    word = "中文" if declared in ("gb2312", "big5") else "für"
    text = f'<?xml version="1.0" encoding="{declared}"?>' + path.read_text().replace("Left", word)
    path.write_bytes(text.encode(encoding))
    if message is None:
        assert len(read_annotation(path).objects) == 1
        return
    with pytest.raises(DataError, match=rf"a\.xml {message}"):
        read_annotation(path)


@pytest.mark.parametrize(
    ("value", "difficult"),
    [("", False), ("0", False), ("False", False), (" 1 ", True), ("True", True), ("TRUE", True)],
)
def test_difficult(voc, value, difficult):
    spoil(voc, "<difficult>0<", f"<difficult>{value}<")
    assert read_annotation(voc / "Annotations/a.xml").objects[0].difficult is difficult


def test_difficult_of_another_kind(voc):
    spoil(voc, "<difficult>0<", "<difficult>maybe<")
    with pytest.raises(DataError, match=r"a\.xml: object 1 has difficult 'maybe'; it must be 0 or"):
        load_voc(voc, "test", CLASSES)


def check(root, classes, *options):
    entry = {"NAME": "mine", "FORMAT": "voc", "ROOT": str(root), "SPLIT": "test"}
    words = ["DATASETS.CUSTOM", str([{**entry, "CLASSES": classes}]), "DATASETS.TEST", "['mine']"]
    words += ["MODEL.META_ARCHITECTURE", "GroupNetRetinaNet"]
    words += ["MODEL.RETINANET.NUM_CLASSES", f"{len(classes)}", *options]
    cfg = load_config("", words)
    register_datasets(cfg)
    check_datasets(cfg, ["mine"])


@pytest.mark.parametrize("value", [True, False, None, 2, 1.5], ids=repr)
def test_class_names_that_yaml_turned(voc, value):
    with pytest.raises(ConfigError, match=rf"CLASSES\[1\] is {value}, not a text.* in quotes"):
        check(voc, ["cat", value])


@pytest.mark.parametrize(
    ("classes", "message"),
    [(["cat", "cat "], "'cat' and 'cat '"), (["cat", ""], "class 2 of 2 has the empty name")],
    ids=["spaces", "empty"],
)
def test_class_names_that_shows_nothing_apart(voc, classes, message):
    with pytest.raises(ConfigError, match=rf"CUSTOM\[0\].CLASSES.*{message}"):
        check(voc, classes)


def test_swapped_sizes(voc):
    spoil(voc, SIZE, "<size><width>30</width><height>40</height></size>")
    told = r"a\.jpg is 40x30, but .*a\.xml says 30x40, with width and height swapped"
    with pytest.raises(DataError, match=told):
        check(voc, CLASSES)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([(0.1, 0.1, 0.3, 0.5), (0.5, 0.5, 1.0, 1.0)], "look like fractions"),
        ([(25, 3, 10, 8), (1, 1, 5, 5), (30, 20, 9, 9)], "look like those"),
    ],
    ids=["fractions", "sizes"],
)
def test_boxes_of_another_kind(tmp_path, boxes, message):
    write_voc(tmp_path, {"a": [("cat", box, False) for box in boxes]})
    with pytest.raises(DataError, match=rf"'mine': .*{message}.*DATASETS.CHECK_BOX_KIND False"):
        check(tmp_path, CLASSES)
