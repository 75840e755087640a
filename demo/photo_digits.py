#!/usr/bin/env python3
"""Train a binary detector on photo-digits, evaluate it, and draw what it finds.

The paper's two stages: first float weights with tanh in the place of the sign, then, from there,
the binary network.

What it runs are the commands that one would type, and it prints them. Interrupted, it goes on
where it stopped; ``--fresh`` starts over.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from groupnet_det.config import load_config
from groupnet_det.data.registration import photo_digits_root, register_datasets
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
        options=["SOLVER.MAX_ITER", "120", "TEST.EVAL_PERIOD", "60"],
        tanh_options=["SOLVER.MAX_ITER", "60"],
    ),
}


def run(*command: str) -> None:
    """Print and run a command of the project from its root.

    Raises:
        UserError: It failed; its own output has told why.
    """
    print(f"\n$ {shlex.join(['python', *command])}", flush=True)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment)
    if done.returncode:
        raise UserError(f"'{command[0]}' failed with exit code {done.returncode}, see above")


def final_scores(output: Path) -> dict[str, float]:
    """The newest COCO scores in ``metrics.json``."""
    scored = [row for row in read_metrics(output / "metrics.json") if "bbox/AP" in row]
    return {key: value for key, value in scored[-1].items() if key.startswith("bbox/")}


def demo(preset_name: str, *, fresh: bool) -> None:
    preset = PRESETS[preset_name]
    output = ROOT / "output" / f"demo_{preset_name}"
    if fresh:
        shutil.rmtree(output, ignore_errors=True)
    started = time.monotonic()

    data_root = photo_digits_root().absolute().with_name(preset.data_folder)
    run("datasets/prepare_photo_digits.py", "--output", str(data_root), *preset.data)
    data_options = [] if data_root == photo_digits_root().absolute() else custom_data(data_root)
    tanh = output / "tanh"
    train = "tools/train_net.py"
    run(
        *(train, "--config-file", TANH_CONFIG, "--resume", *preset.tanh_options, *data_options),
        *("DATASETS.TEST", "[]", "OUTPUT_DIR", str(tanh)),
    )
    options = [*preset.options, *data_options, "OUTPUT_DIR", str(output)]
    start = ["MODEL.WEIGHTS", str(tanh / "model_final.pth")]
    run(train, "--config-file", CONFIG, "--resume", *options, *start)

    trained = final_scores(output)
    reloaded = output / "reloaded"
    weights = ["MODEL.WEIGHTS", str(output / "model_final.pth")]
    run(
        *(train, "--config-file", CONFIG, "--eval-only", *options, *weights),
        *("OUTPUT_DIR", str(reloaded)),
    )
    results = reloaded / "inference" / "coco_instances_results.json"
    annotations = data_root / "annotations" / "instances_val.json"
    csv = output / "scores.csv"
    run(
        *("tools/evaluate.py", "--annotations", str(annotations)),
        *("--results", str(results), "--csv", str(csv)),
    )

    cfg = load_config(str(ROOT / CONFIG), options)
    register_datasets(cfg)
    render_results(cfg.DATASETS.TEST[0], results, output / "predictions.png")
    plot_training_curves(
        [tanh / "metrics.json", output / "metrics.json"],
        output / "curves.png",
        f"Group-Net RetinaNet, K = {cfg.MODEL.GROUPNET.NUM_BASES}, on photo-digits: "
        "with tanh, then binary",
    )
    summary = {
        "config": CONFIG,
        "preset": preset_name,
        "num_bases": cfg.MODEL.GROUPNET.NUM_BASES,
        "iterations": cfg.SOLVER.MAX_ITER,
        "scores_at_end_of_training": trained,
        "scores_reloaded": {"AP": score_of(csv, 1), "AP50": score_of(csv, 2)},
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    (output / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    report(output, summary)


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


def score_of(csv: Path, column: int) -> float:
    """A column of the last row, that of all classes together."""
    return float(csv.read_text().splitlines()[-1].split(",")[column])


def report(output: Path, summary: dict) -> None:
    scores = summary["scores_reloaded"]
    print(
        f"\nGroup-Net RetinaNet, K = {summary['num_bases']}, on photo-digits val: "
        f"AP {scores['AP']:.1f}, AP50 {scores['AP50']:.1f} (per cent), "
        f"{summary['minutes']} minutes"
    )
    for name in ("predictions.png", "curves.png", "scores.csv", "summary.json", "model_final.pth"):
        print(f"  {output / name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=list(PRESETS), default="full")
    parser.add_argument("--fresh", action="store_true", help="start over")
    arguments = parser.parse_args()
    try:
        demo(arguments.preset, fresh=arguments.fresh)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
