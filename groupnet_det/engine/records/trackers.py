"""Writers of losses and scores to Weights & Biases or MLflow, both optional packages."""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import yaml
from detectron2.config import CfgNode
from detectron2.utils.events import EventWriter, get_event_storage

from groupnet_det.errors import lookup
from groupnet_det.extras import import_extra

PROJECT = "groupnet_det"
WINDOW = 20  # iterations whose median stands for a loss, as in metrics.json
_UNKNOWN_TO_MLFLOW = re.compile(r"[^\w\-./ ]+", re.ASCII)


class Tracker(Protocol):
    """A run of a training in an experiment tracker."""

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """Numbers by name, such as ``total_loss``, of an iteration."""

    def close(self) -> None:
        """End the run."""


class WandbTracker:
    """A run of Weights & Biases; a resumed training goes on with the run of its folder."""

    def __init__(self, config: Mapping[str, Any], output: Path) -> None:
        """
        Args:
            config: All config keys, nested.
            output: Folder of the training.

        Raises:
            MissingExtraError: ``wandb`` is not installed.
        """
        (wandb,) = import_extra("wandb", ["wandb"])
        self._run = wandb.init(
            project=PROJECT,
            name=output.name,
            id=_id_of(output),
            resume="allow",
            dir=str(output),
            config=config,
        )

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        self._run.log(dict(values), step=iteration)

    def close(self) -> None:
        self._run.finish()


class MlflowTracker:
    """A run of MLflow, in the experiment `PROJECT`; a resumed training begins another run."""

    def __init__(self, config: Mapping[str, Any], output: Path) -> None:
        """
        Args:
            config, output: See `WandbTracker`.

        Raises:
            MissingExtraError: ``mlflow`` is not installed.
        """
        (self._mlflow,) = import_extra("mlflow", ["mlflow"])
        self._mlflow.set_experiment(PROJECT)
        self._mlflow.start_run(run_name=output.name)
        self._mlflow.log_dict(dict(config), "config.yaml")

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        named = {_UNKNOWN_TO_MLFLOW.sub("_", name): value for name, value in values.items()}
        self._mlflow.log_metrics(named, step=iteration)

    def close(self) -> None:
        self._mlflow.end_run()


TRACKERS: Mapping[str, Callable[[Mapping[str, Any], Path], Tracker]] = {
    "wandb": WandbTracker,
    "mlflow": MlflowTracker,
}


class TrackerWriter(EventWriter):
    """Detectron2's way to a tracker: what is new since the last time, as metrics.json has it."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._written = -1

    def write(self) -> None:
        rows: dict[int, dict[str, float]] = {}
        latest = get_event_storage().latest_with_smoothing_hint(WINDOW)
        for name, (value, iteration) in latest.items():
            if iteration > self._written:
                rows.setdefault(iteration, {})[name] = value
        for iteration in sorted(rows):
            self._tracker.log(rows[iteration], iteration)
            self._written = iteration

    def close(self) -> None:
        self._tracker.close()


def build_trackers(cfg: CfgNode) -> list[EventWriter]:
    """The writer that ``cfg.SOLVER.TRACKER`` names; none where it is empty.

    Raises:
        ConfigError: There is no such tracker.
        MissingExtraError: Its package is not installed.
    """
    if not cfg.SOLVER.TRACKER:
        return []
    kind = lookup(TRACKERS, cfg.SOLVER.TRACKER, "SOLVER.TRACKER")
    return [TrackerWriter(kind(yaml.safe_load(cfg.dump()), Path(cfg.OUTPUT_DIR).absolute()))]


def _id_of(output: Path) -> str:
    return hashlib.sha256(str(output).encode()).hexdigest()[:16]
