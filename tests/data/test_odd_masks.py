"""Masks as users have them: labels as they are meant, or refused in one line."""

import json
from pathlib import Path

import numpy as np
import pytest
from detectron2.data import DatasetCatalog
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.data.loading.semantic_mapper import SemanticMapper
from groupnet_det.errors import ConfigError, DataError
from groupnet_det.evaluation.saved.label_map_folders import score_label_folders
from groupnet_det.images.label_images import read_labels

from .png_files import write_png


@pytest.fixture
def masks(mask_folders):
    """Registers and checks masks whose files hold `values` in turn."""
    entry = mask_folders("mine")

    def check(values, classes, *options, **changes):
        rng = np.random.default_rng(0)
        for path in sorted(Path(entry["MASKS"]).iterdir()):
            pixels = rng.choice(np.array(values, dtype=np.uint8), (30, 40))
            Image.fromarray(pixels).save(path)
        words = ["DATASETS.CUSTOM", str([{**entry, "CLASSES": classes, **changes}])]
        words += ["DATASETS.TRAIN", "['mine']", "MODEL.META_ARCHITECTURE", "SemanticSegmentor"]
        words += ["MODEL.SEM_SEG_HEAD.NUM_CLASSES", str(len(classes)), *options]
        cfg = load_config("", words)
        register_datasets(cfg)
        check_datasets(cfg, ["mine"])
        return cfg

    check.folder = Path(entry["MASKS"])
    return check


@pytest.mark.parametrize(
    ("values", "classes", "told"),
    [
        ([0, 255], ["back", "cat"], r"contain only 0 and 255.*LABELS \{0: 0, 255: 1\}"),
        ([1, 255], ["back", "cat"], r"contain only 1 and 255.*LABELS \{1: 1, 255: 0\}"),
        ([0, 255], ["back", "cat", "dog"], r"contain only 0 and 255.*LABELS \{0: 0, 255: 1\}"),
    ],
    ids=["two", "one-and-255", "three"],
)
def test_a_class_that_is_ignored_is_refused(masks, values, classes, told):
    with pytest.raises(DataError, match=told):
        masks(values, classes)


@pytest.mark.parametrize(
    ("values", "classes", "labels"),
    [
        ([0, 255], ["back", "cat"], {0: 0, 255: 1}),
        ([0, 128, 255], ["back", "cat", "dog"], {0: 0, 128: 1, 255: 2}),
        ([0, 100, 255], ["back", "cat"], {0: 0, 100: 1}),
        ([1, 2, 3], ["back", "cat"], {1: 0, 2: 1, 3: 255}),
    ],
    ids=["0-255", "three", "ignored-stays", "from-1"],
)
def test_labels_of_values(masks, values, classes, labels):
    cfg = masks(values, classes, LABELS=labels)
    record = DatasetCatalog.get("mine")[0]
    cfg.merge_from_list(["INPUT.SEMANTIC.SCALE_RANGE", "[1.0, 1.0]", "INPUT.SEMANTIC.CROP", "0"])
    cfg.INPUT.RANDOM_FLIP = "none"
    found = SemanticMapper(cfg, is_train=True)(record)["sem_seg"].numpy()
    raw = np.asarray(Image.open(record["sem_seg_file_name"]))
    for value in values:
        assert (found[raw == value] == labels.get(value, value)).all()


def test_a_value_without_a_label(masks):
    with pytest.raises(
        DataError, match=r"mask .*a\.png contains value 7, which LABELS .* not name"
    ):
        masks([0, 7, 255], ["back", "cat"], LABELS={0: 0, 255: 1})


@pytest.mark.parametrize(
    "labels", [[], {}, {0: 2}, {256: 1}, {"0": 0}, {0: True}, {-1: 0}, 3], ids=repr
)
def test_labels_that_are_no_mapping(masks, labels):
    with pytest.raises(ConfigError, match=r"CUSTOM\[0\].LABELS is .*such as \{0: 0, 255: 1\}"):
        masks([0, 1], ["back", "cat"], LABELS=labels)


def test_folders_of_masks_are_scored_by_labels_of_values(masks, tmp_path):
    masks([0, 255], ["back", "cat"], LABELS={0: 0, 255: 1})
    found = tmp_path / "found"
    found.mkdir()
    for path in masks.folder.iterdir():
        labels = np.asarray(Image.open(path)) // 255
        Image.fromarray(labels.astype(np.uint8)).save(found / path.name)
    options = {"class_names": ["back", "cat"], "ignore_label": 255}
    with pytest.raises(DataError, match=r"contain only 0 and 255.*--labels 0=0,255=1"):
        score_label_folders(found, masks.folder, **options)
    scores = score_label_folders(found, masks.folder, **options, label_of_value={0: 0, 255: 1})
    assert scores.summary["mIoU"] == 100


@pytest.mark.parametrize("palette", [False, True], ids=["grey", "palette"])
@pytest.mark.parametrize(
    ("bits", "labels"), [(1, [0, 1]), (2, [0, 3]), (2, [0, 1, 2, 3]), (4, [0, 15]), (8, [0, 200])]
)
def test_labels_of_few_bits(tmp_path, bits, labels, palette):
    pixels = np.random.default_rng(0).choice(np.array(labels, dtype=np.uint8), (5, 7))
    write_png(tmp_path / "m.png", pixels, bits, palette=palette)
    assert (read_labels(tmp_path / "m.png") == pixels).all()


@pytest.mark.parametrize("magic", ["P5", "P2"], ids=["binary", "text"])
@pytest.mark.parametrize("greatest", [1, 3, 20, 100, 254, 255])
def test_pgm_of_any_greatest_value(tmp_path, magic, greatest):
    """Which Pillow scales so that the greatest is 255."""
    pixels = np.random.default_rng(0).integers(0, greatest + 1, (5, 7)).astype(np.uint8)
    rows = "\n".join(" ".join(map(str, row)) for row in pixels.tolist()).encode()
    head = f"{magic}\n7 5\n{greatest}\n".encode()
    (tmp_path / "m.pgm").write_bytes(head + (pixels.tobytes() if magic == "P5" else rows))
    assert (read_labels(tmp_path / "m.pgm") == pixels).all()


@pytest.mark.parametrize("bits", [2, 4])
def test_tiff_of_few_bits(tmp_path, bits):
    import struct

    # One strip of 4 pixels in 1 row: 0, 1, 2, 3.
    row = bytes([0b00011011]) if bits == 2 else bytes([0x01, 0x23])
    tags = [(256, 4, 4), (257, 4, 1), (258, 3, bits), (259, 3, 1), (262, 3, 1)]
    tags += [(273, 4, 8), (277, 3, 1), (278, 4, 1), (279, 4, len(row))]
    body = row.ljust(8, b"\0")
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = struct.pack("<2sHI", b"II", 42, 8 + len(body))
    path = tmp_path / "m.tif"
    path.write_bytes(head + body + struct.pack("<H", len(tags)) + entries + bytes(4))
    assert read_labels(path).tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("names", [["b", "b "], ["b", ""], ["no", False], ["null", None]], ids=repr)
def test_names_of_masks(masks, names):
    with pytest.raises(ConfigError, match=r"CUSTOM\[0\]\.CLASSES"):
        masks([0, 1], names)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_encodings_of_lists_and_classes(masks, tmp_path, encoding):
    for name, lines in (("LIST", "a\nb\n"), ("CLASSES", "für\nb\n")):
        path = tmp_path / f"{name}.txt"
        path.write_bytes(lines.encode(encoding))
        if encoding == "utf-8-sig" or (encoding == "latin-1" and lines.isascii()):
            masks([0, 1], ["a", "b"], **{name: str(path)})
            continue
        with pytest.raises(DataError, match=rf"{name}\.txt .*save it as UTF-8"):
            masks([0, 1], ["a", "b"], **{name: str(path)})


def test_fingerprints_shows_labels_of_values(masks):
    from groupnet_det.data.checks.fingerprint import fingerprint

    masks([0, 255], ["back", "cat"], LABELS={0: 0, 255: 1})
    first = fingerprint("mine")
    masks([0, 255], ["back", "cat"], LABELS={0: 1, 255: 0})
    assert fingerprint("mine") != first
    assert json.dumps(first)
