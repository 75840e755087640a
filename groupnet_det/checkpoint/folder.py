"""Weights as a folder, as on model hubs: safetensors, JSON, and a model card.

* ``model.safetensors``: the tensors by name, bit for bit. Reading it runs no code.
* ``config.json``: the metadata of a checkpoint (`provenance.checkpoint_metadata`), and the scores
  of its evaluation if they are known.
* ``README.md``: the same in words; it is never read.

State that only a resumed training needs, such as the optimizer, is left out.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from groupnet_det.errors import CheckpointError
from groupnet_det.files.hub import fetch, on_hub, parse_name
from groupnet_det.files.json_text import parse_json

from .finite import check_finite
from .model_card import model_card
from .provenance import PROVENANCE, with_present_names

WEIGHTS_FILE, CONFIG_FILE, CARD_FILE = "model.safetensors", "config.json", "README.md"
MODEL_TYPE = "groupnet_det"
FORMAT_VERSION = 1
# Bytes of each file, which anybody may have written. A float ResNet-101 has 0.2 GB.
LIMITS = {CONFIG_FILE: 1 << 24, WEIGHTS_FILE: 1 << 33}
# Members of a checkpoint that config.json contains.
CARRIED = (*PROVENANCE, "iteration", "metrics")


def write_folder(folder: Path, checkpoint: Mapping[str, Any]) -> list[str]:
    """Write the weights and metadata of a checkpoint.

    Args:
        folder: New or empty folder.
        checkpoint: ``model``, tensors by name, and members of `CARRIED`.

    Returns:
        Members of the checkpoint that are left out.

    Raises:
        CheckpointError: The folder is not empty, the checkpoint has no config, or a tensor is not
            finite.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CheckpointError(f"{folder} already exists; name a new or an empty folder")
    if not isinstance(checkpoint.get("config"), str):
        raise CheckpointError(
            "the checkpoint has no config, which a folder of weights needs; checkpoints of our "
            "trainings have one"
        )
    check_finite(checkpoint["model"], before=f"{folder} is not written:")
    content = {key: checkpoint[key] for key in CARRIED if key in checkpoint}
    described = {
        "model_type": MODEL_TYPE,
        "format_version": FORMAT_VERSION,
        **content,
        "config": _as_tree(content["config"]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / CARD_FILE, model_card(folder.name, content).encode())
    _write(folder / CONFIG_FILE, (json.dumps(described, indent=2) + "\n").encode())
    # Copies, because safetensors refuses shared memory, as in towers of several levels.
    tensors = {k: v.detach().cpu().clone().contiguous() for k, v in checkpoint["model"].items()}
    _write(folder / WEIGHTS_FILE, save(tensors, metadata={"format": "pt"}))
    return [key for key in checkpoint if key not in (*CARRIED, "model")]


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is a folder of weights, or the weights file in one."""
    return os.path.isdir(path) or os.fspath(path).endswith(".safetensors")


def weights_file(path: str | os.PathLike[str]) -> str:
    """The file with the tensors: for a folder the one in it, else `path` itself."""
    return os.path.join(path, WEIGHTS_FILE) if os.path.isdir(path) else os.fspath(path)


def local_weights(weights: str | os.PathLike[str]) -> str:
    """`weights` on this machine: a model on the hub (``hf://user/name``) is fetched.

    Raises:
        CheckpointError: A file of the hub is named instead of a model.
        HubError: The model cannot be fetched.
        MissingExtraError: huggingface_hub is not installed.
    """
    if not on_hub(weights):
        return os.fspath(weights)
    name = parse_name(weights)
    if name.file:
        raise CheckpointError(
            f"{name} is a file; weights are {WEIGHTS_FILE} with {CONFIG_FILE}: name the model "
            "alone, or a packed file (.gnp) where one can be used"
        )
    return str(fetch(name, LIMITS))


def check_folder(path: str | os.PathLike[str]) -> None:
    """
    Raises:
        CheckpointError: A file of the folder is missing or too large.
    """
    weights = Path(weights_file(path))
    for file in (weights, weights.with_name(CONFIG_FILE)):
        if not file.is_file():
            raise CheckpointError(
                f"{file} does not exist; a folder of weights has {WEIGHTS_FILE} and {CONFIG_FILE}"
            )
        size, limit = file.stat().st_size, LIMITS.get(file.name, LIMITS[WEIGHTS_FILE])
        if size > limit:
            raise CheckpointError(f"{file} has {size} bytes; the limit is {limit}")


def read_folder(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint, with the result of `load_tensors` for a file.

    Args:
        path: The folder, or the weights file in it.

    Raises:
        CheckpointError: A file is missing, broken, or of another project.
    """
    check_folder(path)
    weights = Path(weights_file(path))
    return {"model": _read_tensors(weights), **_read_config(weights.with_name(CONFIG_FILE))}


def _read_config(path: Path) -> dict[str, Any]:
    try:
        described = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # JSONDecodeError and UnicodeDecodeError among them
        raise CheckpointError(f"{path} is broken or truncated: {error}") from error
    if not isinstance(described, dict) or described.get("model_type") != MODEL_TYPE:
        raise CheckpointError(
            f'{path} is of another project: it has no "model_type": "{MODEL_TYPE}"'
        )
    version = described.get("format_version")
    if version != FORMAT_VERSION:
        raise CheckpointError(f"{path} has format_version {version}; valid: {FORMAT_VERSION}")
    if not isinstance(described.get("config"), (dict, str)):
        raise CheckpointError(f"{path} has no config of the network")
    described = with_present_names(described)
    content = {key: described[key] for key in CARRIED if key in described}
    return {**content, "config": _as_text(content["config"])}


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path} is broken or truncated: {reason}") from error


def _as_tree(text: str) -> Any:
    """The config as a readable tree; as YAML text if JSON would change a value."""
    tree = yaml.safe_load(text)
    try:
        return tree if json.loads(json.dumps(tree)) == tree else text
    except TypeError:  # a date, a set
        return text


def _as_text(config: Any) -> str:
    """YAML with the values that ``CfgNode.dump()`` wrote."""
    return config if isinstance(config, str) else yaml.safe_dump(config)


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)
