"""The user's request and its progress, in a file of the output folder."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groupnet_det.errors import ConfigError, lookup
from groupnet_det.files.json_text import parse_json

from .choices.schedule import Budget
from .tasks import TRAINING_TASKS

PROGRESS = "progress.json"
MINUTES = 20.0  # where nothing else is said
SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")


@dataclass(frozen=True, kw_only=True)
class Request:
    """
    Attributes:
        data: Folder or file.
        task: A key of `TRAINING_TASKS`, or None for what the data are for.
        num_bases: K.
        budget: Time or epochs.
        output: Folder to write to.
        options: Config keys and values that were given.
        num_gpus: 0 for the CPU.
    """

    data: Path
    task: str | None
    num_bases: int
    budget: Budget
    output: Path
    options: tuple[str, ...] = ()
    num_gpus: int = 1

    def __post_init__(self) -> None:
        if self.task is not None:
            lookup(TRAINING_TASKS, self.task, "--task")
        if not 1 <= self.num_bases <= 8:
            raise ConfigError(f"--k is {self.num_bases}; valid: 1 to 8")

    def identity(self) -> dict[str, Any]:
        """The values that distinguish one training from another."""
        return {
            "data": str(self.data.absolute()),
            "task": self.task,
            "k": self.num_bases,
            "seconds": self.budget.seconds,
            "epochs": self.budget.epochs,
            "options": list(self.options),
        }


def default_output(data: Path) -> Path:
    """``output/<name of the data>``."""
    return Path("output") / (data.absolute().stem or "own_data")


def make_budget(seconds: float | None, epochs: float | None) -> Budget:
    """Either, or `MINUTES`.

    Raises:
        ConfigError: Both are given, or what is given is not above 0.
    """
    if seconds is not None and epochs is not None:
        raise ConfigError("both a time and a number of epochs are given; leave one of them out")
    for name, value in (("the time", seconds), ("--epochs", epochs)):
        if value is not None and value <= 0:
            raise ConfigError(f"{name} is {value}; it must be above 0")
    if seconds is None and epochs is None:
        seconds = 60 * MINUTES
    return Budget(seconds=seconds, epochs=epochs)


def parse_time(text: str) -> float:
    """Seconds of a text such as ``90s``, ``20min`` or ``1.5h``.

    Raises:
        ConfigError: It is no such text.
    """
    found = TIME.fullmatch(text.strip().lower())
    if not found or found[2] not in SECONDS:
        raise ConfigError(f"--time is {text!r}; write a number and s, min or h, such as 20min")
    return float(found[1]) * SECONDS[found[2]]


class Progress:
    """Steps that are done, and what they found; written after each of them."""

    def __init__(self, request: Request) -> None:
        """
        Raises:
            ConfigError: The folder is of another request.
        """
        self.path = request.output / PROGRESS
        self._content: dict[str, Any] = {"request": request.identity(), "done": {}}
        if self.path.is_file():
            self._content = _read(self.path)
            differing = _differing(self._content["request"], request.identity())
            if differing:
                raise ConfigError(
                    f"{request.output} holds a training with other settings ({differing}); name "
                    "another --output, or remove the folder"
                )

    def get(self, step: str) -> Any:
        """The record of a finished step; None if it is not done."""
        return self._content["done"].get(step)

    def note(self, step: str, found: Any = True) -> None:
        """Write down that a step is done."""
        self._content["done"][step] = found
        partial = self.path.with_name(f"{PROGRESS}.partial")
        partial.write_text(json.dumps(self._content, indent=2) + "\n")
        partial.replace(self.path)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(path.read_text())
        if not {"request", "done"} <= set(content):
            raise ValueError("it lacks what was asked for")
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path} is broken ({error}); remove it to start over") from error
    return dict(content)


def _differing(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    pairs = ((key, earlier.get(key), value) for key, value in now.items())
    return "; ".join(f"{key} {was} there, {now} here" for key, was, now in pairs if was != now)
