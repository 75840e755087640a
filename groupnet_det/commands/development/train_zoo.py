"""Train one small model per task from fixed seeds, and say in a manifest what each reaches.

Each is packed too (tools/export_packed.py), and the packed file is compared with the trained
network (tools/verify_packed.py); the manifest records its size and the outcome.

  python tools/train_zoo.py
  python tools/train_zoo.py --models classifier_groupnet_mnist5k

It runs the commands that one would type, and prints them. Started again, it keeps finished models
and goes on with an interrupted training; ``--fresh`` trains the chosen models again.
"""

import argparse
import datetime
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tabulate import tabulate

from groupnet_det.autotrain.command_runs import TrainingStage, command_line, run, training_commands
from groupnet_det.engine.records.metrics_file import read_metrics
from groupnet_det.engine.records.output_names import LAST_CHECKPOINT
from groupnet_det.errors import ConfigError, DataError, UserError, lookup
from groupnet_det.exporting.verify.predictions import Verdict, verdict_of_report
from groupnet_det.files.paths import project_root
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.version import __version__

from .shipped_models import ship

ROOT = project_root()
MANIFEST = "manifest.json"
EXPORT, VERIFY = "export", "verify"
LISTED = ("metric", "agreement")  # checks that the manifest lists even if they passed
VERDICTS = {Verdict.VERIFIED: "yes", Verdict.FAILED: "NO", Verdict.INCONCLUSIVE: "inconclusive"}


@dataclass(frozen=True, kw_only=True)
class ZooModel:
    """A model of the zoo.

    Attributes:
        task: For the reader.
        configs: Config files of its stages; each starts from the weights of the one before.
        metric: Its name in metrics.json, for the validation set of the last stage.
    """

    task: str
    configs: tuple[str, ...]
    metric: str


def _two_stages(task: str, name: str, metric: str) -> ZooModel:
    """A model of ``configs/quick`` with the paper's two stages."""
    configs = (f"configs/quick/{name}_tanh.yaml", f"configs/quick/{name}.yaml")
    return ZooModel(task=task, configs=configs, metric=metric)


def _one_stage(task: str, name: str, metric: str) -> ZooModel:
    """A model of ``configs/quick`` that is binary from the start."""
    return ZooModel(task=task, configs=(f"configs/quick/{name}.yaml",), metric=metric)


MODELS = {
    name: _two_stages(task, name, metric)
    for task, name, metric in [
        ("classification", "classifier_groupnet_mnist5k", "classification/top1"),
        ("detection", "retinanet_groupnet_photo_digits", "bbox/AP"),
    ]
}
MODELS |= {
    "mask_rcnn_groupnet_photo_digits": _one_stage(
        "instance segmentation", "mask_rcnn_groupnet_photo_digits", "segm/AP"
    ),
    "semseg_groupnet_photo_digits": _one_stage(
        "semantic segmentation", "semseg_groupnet_photo_digits", "sem_seg/mIoU"
    ),
}

# Config keys and values of all stages.
PRESETS: dict[str, tuple[str, ...]] = {
    "full": (),
    "quick": ("SOLVER.MAX_ITER", "10", "SOLVER.CHECKPOINT_PERIOD", "5", "TEST.EVAL_PERIOD", "0"),
}


def train_zoo(names: list[str], *, preset: str, output: Path, fresh: bool) -> None:
    """Train the models called `names` where the manifest in `output` lacks them.

    Raises:
        UserError: Unknown model, a zoo of another preset, a training that failed, or a packed file
            that gives other predictions than the network it was made from.
    """
    chosen = {name: lookup(MODELS, name, "--models") for name in names}
    entries = _read_manifest(output, preset)
    if fresh:
        for name in chosen:
            entries.pop(name, None)
            shutil.rmtree(output / name, ignore_errors=True)
    _write_manifest(output, preset, entries)
    for number, (name, model) in enumerate(chosen.items(), start=1):
        kept = _is_finished(entries.get(name), output)
        print(f"\n[{number}/{len(chosen)}] {name} ({model.task})" + (": kept" if kept else ""))
        if not kept:
            entries[name] = _train_model(name, model, PRESETS[preset], output)
            _write_manifest(output, preset, entries)
        if not _is_exported(entries[name], output):
            entries[name]["packed"] = _pack_model(name, model, preset, entries[name], output)
            _write_manifest(output, preset, entries)
    print("\n" + _format_manifest(entries) + f"\n\nmanifest: {output / MANIFEST}")
    _check_verified({name: entries[name] for name in chosen})


def _is_finished(entry: dict[str, Any] | None, output: Path) -> bool:
    """Whether the model is in the manifest, and its checkpoint where that says."""
    return entry is not None and (output / entry["checkpoint"]).is_file()


def _train_model(
    name: str, model: ZooModel, options: tuple[str, ...], output: Path
) -> dict[str, Any]:
    """Train all stages; returns the entry of the manifest."""
    stages = [
        TrainingStage(
            config=config, output=shorten(output / name / f"stage_{number}"), options=options
        )
        for number, config in enumerate(model.configs, start=1)
    ]
    resumed = any((ROOT / stage.output / LAST_CHECKPOINT).is_file() for stage in stages)
    commands = list(training_commands(stages))
    started = time.monotonic()
    for command in commands:
        run(command, root=ROOT)
    seconds = round(time.monotonic() - started, 1)
    checkpoint = ROOT / stages[-1].weights
    return {
        "name": name,
        "task": model.task,
        "configs": list(model.configs),
        "commands": [command_line(command) for command in commands],
        "metric": {
            "name": model.metric,
            "value": final_metric(checkpoint.with_name("metrics.json"), model.metric),
        },
        "checkpoint": str(checkpoint.relative_to(output)),
        "groupnet_det": __version__,
        "torch": torch.__version__,
        "device": "GPU" if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores",
        "date": datetime.date.today().isoformat(),
        "seconds": None if resumed else seconds,  # those of an interrupted training are unknown
    }


def _is_exported(entry: dict[str, Any], output: Path) -> bool:
    """Whether the model's packed file is there, and nothing was found wrong."""
    packed = entry.get("packed")
    return packed is not None and not _failed(packed) and (output / packed["file"]).is_file()


def _failed(packed: dict[str, Any]) -> bool:
    return verdict_of_report(packed) is Verdict.FAILED


def _pack_model(
    name: str, model: ZooModel, preset: str, entry: dict[str, Any], output: Path
) -> dict[str, Any]:
    """Export and verify a trained model; returns what the manifest says of it.

    Raises:
        UserError: One of the tools could not do its work. That predictions differ is no such error.
    """
    file, report = output / name / "model.gnp", output / name / "verification.json"
    report.unlink(missing_ok=True)
    same = ["--config-file", model.configs[-1]]
    weights = [*PRESETS[preset], "MODEL.WEIGHTS", str(shorten(output / entry["checkpoint"]))]
    export = [EXPORT, *same, "--output", str(shorten(file)), *weights]
    verify = [VERIFY, *same, "--packed", str(shorten(file)), "--json", str(shorten(report))]
    verify += [*(() if is_built() else ("--backend", "reference")), *weights]
    run(export, root=ROOT)
    try:
        run(verify, root=ROOT)
    except UserError:
        if not report.is_file():  # it found no verdict at all
            raise
    outcome = json.loads(report.read_text())
    return {
        "file": str(file.relative_to(output)),
        "bytes": file.stat().st_size,
        "commands": [command_line(export), command_line(verify)],
        "verdict": outcome["verdict"],
        "engine": outcome["engine"],
        "findings": [
            f"{f['check']}, {f['part']}: {f['found']}"
            for f in outcome["findings"]
            if f["check"] in LISTED or f["verdict"] != "passed"
        ],
    }


def _check_verified(entries: dict[str, dict[str, Any]]) -> None:
    """
    Raises:
        UserError: A packed file gives other predictions than its network.
    """
    wrong = [name for name, entry in entries.items() if _failed(entry["packed"])]
    if wrong:
        raise UserError(
            f"the packed files of {', '.join(wrong)} do not give the predictions of the trained "
            "networks; what differs is in the manifest and above"
        )


def shorten(path: Path) -> Path:
    """`path` from the checkout, in which the commands run, where it lies in there."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def final_metric(metrics_file: Path, metric: str) -> float | None:
    """The metric after the last iteration; nothing where it is NaN, as AP without detections.

    Raises:
        DataError: It was never measured.
    """
    values = [row[metric] for row in read_metrics(metrics_file) if metric in row]
    if not values:
        raise DataError(f"{metrics_file} holds no {metric}; is DATASETS.TEST set?")
    return values[-1] if math.isfinite(values[-1]) else None


def _read_manifest(output: Path, preset: str) -> dict[str, dict[str, Any]]:
    """The entries by name; none where there is no manifest.

    Raises:
        ConfigError: It was made with another preset.
    """
    path = output / MANIFEST
    if not path.is_file():
        return {}
    manifest = json.loads(path.read_text())
    if manifest["preset"] != preset:
        raise ConfigError(
            f"{path} was made with --preset {manifest['preset']}; choose another --output"
        )
    return {entry["name"]: entry for entry in manifest["models"]}


def _write_manifest(output: Path, preset: str, entries: dict[str, dict[str, Any]]) -> None:
    """Write the entries in the order of `MODELS`; an interruption leaves the older file."""
    output.mkdir(parents=True, exist_ok=True)
    models = [entries[name] for name in MODELS if name in entries]
    partial = output / f"{MANIFEST}.partial"
    partial.write_text(json.dumps({"preset": preset, "models": models}, indent=2) + "\n")
    partial.replace(output / MANIFEST)


def _format_manifest(entries: dict[str, dict[str, Any]]) -> str:
    rows = [
        (e["task"], e["name"], *e["metric"].values(), e["seconds"], *_packed_columns(e))
        for e in entries.values()
    ]
    headers = ["task", "model", "metric", "value", "seconds", "packed, kB", "verified"]
    return tabulate(rows, headers=headers, floatfmt=".1f", missingval="-")


def _packed_columns(entry: dict[str, Any]) -> tuple[float | None, str | None]:
    packed = entry.get("packed")
    if packed is None:
        return None, None
    verified = VERDICTS[verdict_of_report(packed)]
    return packed["bytes"] / 1e3, verified + ("" if packed["engine"] else ", without the engine")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="NAME", help="or all")
    parser.add_argument("--preset", choices=list(PRESETS), default="full", help="quick: a trial")
    parser.add_argument("--output", type=Path, help="folder (default: zoo, or zoo/PRESET)")
    parser.add_argument("--fresh", action="store_true", help="train the chosen models again")
    parser.add_argument("--ship", action="store_true", help="then renew groupnet_det/pretrained")
    arguments = parser.parse_args(argv)
    default = ROOT / "zoo" if arguments.preset == "full" else ROOT / "zoo" / arguments.preset
    output = (arguments.output or default).absolute()
    try:
        train_zoo(arguments.models, preset=arguments.preset, output=output, fresh=arguments.fresh)
        if arguments.ship:
            ship(_read_manifest(output, "full").values(), output)
    except UserError as error:
        sys.exit(f"error: {error}")
    return 0
