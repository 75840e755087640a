"""Detectron2's checkpointer, reading safely and writing whole files only."""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from detectron2.checkpoint import DetectionCheckpointer

from groupnet_det.errors import CheckpointError

from .compatibility import check_fit, move_backbone

BEST_PREFIX = "model_best"


class Checkpointer(DetectionCheckpointer):
    """Reads tensors only (``weights_only=True``); a file on disk is always complete.

    ``model_best`` never becomes the checkpoint that a resumed training starts from.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        save_dir: str = "",
        *,
        extra: dict[str, Any] | None = None,
        strict: bool = False,
        **checkpointables: Any,
    ) -> None:
        """
        Args:
            model: To be saved or loaded.
            save_dir: Folder of the checkpoints.
            extra: Plain values to store with each checkpoint, such as the class names.
            strict: Whether a file must have every key of the model, as for evaluation; else missing
                parts, and predictors of other classes, start anew.
            checkpointables: Objects with a ``state_dict`` that belong to a training.
        """
        super().__init__(model, save_dir, **checkpointables)
        self.extra = extra or {}
        self.strict = strict

    def save(self, name: str, **kwargs: Any) -> None:
        """Write ``<name>.pth`` beside its place first: an interruption harms no older file."""
        if not self.save_dir or not self.save_to_disk:
            return
        state = {"model": self.model.state_dict(), **self.extra, **kwargs}
        for key, value in self.checkpointables.items():
            state[key] = value.state_dict()
        target = Path(self.save_dir) / f"{name}.pth"
        partial = target.with_suffix(".partial")
        self.logger.info(f"Saving checkpoint to {target}")
        torch.save(state, partial)
        os.replace(partial, target)
        if not name.startswith(BEST_PREFIX):
            self.tag_last_checkpoint(target.name)

    def load(self, path: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Load the file at `path`, or nothing where it is empty.

        Raises:
            CheckpointError: The file is missing, broken, needs pickled code, or is of another
                network.
        """
        self._path_for_messages = path
        if path and "://" not in path and not os.path.isfile(path.split("?")[0]):
            raise CheckpointError(
                f"checkpoint {path} does not exist; mend MODEL.WEIGHTS (or OUTPUT_DIR)"
            )
        try:
            return super().load(path, *args, **kwargs)
        finally:
            self._parsed_url_during_load = None  # a failed load would otherwise block the next

    def _load_file(self, filename: str) -> dict[str, Any]:
        if filename.endswith(".pkl"):
            raise CheckpointError(
                f"{filename}: .pkl files are refused, because reading one can run any code that "
                "its author put in; convert it to a .pth of tensors where you trust it"
            )
        return super()._load_file(filename)

    def _torch_load(self, f: str) -> dict[str, Any]:
        return load_tensors(f)

    def _load_model(self, checkpoint: Any) -> Any:
        ours = list(self.model.state_dict())
        state = {key.removeprefix("module."): value for key, value in checkpoint["model"].items()}
        heuristic = checkpoint.get("matching_heuristics")
        if not heuristic:
            state = move_backbone(state, ours)
        if ours and not set(ours) & set(state) and not heuristic:
            raise CheckpointError(
                f"no key of the checkpoint belongs to this model (it has {sorted(state)[:3]}, the "
                f"model {sorted(ours)[:3]}); is MODEL.WEIGHTS the right file for this config?"
            )
        incompatible = super()._load_model({**checkpoint, "model": state})
        if not heuristic:
            check_fit(
                self._path_for_messages,
                missing=incompatible.missing_keys,
                unexpected=incompatible.unexpected_keys,
                incorrect_shapes=incompatible.incorrect_shapes,
                strict=self.strict,
            )
        return incompatible


def load_tensors(path: str) -> dict[str, Any]:
    """``torch.load`` of tensors and plain values, on the CPU.

    Raises:
        CheckpointError: The file is truncated, no checkpoint, or holds pickled code.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path} is no checkpoint of plain tensors, and anything else is refused because "
            f"reading it could run code: {reason}"
        ) from error
    except (RuntimeError, EOFError, zipfile.BadZipFile, OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path} is broken or cut short: {reason}") from error
