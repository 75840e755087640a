"""COCO files as users write them: read rightly, or refused in one line."""

import json
import logging

import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog

from groupnet_det.data.checks.coco_json import open_coco_file
from groupnet_det.data.checks.plain_coco_file import plain_coco_file
from groupnet_det.errors import DataError

from .coco_sets import annotation

SQUARE = [[2, 3, 12, 3, 12, 11, 2, 11]]  # 10 x 8
RUNS = {"size": [30, 40], "counts": [0, 70, 1130]}


def records(coco):
    coco("DATASETS.CHECK_DECODE", "0")
    return DatasetCatalog.get("mine")


@pytest.mark.parametrize("value", ["0", 0, 0.0, False, None, "absent"], ids=repr)
def test_what_is_no_crowd(coco, value):
    coco.annotations[0]["iscrowd"] = value
    if value == "absent":
        del coco.annotations[0]["iscrowd"]
    found = records(coco)[0]["annotations"][0]["iscrowd"]
    assert found == 0
    assert type(found) is int


@pytest.mark.parametrize("value", ["1", True, 1.0], ids=repr)
def test_what_is_a_crowd(coco, value):
    coco.annotations[0]["iscrowd"] = value
    assert records(coco)[0]["annotations"][0]["iscrowd"] == 1


@pytest.mark.parametrize("value", ["no", 2, [0], {}, "true"], ids=repr)
@pytest.mark.parametrize("key", ["iscrowd", "ignore"])
def test_flags_of_other_kinds(coco, key, value):
    coco.annotations[1][key] = value
    with pytest.raises(DataError, match=rf"ann\.json: annotation 2 has {key} .*must be 0 or 1"):
        coco()


@pytest.mark.parametrize("value", ["0", False, None], ids=repr)
def test_ignore_that_is_not_meant(coco, value):
    coco.annotations[0]["ignore"] = value
    assert len(records(coco)[0]["annotations"]) == 2


@pytest.mark.parametrize(
    ("members", "area"),
    [
        ({}, 80),
        ({"area": None, "segmentation": SQUARE}, 80),
        ({"segmentation": [[2, 3, 12, 3, 12, 11]]}, 40),
        ({"segmentation": [[2, 3]]}, 80),
        ({"segmentation": RUNS}, 70),
        ({"area": "480"}, 480),
        ({"area": 12.5, "segmentation": SQUARE}, 12.5),
    ],
    ids=["box", "null", "triangle", "bad-mask", "run-lengths", "text", "own"],
)
def test_areas(coco, members, area):
    del coco.annotations[0]["area"]
    coco.annotations[0].update(members)
    coco()
    assert open_coco_file(coco.folder / "ann.json").content["annotations"][0]["area"] == area


@pytest.mark.parametrize("value", ["big", [480], True, -1, float("nan")], ids=repr)
def test_areas_of_other_kinds(coco, value):
    coco.annotations[0]["area"] = value
    with pytest.raises(DataError, match=r"annotation 1 has area .*, or be left out"):
        coco()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["images"][0].update(id="a"), "ids of images are partly texts, such as 'a'"),
        (lambda c: c["categories"][1].update(id="2"), "ids of categories are partly texts"),
        (
            lambda c: c["images"][1].update(id=2**63),
            "images is 9223372036854775808; ids must",
        ),
        (lambda c: c["categories"][1].update(id=-(2**63) - 1), "an id of categories is -922"),
        (lambda c: c["images"][1].update(id=1.5), r"images\[1\] has id 1\.5"),
        (lambda c: c["categories"][0].update(id=True), r"categories\[0\] has id True"),
        (lambda c: c["images"][1].update(id=10**400), "an id of images is 1000"),
    ],
    ids=["image", "category", "2^63", "below", "half", "bool", "10^400"],
)
def test_ids_without_an_order(coco, change, message):
    coco.annotations.clear()
    change(coco.content)
    with pytest.raises(DataError, match=message):
        coco(train=False)


@pytest.mark.parametrize("ids", [("x", "y"), ("x", 3), (0, 1), (2**70, -5)], ids=repr)
def test_annotation_ids_are_kept_but_for_scoring(coco, ids):
    for item, number in zip(coco.annotations, ids, strict=True):
        item["id"] = number
    loaded = records(coco)[0]["annotations"]
    assert [item["id"] for item in loaded] == list(ids)
    path = coco.folder / "ann.json"
    with plain_coco_file(path, scored=True) as plain:
        assert [item["id"] for item in json.loads(plain.read_text())["annotations"]] == [1, 2]
    assert [item["id"] for item in json.loads(path.read_text())["annotations"]] == list(ids)


def test_text_ids_of_images_and_categories(coco):
    for item in coco.content["images"] + coco.content["categories"]:
        item["id"] = f"n{item['id']}"
    for item in coco.annotations:
        item.update(image_id="n1", category_id=f"n{item['category_id']}")
    assert [a["category_id"] for a in records(coco)[0]["annotations"]] == [0, 1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("cell", "cell"), "classes of the same name .*'cell' and 'cell'"),
        (("cell", " cell\t"), r"'cell' and ' cell\\t'"),
        (("caf\u00e9", "cafe\u0301"), "classes of the same name"),
        (("cell", "cell\u200b"), "classes of the same name"),
        (("cell", "\ufeffcell"), "classes of the same name"),
        (("cell", "\u200e"), "class 2 of 2 has the empty name"),
        (("cell", ""), "class 2 of 2 has the empty name ''"),
        (("  ", "cell"), "class 1 of 2 has the empty name '  '"),
    ],
    ids=["same", "spaces", "accents", "no-width", "mark", "unseen", "empty", "blank"],
)
def test_names_that_shows_no_classes_apart(coco, names, message):
    for category, name in zip(coco.content["categories"], names, strict=True):
        category["name"] = name
    with pytest.raises(DataError, match=rf"ann\.json.*{message}"):
        coco()


def test_a_name_with_a_space_alone(coco):
    coco.content["categories"][1]["name"] = "b "
    coco()
    assert MetadataCatalog.get("mine").thing_classes == ["cell", "b "]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_encodings(coco, encoding):
    coco.content["categories"][0]["name"] = "Zelle für"
    coco()
    path = coco.folder / "ann.json"
    path.write_bytes(json.dumps(coco.content, ensure_ascii=False).encode(encoding))
    if encoding == "utf-8-sig":
        assert len(DatasetCatalog.get("mine")) == 2
        return
    told = {"latin-1": "not text in UTF-8.*latin-1", "utf-16-le": "bytes of 0, as UTF-16"}
    with pytest.raises(DataError, match=rf"ann\.json.*{told.get(encoding, encoding.upper())}"):
        DatasetCatalog.get("mine")


def test_a_file_that_needs_no_change_is_read_itself(coco):
    coco.content["info"] = {}
    coco()
    path = coco.folder / "ann.json"
    with plain_coco_file(path, scored=True) as plain:
        assert plain == path


@pytest.mark.parametrize("decoded", ["1", "0"], ids=["checked", "in-training"])
@pytest.mark.parametrize("size", [(30, 40), (40, 31)], ids=["swapped", "other"])
def test_wrong_sizes_are_reported_with_the_file_and_both(coco, size, decoded):
    from groupnet_det.data.loading.loaders import build_train_loader

    width, height = size
    coco.content["images"][0].update(width=width, height=height)

    def read():
        cfg = coco("DATASETS.CHECK_DECODE", decoded)
        next(iter(build_train_loader(cfg, seed=0)))

    with pytest.raises(DataError, match=rf"a\.jpg is 40x30, but .* says {width}x{height}") as error:
        read()
    assert ("swapped" in str(error.value)) == (size == (30, 40))


@pytest.mark.parametrize(
    "boxes",
    [[(10, 5, 25, 20), (8, 2, 28, 9)], [(33, 2, 6, 9)]],
    ids=["as-corners", "outside"],
)
@pytest.mark.parametrize("is_checked", ["True", "False"])
def test_swapped_sizes_of_all_images_are_not_blamed_on_boxes(coco, boxes, is_checked):
    """As images of 30 x 40, in which the boxes look like corners, or lie outside."""
    coco.annotations[:] = [annotation(n, bbox=box) for n, box in enumerate(boxes, start=1)]
    for image in coco.content["images"]:
        image.update(width=30, height=40)
    with pytest.raises(DataError, match=r"a\.jpg is 40x30, but .* says 30x40, with width and he"):
        coco("DATASETS.CHECK_BOX_KIND", is_checked)


CORNERS = [(2, 3, 12, 11), (20, 10, 39, 29), (0, 0, 40, 30), (30, 4, 36, 9)]
FRACTIONS = [(0.1, 0.1, 0.3, 0.5), (0.5, 0.5, 0.5, 0.5), (0, 0, 1, 1), (0.2, 0.7, 0.1, 0.1)]


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (CORNERS, "2 of 4 boxes reach over .* they look like corners"),
        (CORNERS[1:2], "1 of 1 boxes reach over .* they look like corners"),
        (FRACTIONS, "no number of any box is above 1: they look like fractions"),
        ([(0.1, 0.1, 0.9, 0.9)], "no number .* fractions"),
    ],
    ids=["corners", "one-corner", "fractions", "fractions-as-corners"],
)
def test_boxes_of_another_kind_are_refused_with_a_guess(coco, caplog, boxes, message):
    coco.annotations[:] = [annotation(n, bbox=box) for n, box in enumerate(boxes, start=1)]
    with pytest.raises(DataError, match=rf"'mine': {message}.*CHECK_BOX_KIND False"):
        coco()
    with caplog.at_level(logging.WARNING):
        coco("DATASETS.CHECK_BOX_KIND", "False")


@pytest.mark.parametrize(
    "boxes",
    [
        [(2, 3, 10, 8), (30, 20, 20, 20), (0, 0, 40, 30)],
        [(0, 0, 1, 1), (5, 5, 2, 2)],
        [(0, 0, 40, 30)],
        [(0.5, 0.5, 39, 29)],
    ],
    ids=["one-clipped", "tiny", "whole", "rounded"],
)
def test_boxes_that_are_right_are_taken(coco, boxes):
    coco.annotations[:] = [annotation(n, bbox=box) for n, box in enumerate(boxes, start=1)]
    coco()


@pytest.mark.parametrize("value", ["0", None, "1"], ids=repr)
def test_data_sets_that_other_loaders_registered(coco, value):
    from detectron2.data.datasets import register_coco_instances

    from groupnet_det.data.dataset_checks import check_datasets

    cfg = coco()
    coco.annotations[0]["iscrowd"] = value
    path = coco.folder / "foreign.json"
    path.write_text(json.dumps(coco.content))
    name = f"foreign {value}"
    register_coco_instances(name, {}, str(path), str(coco.folder))
    with pytest.raises(DataError, match=r"a\.jpg: box .* has iscrowd .*DATASETS.CUSTOM"):
        check_datasets(cfg, [name])
    DatasetCatalog.remove(name)
    MetadataCatalog.remove(name)
