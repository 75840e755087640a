"""Flags are known without what they choose from; here both are compared."""

import dataclasses

import pytest
from detectron2.engine import default_argument_parser

from groupnet_det.analysis import cost_table
from groupnet_det.benchmark.suites import training_steps
from groupnet_det.cli import COMMANDS
from groupnet_det.commands.benchmark import benchmark_flags as benchmark
from groupnet_det.commands.benchmark import benchmark_runtime
from groupnet_det.commands.datasets import datasets_flags as datasets
from groupnet_det.commands.deployment import deployment_flags as deployment
from groupnet_det.commands.training import training_flags as training
from groupnet_det.commands.visualization import visualization_flags as visualization
from groupnet_det.commands.visualization import visualize_data
from groupnet_det.data.datasets import cityscapes_masks
from groupnet_det.data.datasets.photo_digits import PhotoDigitsOptions
from groupnet_det.evaluation.saved import coco_scores, voc_scores
from groupnet_det.exporting.packed import trained
from groupnet_det.exporting.packed.eight_bits import calibration_images
from groupnet_det.runtime import predictor


@pytest.mark.parametrize(
    ("flags", "table"),
    [
        (training.BACKENDS, predictor.BACKENDS),
        (deployment.BACKENDS, predictor.BACKENDS),
        (deployment.PRECISIONS, trained.PRECISIONS),
        ([deployment.CALIBRATION_IMAGES], [calibration_images.DEFAULT_IMAGES]),
        (training.IOU_TYPES, coco_scores.IOU_TYPES),
        (training.VOC_METRICS, voc_scores.METRICS),
        (visualization.SOURCES, visualize_data.SOURCES),
        (datasets.SPLITS, cityscapes_masks.SPLITS),
        (datasets.SIZES.items(), dataclasses.asdict(PhotoDigitsOptions()).items()),
    ],
    ids=[
        *("backends", "backends of verify", "predictors", "images", "IoU", "VOC", "sources"),
        *("splits", "photo-digits"),
    ],
)
def test_choices_are_those_of_the_tables(flags, table):
    assert list(flags) == list(table)


def test_tasks_of_analyze():
    assert tuple(cost_table.TASKS) == benchmark.TASKS


def test_parts_of_the_benchmark():
    assert set(benchmark.WHAT) == {*benchmark_runtime.SUITES, *benchmark_runtime.SPECIAL}
    assert training_steps.NETWORKS


def test_flags_of_training_are_those_of_detectron2():
    theirs = vars(default_argument_parser().parse_args([]))
    ours = vars(training.train_net().parse_args(["my.yaml"]))
    different = {name for name, value in theirs.items() if ours[name] != value}
    assert different == {"config_file", "dist_url"}  # the address is filled in by the command


@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if COMMANDS[name].module.count(".") > 2]
)
def test_descriptions_name_commands_and_keep_examples(name):
    description = COMMANDS[name].parser().description
    assert "%(prog)s" not in description
    assert max(map(len, description.splitlines())) <= 160
    assert "tools/" not in description


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.parser()])
def test_every_flag_is_explained(name):
    assert [action.dest for action in COMMANDS[name].parser().actions() if not action.help] == []
