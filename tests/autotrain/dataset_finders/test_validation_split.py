import pytest
from detectron2.data import DatasetCatalog

from groupnet_det.autotrain.dataset_finders.finder_table import find_data
from groupnet_det.autotrain.dataset_finders.validation_split import choose, split_off_validation
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import DataError
from tests.autotrain.tiny_data import (
    write_classes,
    write_coco,
    write_masks,
    write_voc,
    write_yolo,
)

WRITERS = {
    "coco": write_coco,
    "voc": write_voc,
    "yolo": write_yolo,
    "masks": write_masks,
    "image_folder": write_classes,
}


def records_of(entries):
    named = [{"NAME": split, **entry} for split, entry in entries.items()]
    words = ["DATASETS.CUSTOM", str(named), "DATASETS.TRAIN", str(list(entries))]
    register_datasets(load_config("", words))
    return {split: DatasetCatalog.get(split) for split in entries}


@pytest.mark.parametrize("data_format", WRITERS)
def test_each_image_is_in_one_part_and_the_same_next_time(tmp_path, data_format):
    WRITERS[data_format](tmp_path / "data", 10)
    entry = find_data(tmp_path / "data").splits["train"]
    assert entry["FORMAT"] == data_format
    parts = records_of(split_off_validation(entry, tmp_path / "a"))
    names = {split: {r["file_name"] for r in part} for split, part in parts.items()}
    total = 20 if data_format == "image_folder" else 10
    assert len(names["val"]) == total // 5
    assert len(names["train"]) == total - total // 5
    assert not names["train"] & names["val"]
    again = records_of(split_off_validation(entry, tmp_path / "b"))
    assert [r["file_name"] for r in again["val"]] == [r["file_name"] for r in parts["val"]]
    labels = [[a["category_id"] for a in r.get("annotations", [])] for r in parts["val"]]
    if data_format in ("coco", "voc", "yolo"):
        assert all(sorted(each) == [0, 1] for each in labels)
    if data_format == "image_folder":  # of each class
        assert sorted(r["label"] for r in parts["val"]) == [0, 0, 1, 1]


@pytest.mark.parametrize(("number", "expected"), [(1, 0), (2, 1), (3, 1), (10, 2), (100, 20)])
def test_a_fifth_is_chosen_and_at_least_one(number, expected):
    chosen = choose(range(number))
    assert len(set(chosen)) == expected
    assert chosen == choose(range(number))


def test_too_few_images(tmp_path):
    write_coco(tmp_path / "data", 1)
    entry = find_data(tmp_path / "data").splits["train"]
    with pytest.raises(DataError, match=r"1 image\(s\) are too few to split off validation"):
        split_off_validation(entry, tmp_path / "out")
