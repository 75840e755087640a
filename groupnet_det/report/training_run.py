"""The files of a training, read on first use."""

import contextlib
import os
import shlex
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from detectron2.config import CfgNode
from detectron2.modeling import build_model
from torch import nn

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.checkpoint.checkpointer import load_tensors
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.engine.records import output_names
from groupnet_det.engine.records.metrics_file import join_stages, read_metrics
from groupnet_det.errors import DataError, UserError
from groupnet_det.evaluation.evaluators import inference_dir
from groupnet_det.files.json_text import parse_json
from groupnet_det.packed.packed_file import PackedFile, read_packed


class MissingError(UserError):
    """A section lacks files, which `command` makes."""

    def __init__(self, message: str, command: str = "") -> None:
        super().__init__(message)
        self.command = command


class Run:
    """A folder that a training wrote.

    Attributes:
        folder: ``OUTPUT_DIR``.
        baseline: The training of the same network in full precision to compare with, if any.
    """

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            DataError: The folder does not exist, or has no files of a training.
        """
        if not folder.is_dir():
            raise DataError(f"folder {folder} does not exist; name the OUTPUT_DIR of a training")
        if not any((folder / name).is_file() for name in output_names.SOURCES):
            raise DataError(
                f"folder {folder} has none of {', '.join(output_names.SOURCES)};"
                " name the OUTPUT_DIR of a training"
            )
        self.folder = folder
        self.baseline: Run | None = None

    @property
    def config_file(self) -> Path:
        """The config that the training wrote.

        Raises:
            MissingError: It is missing.
        """
        path = self.folder / output_names.CONFIG
        if not path.is_file():
            raise MissingError(f"{path} does not exist; training writes it")
        return path

    @property
    def metrics_file(self) -> Path:
        """The file of metrics that the training wrote.

        Raises:
            MissingError: It is missing.
        """
        path = self.folder / output_names.METRICS
        if not path.is_file():
            raise MissingError(f"{path} does not exist; training writes it", self.train_command)
        return path

    @cached_property
    def cfg(self) -> CfgNode:
        """The config that the training wrote, frozen; its data sets are registered.

        Raises:
            UserError: It is missing or broken.
        """
        options = ["OUTPUT_DIR", str(self.folder), "MODEL.DEVICE", "cpu"]
        cfg = load_config(str(self.config_file), options)
        register_datasets(cfg)
        cfg.freeze()
        return cfg

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """The rows of ``metrics.json``.

        Raises:
            DataError: It is missing or empty.
        """
        return read_metrics(self.metrics_file)

    @cached_property
    def stage_folders(self) -> list[Path]:
        """The folder of this training after those of the trainings that it started from."""
        folders = [self.metrics_file.parent.resolve()]
        while (before := _weights_folder(folders[0])) and before not in folders:
            if not (before / output_names.METRICS).is_file():
                break
            folders.insert(0, before)
        return folders

    @cached_property
    def stages(self) -> tuple[list[dict[str, Any]], list[int]]:
        """The rows of `stage_folders`, with consecutive iterations, and the last one of each."""
        return join_stages([folder / output_names.METRICS for folder in self.stage_folders])

    @cached_property
    def model(self) -> nn.Module:
        """The network, with random weights, on the CPU."""
        model: nn.Module = build_model(self.cfg).eval()
        return model

    @cached_property
    def checkpoint(self) -> Path:
        """The last checkpoint.

        Raises:
            MissingError: There is no checkpoint.
        """
        note = self.folder / output_names.LAST_CHECKPOINT
        names = [note.read_text().strip()] if note.is_file() else []
        for name in [*names, output_names.CHECKPOINT]:
            if (self.folder / name).is_file():
                return self.folder / name
        raise MissingError(f"{self.folder} contains no checkpoint", self.train_command)

    @cached_property
    def weights(self) -> dict[str, Any]:
        """The tensors of `checkpoint`, by name."""
        state: dict[str, Any] = load_tensors(str(self.checkpoint)).get("model", {})
        return state

    @cached_property
    def packed(self) -> PackedFile:
        """The packed file.

        Raises:
            UserError: It is missing or broken.
        """
        path = self.folder / output_names.PACKED
        if not path.is_file():
            raise MissingError(f"{path} does not exist", self.export_command)
        return read_packed(path)

    def read_json(self, name: str, command: str) -> Any:
        """A JSON file of the folder.

        Raises:
            MissingError: It is missing or not JSON; `command` makes it.
        """
        path = self.folder / name
        try:
            return parse_json(path.read_text())
        except OSError:
            raise MissingError(f"{path} does not exist", command) from None
        except ValueError as error:
            raise MissingError(f"{path} is not JSON: {error}", command) from error

    @contextlib.contextmanager
    def reading(self, name: str, command: str) -> Iterator[None]:
        """Context for the use of a file's contents.

        Raises:
            MissingError: The contents are incomplete or invalid; `command` makes the file again.
        """
        try:
            yield
        except MissingError:
            raise
        except UserError as error:
            raise MissingError(str(error), command) from error
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            reason = f"{self.folder / name} is invalid: {error!r}"
            raise MissingError(reason, command) from error

    def results_dir(self, dataset: str) -> Path:
        """The output folder of the last evaluation on a data set."""
        return inference_dir(self.cfg, dataset)

    @property
    def train_command(self) -> str:
        return self._command("train", "--resume", *self._output)

    def retrain_command(self, *options: str) -> str:
        """The command of a training into another folder, with these config keys and values."""
        return self._command("train", "OUTPUT_DIR", f"{self.folder}_again", *options)

    @property
    def evaluate_command(self) -> str:
        return self._command("eval", "--resume", *self._output)

    @property
    def export_command(self) -> str:
        return self._packed_command("export")

    @property
    def verify_command(self) -> str:
        found = str(self.folder / output_names.VERIFICATION)
        return self._packed_command("verify", "--json", found)

    @property
    def benchmark_command(self) -> str:
        figures = str(self.folder / output_names.LATENCY)
        return self._packed_command("benchmark packed", "--json", figures)

    @property
    def _output(self) -> list[str]:
        return ["OUTPUT_DIR", str(self.folder)]

    def _packed_command(self, name: str, *words: str) -> str:
        files = output_names.CHECKPOINT, output_names.PACKED
        return shlex.join(
            ["groupnet-det", *name.split(), *(str(self.folder / file) for file in files), *words]
        )

    def _command(self, name: str, *words: str) -> str:
        config = str(self.folder / output_names.CONFIG)
        return shlex.join(["groupnet-det", *name.split(), "--config-file", config, *words])


def _weights_folder(folder: Path) -> Path | None:
    """The folder of the checkpoint that a training started from, if its config names one."""
    config = folder / output_names.CONFIG
    if not config.is_file():
        return None
    weights = load_config(str(config)).MODEL.WEIGHTS
    if not weights or not os.path.isfile(weights):
        return None
    return Path(weights).resolve().parent
