"""Scores in full precision beside ours."""

import json
import shutil

import pytest
import yaml

from groupnet_det.commands.training import report
from groupnet_det.errors import DataError
from groupnet_det.report.baseline import open_baseline
from groupnet_det.report.report_page import write_report
from groupnet_det.report.training_run import Run
from tests.conftest import write_noise_images

from .conftest import train_with_report
from .parsed_pages import Page

TASK = "classification"


@pytest.fixture(scope="module")
def full_precision(root, tiny_datasets, tmp_path_factory):
    """The folder of a training in full precision."""
    folder = tmp_path_factory.mktemp("baseline") / "float"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DETECTRON2_DATASETS", str(tiny_datasets))
        train_with_report(root, TASK, folder, "MODEL.GROUPNET.METHOD", "float")
    return folder


def last_top1(folder):
    rows = [json.loads(line) for line in (folder / "metrics.json").read_text().splitlines()]
    return [row["classification/top1"] for row in rows if "classification/top1" in row][-1]


def test_its_scores_stand_beside_ours(trained, full_precision, datasets_env, capsys):
    assert report.main([str(trained(TASK)), "--baseline", str(full_precision)]) == 0
    page = Page((trained(TASK) / "report.html").read_text())
    value = last_top1(full_precision)
    (header, *rows) = page.tables["All classes: classes"]
    (row,) = [row for row in rows if row[0] == "top1"]
    assert (header[-1], row[-1]) == ("full precision", f"{value:.2f}")
    assert f"full precision: {value:.1f}" in page.sections["at-a-glance"]
    assert "full precision: float" in page.sections["training"]
    assert "full precision" not in Page(write_report(trained(TASK)).read_text()).sections["scores"]


def test_a_binary_network_is_none(trained, datasets_env):
    with pytest.raises(DataError, match=r"is not in full precision: its method is group_net"):
        write_report(trained(TASK), baseline=trained(TASK))


def test_other_tasks_cannot_be_compared(trained, full_precision, datasets_env):
    with pytest.raises(DataError, match="has no score that"):
        write_report(trained("segmentation"), baseline=full_precision)


def test_other_data_cannot_be_compared(trained, full_precision, tmp_path, datasets_env):
    other = shutil.copytree(full_precision, tmp_path / "other")
    write_noise_images(tmp_path / "images", {str(digit): 3 for digit in range(10)}, (28, 28))
    config = yaml.safe_load((other / "config.yaml").read_text())
    entry = {"NAME": "own", "FORMAT": "image_folder", "ROOT": str(tmp_path / "images")}
    config["DATASETS"] |= {"CUSTOM": [entry], "TEST": ["own"]}
    (other / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(DataError, match="was scored on other data"):
        write_report(trained(TASK), baseline=other)


@pytest.mark.parametrize("name", ["coco_2017_val", "of_another_program"])
def test_data_that_are_not_there_are_not_compared(
    trained, full_precision, tmp_path, datasets_env, name
):
    other = shutil.copytree(full_precision, tmp_path / "other")
    config = yaml.safe_load((other / "config.yaml").read_text())
    config["DATASETS"]["TEST"] = [name]
    (other / "config.yaml").write_text(yaml.safe_dump(config))
    run = Run(trained(TASK))
    assert open_baseline(other, run).folder == other
