"""Run the project's own commands, as one would type them."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from groupnet_det.errors import UserError

TRAIN_COMMAND = "train"
PROGRAM = ("-m", "groupnet_det")


def run(command: Sequence[str], *, root: Path) -> None:
    """Print and run a command of the project.

    Args:
        command: Its name, as `groupnet_det.cli` lists it, and its arguments.
        root: The folder that it runs in.

    Raises:
        UserError: It failed; its own output says why.
    """
    print(f"\n$ {command_line(command)}", flush=True)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, *PROGRAM, *command], cwd=root, env=environment)
    if done.returncode:
        raise UserError(f"'{command[0]}' failed with exit code {done.returncode}, see above")


def command_line(command: Sequence[str]) -> str:
    """The command as one would type it."""
    return shlex.join(["python", *PROGRAM, *command])


@dataclass(frozen=True, kw_only=True)
class TrainingStage:
    """One of several trainings, of which each starts from the weights of the one before.

    Attributes:
        config: Config file.
        output: Folder of the training.
        options: Config keys and values.
    """

    config: str
    output: Path
    options: Sequence[str] = field(default_factory=tuple)

    @property
    def weights(self) -> Path:
        """The last checkpoint of the training."""
        return self.output / "model_final.pth"


def training_commands(stages: Iterable[TrainingStage]) -> Iterator[list[str]]:
    """The command of each stage; run again, it goes on from its last checkpoint."""
    before: list[str] = []
    for stage in stages:
        start = [TRAIN_COMMAND, "--config-file", stage.config, "--resume", *stage.options]
        yield [*start, *before, "OUTPUT_DIR", str(stage.output)]
        before = ["MODEL.WEIGHTS", str(stage.weights)]
