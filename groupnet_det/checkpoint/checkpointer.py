"""Detectron2's checkpointer with safe reading and atomic writing."""

import contextlib
import os
import pickle
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from detectron2.checkpoint import DetectionCheckpointer

from groupnet_det.errors import CheckpointError, TrainingError, UserError

from .compatibility import check_fit, move_backbone, refuse_packed
from .finite import NotFiniteError, check_finite
from .folder import check_folder, is_folder, local_weights, read_folder, weights_file
from .provenance import check_stored_class_names, warn_of_other_data, with_present_names
from .slimmable_state import fit_bases

BEST_PREFIX = "model_best"
DIVERGED = "Lower SOLVER.BASE_LR, lengthen SOLVER.WARMUP_ITERS or enable SOLVER.CLIP_GRADIENTS"


class Checkpointer(DetectionCheckpointer):
    """Reads only tensors (``weights_only=True``), writes atomically, resumes no ``model_best``."""

    def __init__(
        self,
        model: torch.nn.Module,
        save_dir: str = "",
        *,
        extra: dict[str, Any] | None = None,
        strict: bool = False,
        class_names: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
        **checkpointables: Any,
    ) -> None:
        """
        Args:
            model: Model to save or load.
            save_dir: Folder of the checkpoints.
            extra: Plain values to store with each checkpoint, such as the class names.
            strict: If True, a file must have exactly the model's keys and shapes, as for
                evaluation. If False, prediction layers of other classes, and missing parts other
                than the backbone, are initialized again with a warning. Loading `checkpointables`
                with the model, as in a resumed training, is always strict.
            class_names: `expected_names` of each data set of the model; strict loading refuses a
                file with other names.
            checkpointables: Objects of a training with a ``state_dict``.
        """
        super().__init__(model, save_dir, **checkpointables)
        self.extra = extra or {}
        self.strict = strict
        self.class_names = class_names or {}
        self._path_for_messages = ""
        self._strict_now = strict
        self._resumed: list[str] = []

    def save(self, name: str, **kwargs: Any) -> None:
        """Write ``<name>.pth`` and record it as the checkpoint to resume from.

        Raises:
            TrainingError: A tensor is not finite; nothing is written or recorded.
        """
        if not self.save_dir or not self.save_to_disk:
            return
        state = {"model": self.model.state_dict(), **self.extra, **kwargs}
        for key, value in self.checkpointables.items():
            state[key] = value.state_dict()
        target = Path(self.save_dir) / f"{name}.pth"
        self.logger.info(f"Saving checkpoint to {target}")
        try:
            write_tensors(state, target)
        except NotFiniteError as error:
            raise TrainingError(f"{error}; {self.kept()}. {DIVERGED}") from error
        if not name.startswith(BEST_PREFIX):
            self.tag_last_checkpoint(target.name)

    def kept(self) -> str:
        """Text for an error that ends a training: the last checkpoint."""
        if not self.has_checkpoint():
            return "last checkpoint: none yet"
        return f"last checkpoint: {self.get_checkpoint_file()} is kept"

    def tag_last_checkpoint(self, last_filename_basename: str) -> None:
        """Record the file to resume from; an interruption keeps the older record."""
        note = Path(self.save_dir) / "last_checkpoint"
        partial = note.with_suffix(".partial")
        try:
            partial.write_text(last_filename_basename)
            os.replace(partial, note)
        except OSError as error:
            raise CheckpointError(
                f"{note} cannot be written ({error}); free space, then continue with --resume"
            ) from error

    def load(self, path: str, checkpointables: list[str] | None = None) -> dict[str, Any]:
        """Load the file or folder at `path`, or nothing if `path` is empty.

        Args:
            path: A file, a folder of weights (`write_folder`), a model on the hub, or a URL.
            checkpointables: Names of the `checkpointables` to load with the model; all by default.

        Returns:
            The other contents of the file.

        Raises:
            UserError: The file is missing, broken, needs pickled code, is of another network, or
                cannot be downloaded; the model does not change.
        """
        wanted = self.checkpointables if checkpointables is None else checkpointables
        self._resumed = list(wanted)
        self._strict_now = self.strict or bool(wanted)
        self._path_for_messages = path
        path = local_weights(path)
        if path and "://" not in path and not os.path.exists(path.split("?")[0]):
            raise CheckpointError(
                f"checkpoint {path} does not exist; fix MODEL.WEIGHTS (or OUTPUT_DIR)"
            )
        try:
            return super().load(_checked_file(path) if path else path, checkpointables)
        except UserError:
            raise
        except (TypeError, ValueError, KeyError, AttributeError, IndexError, RuntimeError) as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise CheckpointError(
                f"{path} has a member of another type than a training writes ({reason}); start "
                "from its weights, without --resume, or from an older checkpoint"
            ) from error
        finally:
            self._parsed_url_during_load = None  # otherwise a failed load would block the next one

    def _load_file(self, filename: str) -> dict[str, Any]:
        if filename.endswith((".pkl", ".pyth")):  # Detectron2 would unpickle them
            raise CheckpointError(
                f"{filename}: .pkl and .pyth files are refused, because reading one can run any "
                "code in it; if you trust it, convert it to a .pth of tensors"
            )
        return super()._load_file(filename)

    def _torch_load(self, f: str) -> dict[str, Any]:
        return read_checkpoint(f)

    def _load_model(self, checkpoint: Any) -> Any:
        path, model = self._path_for_messages, self.model.state_dict()
        if self._strict_now:
            check_stored_class_names(path, checkpoint, self.class_names)
            if "fingerprints" in self.extra:
                warn_of_other_data(path, checkpoint, self.extra["fingerprints"])
        state = {
            k.removeprefix("module."): v for k, v in named_state(path, checkpoint["model"]).items()
        }
        if not checkpoint.get("matching_heuristics"):
            state = move_backbone(fit_bases(path, state, self.model), list(model))
            check_fit(path, _shapes(state), _shapes(model), strict=self._strict_now)
        self._check_finite({**checkpoint, "model": {k: state[k] for k in state if k in model}})
        return super()._load_model({**checkpoint, "model": state})

    def _check_finite(self, checkpoint: dict[str, Any]) -> None:
        """Check that the tensors to load are finite."""
        note = ", by its name in OUTPUT_DIR/last_checkpoint" if self._resumed else ""
        check_finite(
            {key: checkpoint.get(key) for key in ("model", *self._resumed)},
            before=f"{self._path_for_messages}:",
            after=f", as after a training that diverged; use an earlier checkpoint{note}",
        )


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint: ``model`` and plain values.

    Args:
        path: A file that a training wrote, a folder of weights, or a model on the hub.

    Raises:
        UserError: It is missing, broken, or cannot be read safely or downloaded.
    """
    path = local_weights(path)
    if not os.path.exists(path):
        raise CheckpointError(f"checkpoint {path} does not exist; fix the path")
    return read_folder(path) if is_folder(path) else load_tensors(path)


def load_tensors(path: str) -> dict[str, Any]:
    """Load a dict of tensors and plain values on the CPU by ``torch.load``.

    Raises:
        CheckpointError: The file is truncated, not a checkpoint, or contains pickled code.
    """
    refuse_packed(path)
    try:
        with warnings.catch_warnings():  # about unusual files; the errors below say more
            warnings.simplefilter("ignore")
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # The rest of PyTorch's message explains how to read it anyway.
        code = re.search(r"(?i)unsupported global:? (?:global )?(\S+)", str(error))
        raise CheckpointError(
            f"{path} is not a checkpoint of plain tensors; anything else is refused because "
            f"reading it could run code" + (f": it names {code[1]}" if code else "")
        ) from error
    except Exception as error:  # the reader raises IndexError, struct.error, ...
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise CheckpointError(
            f"{path} is broken or truncated: {reason}; is it a checkpoint?"
        ) from error
    if not isinstance(loaded, dict):
        raise CheckpointError(
            f"{path} contains a {type(loaded).__name__} instead of tensors by name"
        )
    if "model" in loaded:  # else the names are those of weights
        loaded = with_present_names(loaded)
    _check_members(path, loaded)
    return loaded


# Members that a training writes besides the weights.
MEMBERS: dict[str, type] = {
    "iteration": int,
    "config": str,
    "class_names": list,
    "metadata": dict,
    "fingerprints": dict,
    "optimizer": dict,
    "scheduler": dict,
    "trainer": dict,
}


def _check_members(path: str, loaded: dict[Any, Any]) -> None:
    """Check the types of the members that our trainings write.

    Raises:
        CheckpointError: A member has another type.
    """
    if not isinstance(loaded.get("model", {}), Mapping):
        return  # other projects; `named_state` checks them if needed
    for key, kind in MEMBERS.items():
        # Tensors under such names are weights.
        if "model" in loaded and not isinstance(loaded.get(key, kind()), kind):
            raise CheckpointError(
                f"{path} has {key!r} of type {type(loaded[key]).__name__}, a training writes "
                f"{kind.__name__}; is it a checkpoint of this project?"
            )


def write_tensors(state: dict[str, Any], path: Path) -> None:
    """Write a file atomically by ``torch.save``: an interruption keeps an older file.

    Raises:
        NotFiniteError: A tensor contains NaN or an infinite value; nothing is written.
        CheckpointError: The file cannot be written; older files do not change.
    """
    check_finite(state, before=f"{path} is not written:")
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)  # it may have been deleted
        torch.save(state, partial)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:  # PyTorch's own writer raises RuntimeError
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path} cannot be written ({reason}): is the disk full, or the folder read-only? "
            "Earlier files are unchanged; free space, then continue with --resume"
        ) from error


def named_state(path: str, state: Any) -> dict[str, Any]:
    """Return `state` if it contains tensors by name.

    Raises:
        CheckpointError: It does not; the message names `path`.
    """
    if isinstance(state, Mapping) and all(
        isinstance(key, str) and hasattr(value, "shape") for key, value in state.items()
    ):
        return dict(state)
    raise CheckpointError(
        f"{path} does not contain tensors by name ({str(state)[:60]}...); is it a "
        "checkpoint? Weights of other projects: groupnet-det convert"
    )


def _checked_file(path: str) -> str:
    """The file for Detectron2 to load; for a folder, its weights, after a check of the folder.

    Raises:
        CheckpointError: A file of the folder is missing.
    """
    if os.path.isdir(path):
        check_folder(path)
    return weights_file(path)


def _shapes(state: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in state.items()}
