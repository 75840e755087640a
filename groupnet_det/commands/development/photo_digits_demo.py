"""Train a binary network on photo-digits, evaluate it, and draw what it finds.

``--task detection`` gives boxes, ``--task segmentation`` a class for each pixel. The detector takes
the paper's two stages: first float weights with tanh instead of the sign, then, from there,
the binary network; the segmenter is binary from the start. At the end the network is packed,
compared with the packed file, timed beside its float32 baseline, and all is put into
``report.html``.

What it runs are the commands that one would type, and it prints them. Interrupted, it goes on
where it stopped; ``--fresh`` starts over.
"""

import argparse
import csv
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from detectron2.config import CfgNode

from groupnet_det.autotrain import command_runs
from groupnet_det.autotrain.after_training import pack_and_time, report_training, summary_line
from groupnet_det.autotrain.command_runs import TRAIN_COMMAND, TrainingStage, training_commands
from groupnet_det.autotrain.tasks import TRAINING_TASKS, TrainingTask
from groupnet_det.autotrain.training_summary import (
    OUTPUTS,
    SUMMARY,
    draw_curves,
    draw_predictions,
    list_outputs,
    machine,
    scores_at_end,
    scores_line,
)
from groupnet_det.config import load_config
from groupnet_det.data.datasets.photo_digits_sources import CLASS_NAMES
from groupnet_det.data.datasets.registration import photo_digits_root
from groupnet_det.errors import UserError
from groupnet_det.evaluation.semantic_evaluator import LABEL_MAPS
from groupnet_det.files.paths import project_root

ROOT = project_root()
SEMANTIC_CLASSES = ["background", *CLASS_NAMES]


@dataclass(frozen=True, kw_only=True)
class Files:
    """Paths of the files that the demo reads and writes."""

    data: Path
    output: Path

    @property
    def tanh(self) -> Path:
        return self.output / "tanh"

    @property
    def reloaded(self) -> Path:
        return self.output / "reloaded"

    @property
    def results(self) -> Path:
        return self.reloaded / "inference"

    @property
    def scores(self) -> Path:
        return self.output / "scores.csv"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Sizes of the data set and overrides of the config."""

    data: list[str] = field(default_factory=list)
    data_folder: str = "photo_digits"
    options: list[str] = field(default_factory=list)
    tanh_options: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class DemoTask:
    """The values that differ between the tasks of the demo.

    Attributes:
        training: The task with its title, metrics and stages.
        config: Name of the config in ``configs/quick``; that of the tanh stage ends in ``_tanh``.
        columns: Names in ``scores.csv`` of the metrics of `training`.
        data_entry: Makes an entry of ``DATASETS.CUSTOM`` from a folder of photo-digits and a split.
        score: Makes the flags with which ``groupnet-det score`` scores the predictions.
        presets: Presets by the name that ``--preset`` takes.
    """

    training: TrainingTask
    config: str
    columns: tuple[str, ...]
    data_entry: Callable[[Path, str], dict[str, Any]]
    score: Callable[[Files], list[str]]
    presets: Mapping[str, Preset]

    @property
    def has_tanh_stage(self) -> bool:
        return self.training.tanh_share > 0

    def config_file(self, suffix: str = "") -> str:
        return f"configs/quick/{self.config}{suffix}.yaml"


quick_preset = partial(
    Preset, data=["--num-train", "300", "--num-val", "60"], data_folder="photo_digits_quick"
)
DEMO_TASKS = {
    "detection": DemoTask(
        training=TRAINING_TASKS["detect"],
        config="retinanet_groupnet_photo_digits",
        columns=("AP", "AP50"),
        data_entry=lambda root, split: {
            "FORMAT": "coco",
            "ANNOTATIONS": str(root / "annotations" / f"instances_{split}.json"),
            "IMAGES": str(root / split),
        },
        score=lambda files: [
            *("--results", str(files.results / "coco_instances_results.json")),
            *("--annotations", str(files.data / "annotations" / "instances_val.json")),
        ],
        presets={
            "full": Preset(),
            "quick": quick_preset(
                options=["SOLVER.MAX_ITER", "220", "TEST.EVAL_PERIOD", "110"],
                tanh_options=["SOLVER.MAX_ITER", "150"],
            ),
        },
    ),
    "segmentation": DemoTask(
        training=TRAINING_TASKS["segment"],
        config="semseg_groupnet_photo_digits",
        columns=("IoU", "accuracy"),
        data_entry=lambda root, split: {
            "FORMAT": "masks",
            "IMAGES": str(root / split),
            "MASKS": str(root / f"semantic_{split}"),
            "CLASSES": SEMANTIC_CLASSES,
        },
        score=lambda files: [
            *("--masks", str(files.data / "semantic_val")),
            *("--label-maps", str(files.results / LABEL_MAPS)),
            *("--classes", ",".join(SEMANTIC_CLASSES)),
            *("--confusion-matrix", str(files.output / "confusion_matrix.png")),
        ],
        presets={
            "full": Preset(),
            "quick": quick_preset(options=["SOLVER.MAX_ITER", "300", "TEST.EVAL_PERIOD", "150"]),
        },
    ),
}


def run(*command: str) -> None:
    """Run a command of the project; see `command_runs.run`."""
    command_runs.run(command, root=ROOT)


def _run_demo(task: DemoTask, preset_name: str, *, output: Path, fresh: bool) -> None:
    preset = task.presets[preset_name]
    default_root = photo_digits_root().absolute()
    files = Files(data=default_root.with_name(preset.data_folder), output=output)
    if fresh:
        shutil.rmtree(files.output, ignore_errors=True)
    started = time.monotonic()
    run("prepare-photo-digits", "--output", str(files.data), *preset.data)
    data_options = [] if files.data == default_root else _custom_data(task, files.data)
    _train_network(task, preset, files, data_options)
    _evaluate_reloaded(task, preset, files, data_options)
    options = [*preset.options, *data_options]
    cfg = load_config(str(ROOT / task.config_file()), options)
    _draw_sheet(task, cfg, files, options)
    threshold = task.training.threshold
    packed = pack_and_time(task.config_file(), options, files.output, run, threshold=threshold)
    report_training(files.output, run)
    minutes = (time.monotonic() - started) / 60
    _write_demo_summary(task, cfg, files, preset_name, minutes=minutes, packed=packed)


def _train_network(task: DemoTask, preset: Preset, files: Files, data_options: list[str]) -> None:
    """Each stage goes on from its last checkpoint."""
    options = [*preset.options, *data_options]
    stages = [TrainingStage(config=task.config_file(), output=files.output, options=options)]
    if task.has_tanh_stage:
        tanh_options = [*preset.tanh_options, *data_options, "DATASETS.TEST", "[]"]
        tanh = TrainingStage(
            config=task.config_file("_tanh"), output=files.tanh, options=tanh_options
        )
        stages = [tanh, *stages]
    for command in training_commands(stages):
        run(*command)


def _evaluate_reloaded(
    task: DemoTask, preset: Preset, files: Files, data_options: list[str]
) -> None:
    """The checkpoint read back, and the saved predictions scored without a model."""
    run(
        *(TRAIN_COMMAND, "--config-file", task.config_file(), "--eval-only"),
        *(*preset.options, *data_options),
        *("MODEL.WEIGHTS", str(files.output / "model_final.pth")),
        *("OUTPUT_DIR", str(files.reloaded)),
    )
    run("score", "--csv", str(files.scores), *task.score(files))


def _draw_sheet(task: DemoTask, cfg: CfgNode, files: Files, options: list[str]) -> None:
    draw_predictions(
        task.config_file(),
        options,
        files.output,
        run,
        results=str(files.reloaded),
        threshold=task.training.threshold,
    )
    stages = [*([files.tanh] if task.has_tanh_stage else []), files.output]
    num_bases = cfg.MODEL.GROUPNET.NUM_BASES
    draw_curves(stages, f"{task.training.title}, K = {num_bases}, on photo-digits")


def _write_demo_summary(
    task: DemoTask,
    cfg: CfgNode,
    files: Files,
    preset_name: str,
    *,
    minutes: float,
    packed: dict[str, Any],
) -> None:
    """Write ``summary.json`` and say what was reached and where everything is."""
    at_end = scores_at_end(files.output, task.training.metrics)
    with files.scores.open(newline="") as file:
        *_, of_all = csv.DictReader(file)
    columns = zip(at_end, task.columns, strict=True)
    reloaded = {name: float(of_all[column]) for name, column in columns}
    summary = {
        "config": task.config_file(),
        "preset": preset_name,
        "num_bases": cfg.MODEL.GROUPNET.NUM_BASES,
        "iterations": cfg.SOLVER.MAX_ITER,
        "at_end_of_training": at_end,
        "reloaded": reloaded,
        **machine(),
        "minutes": round(minutes, 1),
        "packed": packed,
    }
    (files.output / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n")
    print(
        f"\n{task.training.title}, K = {summary['num_bases']}, on photo-digits val, in per cent:\n"
        f"  at the end of training  {scores_line(at_end)}\n"
        f"  checkpoint reloaded     {scores_line(reloaded)}\n"
        f"packed file: {summary_line(packed)}\n"
        f"after {minutes:.1f} minutes. "
        f"{list_outputs(files.output, (files.scores.name, *OUTPUTS))}"
    )


def _custom_data(task: DemoTask, root: Path) -> list[str]:
    """Config options for a photo-digits data set of another size: data of one's own."""
    entries = [
        {"NAME": f"{root.name}_{split}", **task.data_entry(root, split)}
        for split in ("train", "val")
    ]
    train, val = (f"['{entry['NAME']}']" for entry in entries)
    return [
        *("DATASETS.CUSTOM", str(entries)),
        *("DATASETS.TRAIN", train, "DATASETS.TEST", val),
    ]


def demo_output(task: str, preset: str) -> str:
    """Folder, from the checkout."""
    return f"output/demo_{preset}" if task == "detection" else f"output/demo_{task}_{preset}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=list(DEMO_TASKS), default="detection")
    parser.add_argument("--preset", choices=list(DEMO_TASKS["detection"].presets), default="full")
    parser.add_argument("--output", type=Path, help="folder (default: output/demo_[TASK_]PRESET)")
    parser.add_argument("--fresh", action="store_true", help="start over")
    arguments = parser.parse_args(argv)
    output = arguments.output or ROOT / demo_output(arguments.task, arguments.preset)
    task, output = DEMO_TASKS[arguments.task], output.absolute()
    os.chdir(ROOT)  # data sets lie in ./datasets unless $DETECTRON2_DATASETS says otherwise
    try:
        _run_demo(task, arguments.preset, output=output, fresh=arguments.fresh)
    except UserError as error:
        sys.exit(f"error: {error}")
    return 0
