"""What a training says where it cannot write."""

import pytest

from groupnet_det.engine.setup import check_output_dir
from groupnet_det.errors import ConfigError


def test_a_folder_is_made(tmp_path):
    check_output_dir(str(tmp_path / "a/b"))
    assert not list((tmp_path / "a/b").iterdir())


@pytest.mark.parametrize("below", ["", "/run"], ids=["itself", "within"])
def test_a_file_is_refused(tmp_path, below):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(ConfigError, match=r"OUTPUT_DIR .*file.* name another folder") as error:
        check_output_dir(f"{path}{below}")
    assert "\n" not in str(error.value)


def test_a_folder_that_refuses_files_is_refused():
    with pytest.raises(ConfigError, match="OUTPUT_DIR '/proc' cannot be written to"):
        check_output_dir("/proc")  # where no rights help
