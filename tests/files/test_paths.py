"""Configs by name, and where results go, from a checkout and from an installed package."""

import pytest

from groupnet_det.config import load_config
from groupnet_det.errors import ConfigError
from groupnet_det.files import paths
from groupnet_det.files.paths import config_names, find_config, project_root, results_folder

NAME = "quick/classifier_groupnet_mnist5k"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package as a wheel lays it out, with one config; the current folder is elsewhere."""
    package = tmp_path / "site-packages/groupnet_det"
    (package / "configs/quick").mkdir(parents=True)
    (package / "configs/quick/mine.yaml").write_text("SEED: 3\n")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(paths, "PACKAGE", package)
    return package


def test_the_checkout(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert project_root() == root
    assert results_folder() == root / "results"


def test_an_installed_package_writes_nothing_beside_itself(installed, tmp_path):
    assert project_root() == installed
    assert results_folder() == tmp_path / "work/results"
    assert config_names() == ["quick/mine"]
    assert load_config("quick/mine").SEED == 3


@pytest.mark.parametrize("name", [NAME, f"{NAME}.yaml", f"configs/{NAME}.yaml", f"configs/{NAME}"])
def test_a_config_of_the_project_is_found_from_anywhere(root, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == str(root / f"configs/{NAME}.yaml")
    assert load_config(name).MODEL.CLASSIFIER.NUM_CLASSES == 10


def test_a_file_comes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick").mkdir()
    (tmp_path / f"{NAME}.yaml").write_text("SEED: 77\n")
    assert find_config(f"{NAME}.yaml") == f"{NAME}.yaml"
    assert load_config(f"{NAME}.yaml").SEED == 77
    assert load_config(NAME).SEED == 1


@pytest.mark.parametrize(
    "name", ["quick/classifier_groupnet_mnist", "../setup", "Base/recipes/Photo-Digits"]
)
def test_unknown_names_list_near_ones(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"config file {name} does not exist, and the project"):
        find_config(name)


def test_the_nearest_name_is_reported():
    with pytest.raises(ConfigError, match="near: quick/classifier_groupnet_mnist5k"):
        find_config("quick/clasifier_groupnet_mnist5k.yaml")
