import numpy as np
import pytest
from PIL import Image

from groupnet_det.errors import DataError
from groupnet_det.inference.image_files import output_paths, save_drawing


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.PNG", "c.txt", "below/a.jpg", "other/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_one_image_to_a_file_and_several_to_a_folder(tmp_path):
    one = [tmp_path / "a.jpg"]
    assert output_paths(one, tmp_path / "drawn.png") == [tmp_path / "drawn.png"]
    assert output_paths(one, tmp_path / "drawn") == [tmp_path / "drawn/a.jpg"]
    names = ["a.jpg", "b/a.jpg", "a.png", "c.svgx", "b/c.svgx"]
    expected = ["a.jpg", "a-2.jpg", "a.png", "c.png", "c-2.png"]
    paths = output_paths([tmp_path / name for name in names], tmp_path / "new")
    assert paths == [tmp_path / "new" / name for name in expected]


def test_no_input_is_ever_overwritten(folder):
    for inputs, output in (
        ([folder / "a.jpg"], folder),
        ([folder / "a.jpg"], folder / "a.jpg"),
        ([folder / "below/a.jpg", folder / "b.PNG"], folder / "empty/../below"),
    ):
        with pytest.raises(DataError, match="is an input and would be overwritten"):
            output_paths(inputs, output)


def test_a_file_where_a_folder_is_needed(folder):
    with pytest.raises(DataError, match=r"c\.txt is a file; name a folder for the drawings of 2"):
        output_paths([folder / "a.jpg", folder / "b.PNG"], folder / "c.txt")


def test_save_makes_folders_and_names_what_cannot_be_written(tmp_path):
    pixels = np.zeros((3, 4, 3), dtype=np.uint8)
    save_drawing(pixels, tmp_path / "new/a.png")
    assert Image.open(tmp_path / "new/a.png").size == (4, 3)
    with pytest.raises(DataError, match=r"b\.png cannot be written"):
        save_drawing(pixels, tmp_path / "new/a.png/b.png")
