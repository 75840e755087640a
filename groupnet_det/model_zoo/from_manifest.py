"""Rows of the zoo from the manifest of `make zoo`."""

import json
from pathlib import Path

from groupnet_det.config import load_config
from groupnet_det.errors import DataError
from groupnet_det.files.json_text import parse_json

from .records import TrainedRow

# Task of tools/train_zoo.py -> table.
TABLES = {
    "classification": "mnist5k",
    "detection": "photo_digits_boxes",
    "instance segmentation": "photo_digits_masks",
    "semantic segmentation": "photo_digits_pixels",
}
COMMAND = "make zoo MODELS={}"


def rows_of_manifest(path: Path, root: Path) -> list[TrainedRow]:
    """A row for each model of a manifest of the preset ``full``.

    Args:
        path: Path of the manifest.
        root: Root of the checkout, with the configs that it names.

    Raises:
        DataError: It is none.
    """
    try:
        manifest = parse_json(path.read_text())
        preset, models = manifest["preset"], manifest["models"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a manifest of tools/train_zoo.py: {error}") from error
    if preset != "full":
        raise DataError(f"{path} is of the preset {preset!r}; valid: 'full'")
    rows = []
    for model in models:
        metric = model["metric"]
        rows.append(
            TrainedRow(
                table=TABLES[model["task"]],
                name=f"{model['name']} †",
                network=model["configs"][-1],
                iterations=" + ".join(
                    str(load_config(str(root / config)).SOLVER.MAX_ITER)
                    for config in model["configs"]
                ),
                seed=1,
                metrics=json.dumps({metric["name"]: metric["value"]}),
                command=COMMAND.format(model["name"]),
                device=model["device"],
                torch=model["torch"],
                date=model["date"],
            )
        )
    return rows
