"""Conversion of a foreign weights file to one of ours, with the config of its network."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml
from detectron2.layers import ShapeSpec
from detectron2.modeling import build_backbone, build_model
from torch import Tensor

import groupnet_det.modeling.register  # noqa: F401 (makes our parts known to Detectron2)
from groupnet_det.checkpoint.checkpointer import load_tensors, write_tensors
from groupnet_det.config import load_config
from groupnet_det.errors import CheckpointError, UserError

from .conversion import Conversion
from .groupnet_authors import convert_authors, is_authors_layout
from .torchvision_resnet import convert_torchvision, is_torchvision_layout

BACKBONE_OPTIONS: dict[str, Any] = {
    "MODEL.BACKBONE.NAME": "build_groupnet_resnet_backbone",
    "MODEL.BACKBONE.FREEZE_AT": 0,
    # ImageNet statistics in RGB, with which all these networks were trained.
    "MODEL.PIXEL_MEAN": [123.675, 116.28, 103.53],
    "MODEL.PIXEL_STD": [58.395, 57.12, 57.375],
    "INPUT.FORMAT": "RGB",
}
CLASSIFIER_OPTIONS: dict[str, Any] = {
    "MODEL.META_ARCHITECTURE": "ImageClassifier",
    "MODEL.GROUPNET.OUT_FEATURES": ["res5"],
}
NUM_CLASSES = "MODEL.CLASSIFIER.NUM_CLASSES"
META_ARCHITECTURE = "MODEL.META_ARCHITECTURE"


def convert_file(
    path: Path, *, num_bases: int = 0, noise: float = 0.1, bpac: bool = False
) -> Conversion:
    """Read a file without running its code, recognise and convert it, and compare the result with
    the network that its keys describe.

    Args:
        path: A file of the authors or of torchvision.
        num_bases, noise: See `convert_torchvision`.
        bpac: See `convert_authors`.

    Raises:
        CheckpointError: It is broken, unsafe, of unknown layout, or does not match its keys.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist")
    loaded = load_tensors(str(path))
    state = loaded.get("state_dict", loaded.get("model", loaded))
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} contains a {type(state).__name__} instead of a state dict")
    try:
        return _complete(_convert(state, num_bases=num_bases, noise=noise, bpac=bpac))
    except UserError as error:
        raise CheckpointError(f"{path}: {error}") from error


def write_conversion(conversion: Conversion, output: Path) -> Path:
    """Write the weights to `output` and the config next to it; return the path of the config.

    Raises:
        CheckpointError: `output` does not end in ``.pth``.
    """
    check_converted_output(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_tensors({"model": conversion.state}, output)
    config = output.with_suffix(".yaml")
    options = {**_all_options(conversion), "MODEL.WEIGHTS": str(output.resolve())}
    config.write_text(yaml.safe_dump(_as_tree(options)))
    return config


def check_converted_output(output: Path) -> None:
    """
    Raises:
        CheckpointError: `output` does not end in ``.pth``.
    """
    if output.suffix != ".pth":
        raise CheckpointError(f"{output} must end in .pth")


def _all_options(conversion: Conversion) -> dict[str, Any]:
    """The config keys of a model for the weights: a classifier, a segmentation network, or only a
    backbone."""
    classifier = CLASSIFIER_OPTIONS if NUM_CLASSES in conversion.options else {}
    return {**BACKBONE_OPTIONS, **classifier, **conversion.options}


def _convert(state: dict[str, Any], *, num_bases: int, noise: float, bpac: bool) -> Conversion:
    if is_authors_layout(state):
        if num_bases:
            raise CheckpointError(
                "--num-bases is for torchvision's weights; this file has its own K"
            )
        return convert_authors(state, bpac=bpac)
    if is_torchvision_layout(state):
        if bpac:
            raise CheckpointError("--bpac is for the authors' segmentation networks")
        return convert_torchvision(state, num_bases=num_bases, noise=noise)
    raise CheckpointError(
        "neither a Group-Net of the authors (with a layer1.0.conv1.0.weight) nor a ResNet of "
        f"torchvision (with a layer1.0.conv1.weight); its first keys are {list(state)[:3]}"
    )


def _complete(conversion: Conversion) -> Conversion:
    """Compare keys and shapes with the network, and add keys that old versions of torch lack.

    Raises:
        CheckpointError: A shape differs, or a tensor is missing.
    """
    wanted = _network_state(conversion)
    for key, value in conversion.state.items():
        if key not in wanted or value.shape != wanted[key].shape:
            found = tuple(wanted[key].shape) if key in wanted else "no such tensor"
            raise CheckpointError(
                f"it does not match its keys: {key} has shape {tuple(value.shape)}, in the network "
                f"{found}"
            )
    missing = [key for key in wanted if key not in conversion.state]
    counters = [key for key in missing if key.endswith(".num_batches_tracked")]
    if len(missing) > len(counters):
        first = next(key for key in missing if key not in counters)
        raise CheckpointError(f"it lacks {len(missing)} tensors, such as the one for {first}")
    state = {**conversion.state, **{key: torch.tensor(0) for key in counters}}
    return replace(conversion, state=state, new=[*conversion.new, *counters])


def _network_state(conversion: Conversion) -> dict[str, Tensor]:
    options = _all_options(conversion)
    pairs = [str(item) for pair in options.items() for item in pair]
    cfg = load_config("", [*pairs, "MODEL.DEVICE", "meta"])  # only shapes are used
    with torch.device("meta"):
        if META_ARCHITECTURE in options:
            return build_model(cfg).state_dict()
        backbone = build_backbone(cfg, ShapeSpec(channels=3))
    return {f"backbone.{key}": value for key, value in backbone.state_dict().items()}


def _as_tree(options: dict[str, Any]) -> dict[str, Any]:
    """``{"A.B": 1}`` -> ``{"A": {"B": 1}}``."""
    tree: dict[str, Any] = {}
    for key, value in options.items():
        node = tree
        *parents, leaf = key.split(".")
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree
