#!/usr/bin/env python3
"""Train a binary detector on photo-digits, evaluate it, and draw what it finds.

The paper's two stages: first float weights with tanh in the place of the sign, then, from there,
the binary network.

What it runs are the commands that one would type, and it prints them. Interrupted, it goes on
where it stopped; ``--fresh`` starts over.
"""

import argparse
import datetime
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from detectron2.config import CfgNode

from groupnet_det.config import load_config
from groupnet_det.data.registration import photo_digits_root, register_datasets
from groupnet_det.engine import commands
from groupnet_det.engine.commands import TRAIN, Stage, training_commands
from groupnet_det.errors import UserError
from groupnet_det.visualization.curves import plot_training_curves, read_metrics
from groupnet_det.visualization.predictions import render_results

ROOT = Path(__file__).resolve().parent.parent
CONFIG = "configs/quick/retinanet_groupnet_photo_digits.yaml"
TANH_CONFIG = "configs/quick/retinanet_groupnet_photo_digits_tanh.yaml"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Sizes of the data set and overrides of the config."""

    data: list[str] = field(default_factory=list)
    data_folder: str = "photo_digits"
    options: list[str] = field(default_factory=list)
    tanh_options: list[str] = field(default_factory=list)


PRESETS = {
    "full": Preset(),
    "quick": Preset(
        data=["--num-train", "300", "--num-val", "60"],
        data_folder="photo_digits_quick",
        options=["SOLVER.MAX_ITER", "220", "TEST.EVAL_PERIOD", "110"],
        tanh_options=["SOLVER.MAX_ITER", "150"],
    ),
}


def run(*command: str) -> None:
    """See `commands.run`."""
    commands.run(command, root=ROOT)


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where everything is."""

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
        return self.reloaded / "inference" / "coco_instances_results.json"

    @property
    def scores(self) -> Path:
        return self.output / "scores.csv"


def demo(preset_name: str, *, output: Path, fresh: bool) -> None:
    preset = PRESETS[preset_name]
    default_root = photo_digits_root().absolute()
    files = Files(data=default_root.with_name(preset.data_folder), output=output)
    if fresh:
        shutil.rmtree(files.output, ignore_errors=True)
    started = time.monotonic()
    run("datasets/prepare_photo_digits.py", "--output", str(files.data), *preset.data)
    data_options = [] if files.data == default_root else custom_data(files.data)
    train(preset, files, data_options)
    evaluate_reloaded(preset, files, data_options)
    cfg = load_config(str(ROOT / CONFIG), [*preset.options, *data_options])
    draw(cfg, files)
    summarize(cfg, files, preset_name, minutes=(time.monotonic() - started) / 60)


def train(preset: Preset, files: Files, data_options: list[str]) -> None:
    """Both stages; each goes on from its last checkpoint."""
    tanh_options = [*preset.tanh_options, *data_options, "DATASETS.TEST", "[]"]
    stages = [
        Stage(config=TANH_CONFIG, output=files.tanh, options=tanh_options),
        Stage(config=CONFIG, output=files.output, options=[*preset.options, *data_options]),
    ]
    for command in training_commands(stages):
        run(*command)


def evaluate_reloaded(preset: Preset, files: Files, data_options: list[str]) -> None:
    """The checkpoint read back, and the saved predictions scored without a model."""
    run(
        *(TRAIN, "--config-file", CONFIG, "--eval-only", *preset.options, *data_options),
        *("MODEL.WEIGHTS", str(files.output / "model_final.pth")),
        *("OUTPUT_DIR", str(files.reloaded)),
    )
    run(
        *("tools/evaluate.py", "--results", str(files.results), "--csv", str(files.scores)),
        *("--annotations", str(files.data / "annotations" / "instances_val.json")),
    )


def draw(cfg: CfgNode, files: Files) -> None:
    register_datasets(cfg)
    render_results(
        cfg.DATASETS.TEST[0],
        files.results,
        files.output / "predictions.png",
        threshold=0.4,  # the focal loss keeps scores low
    )
    plot_training_curves(
        [files.tanh / "metrics.json", files.output / "metrics.json"],
        files.output / "curves.png",
        f"Group-Net RetinaNet, K = {cfg.MODEL.GROUPNET.NUM_BASES}, on photo-digits: "
        "with tanh, then binary",
    )


def summarize(cfg: CfgNode, files: Files, preset_name: str, *, minutes: float) -> None:
    """Write ``summary.json`` and say what was reached and where everything is."""
    scored = [row for row in read_metrics(files.output / "metrics.json") if "bbox/AP" in row]
    _, ap, ap50 = files.scores.read_text().splitlines()[-1].split(",")  # all classes together
    summary = {
        "config": CONFIG,
        "preset": preset_name,
        "num_bases": cfg.MODEL.GROUPNET.NUM_BASES,
        "iterations": cfg.SOLVER.MAX_ITER,
        "at_end_of_training": {"AP": scored[-1]["bbox/AP"], "AP50": scored[-1]["bbox/AP50"]},
        "reloaded": {"AP": float(ap), "AP50": float(ap50)},
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__,
        "device": "GPU" if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores",
        "minutes": round(minutes, 1),
    }
    (files.output / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(
        f"\nGroup-Net RetinaNet, K = {summary['num_bases']}, on photo-digits val, in per cent:\n"
        f"  at the end of training  AP {scored[-1]['bbox/AP']:.1f}  "
        f"AP50 {scored[-1]['bbox/AP50']:.1f}\n"
        f"  checkpoint reloaded     AP {float(ap):.1f}  AP50 {float(ap50):.1f}\n"
        f"after {minutes:.1f} minutes. Look at"
    )
    for name in ("predictions.png", "curves.png", "scores.csv", "summary.json", "model_final.pth"):
        print(f"  {files.output / name}")


def custom_data(root: Path) -> list[str]:
    """Config options for a photo-digits data set of another size: data of one's own."""
    entries = [
        {
            "NAME": f"{root.name}_{split}",
            "FORMAT": "coco",
            "ANNOTATIONS": str(root / "annotations" / f"instances_{split}.json"),
            "IMAGES": str(root / split),
        }
        for split in ("train", "val")
    ]
    train, val = (f"['{entry['NAME']}']" for entry in entries)
    return [
        *("DATASETS.CUSTOM", str(entries)),
        *("DATASETS.TRAIN", train, "DATASETS.TEST", val),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=list(PRESETS), default="full")
    parser.add_argument("--output", type=Path, help="folder (default: output/demo_PRESET)")
    parser.add_argument("--fresh", action="store_true", help="start over")
    arguments = parser.parse_args()
    output = arguments.output or ROOT / "output" / f"demo_{arguments.preset}"
    output = output.absolute()
    os.chdir(ROOT)  # data sets lie in ./datasets unless $DETECTRON2_DATASETS says otherwise
    try:
        demo(arguments.preset, output=output, fresh=arguments.fresh)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
