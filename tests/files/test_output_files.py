import errno

import pytest

from groupnet_det.errors import ConfigError
from groupnet_det.files.output_files import PLOTS, check_output, is_of_output


def test_what_can_be_written(tmp_path):
    check_output(None, "--csv")
    check_output(tmp_path / "new/scores.csv", "--csv")
    assert (tmp_path / "new").is_dir()
    check_output(tmp_path / "c.PNG", "--curves", PLOTS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("c.xyz", r"--curves \S*c\.xyz has an unknown suffix; valid: \.png, "),
        ("folder.png", "is a folder; name a file"),
        ("file/c.png", "its folder cannot be made"),
    ],
    ids=["suffix", "folder", "below-a-file"],
)
def test_what_cannot(tmp_path, name, message):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=message):
        check_output(tmp_path / name, "--curves", PLOTS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("out/a.json", True), ("out", True), ("output/a.json", False), ("out/../data/a.jpg", False)],
)
def test_whose_error_it_is(tmp_path, name, expected):
    error = FileNotFoundError(errno.ENOENT, "none", f"{tmp_path}/{name}")
    assert is_of_output(error, f"{tmp_path}/out") is expected
