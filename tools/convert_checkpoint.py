#!/usr/bin/env python3
"""Convert foreign weights: the Group-Net authors' files, and torchvision's ResNets.

  python tools/convert_checkpoint.py resnet18_groupnet.pth.tar --output groupnet_r18.pth
  python tools/convert_checkpoint.py resnet18-f37072fd.pth --output float_r18.pth
  python tools/convert_checkpoint.py resnet18-f37072fd.pth --output start_r18_k4.pth --num-bases 4

The variant is recognised from the keys. Beside the output a YAML file is written with the config
keys of the network that the weights belong to. Files are read without running code that they hold.
"""

import argparse
import sys
from pathlib import Path

import torch
import yaml
from detectron2.config import CfgNode
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401 (makes our parts known to Detectron2)
from groupnet_det.checkpoint.authors import convert_authors, is_authors_layout
from groupnet_det.checkpoint.checkpointer import load_tensors
from groupnet_det.checkpoint.conversion import Conversion
from groupnet_det.checkpoint.torchvision_resnet import convert_torchvision, is_torchvision_layout
from groupnet_det.config import load_config
from groupnet_det.errors import CheckpointError, UserError

MODEL_OPTIONS = [
    *("MODEL.META_ARCHITECTURE", "ImageClassifier", "MODEL.DEVICE", "cpu"),
    *("MODEL.BACKBONE.NAME", "build_groupnet_resnet_backbone", "MODEL.BACKBONE.FREEZE_AT", "0"),
]


def convert(path: Path, *, num_bases: int, noise: float) -> Conversion:
    """Read a file, recognise it and convert it.

    Raises:
        CheckpointError: It is broken, unsafe, or neither of the known layouts.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist")
    loaded = load_tensors(str(path))
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} holds no state dict")
    try:
        if is_authors_layout(state):
            if num_bases:
                raise CheckpointError("--num-bases is for torchvision's weights only")
            return convert_authors(state)
        if is_torchvision_layout(state):
            return convert_torchvision(state, num_bases=num_bases, noise=noise)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    raise CheckpointError(
        f"{path} is neither a Group-Net checkpoint of the authors (layer1.0.conv1.0.weight) nor a "
        f"torchvision ResNet (layer1.0.conv1.weight); it starts with {list(state)[:3]}"
    )


def build_matching_model(conversion: Conversion) -> tuple[torch.nn.Module, CfgNode]:
    """A classifier with the options of the conversion."""
    pairs = [str(item) for pair in conversion.options.items() for item in pair]
    cfg = load_config("", [*MODEL_OPTIONS, *pairs])
    return build_model(cfg), cfg


def check_against_model(conversion: Conversion, path: Path) -> list[str]:
    """Shapes and keys against the network; returns the keys that the file leaves unset.

    Raises:
        CheckpointError: A shape differs, or a part of the backbone is absent.
    """
    model, _ = build_matching_model(conversion)
    wanted = model.state_dict()
    for key, value in conversion.state.items():
        if key not in wanted or value.shape != wanted[key].shape:
            found = tuple(wanted[key].shape) if key in wanted else "no such tensor"
            raise CheckpointError(
                f"{path} is not what its keys say: {key} has shape {tuple(value.shape)}, the "
                f"network has {found}"
            )
    missing = [key for key in wanted if key not in conversion.state]
    absent = [key for key in missing if key.startswith("backbone.") and "num_batches" not in key]
    if absent:
        raise CheckpointError(f"{path} lacks {len(absent)} tensors, such as that for {absent[0]}")
    return missing


def write_config(conversion: Conversion, path: Path) -> None:
    """The conversion's config keys as YAML."""
    tree: dict = {}
    for key, value in conversion.options.items():
        node = tree
        *parents, leaf = key.split(".")
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    path.write_text(yaml.safe_dump(tree))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--output", type=Path, required=True, help="file to write, .pth")
    parser.add_argument(
        "--num-bases",
        type=int,
        default=0,
        help="torchvision: K to start with; 0: float",
    )
    parser.add_argument(
        "--noise", type=float, default=0.1, help="torchvision: what tells the K copies apart"
    )
    arguments = parser.parse_args()
    try:
        path = arguments.checkpoint
        conversion = convert(path, num_bases=arguments.num_bases, noise=arguments.noise)
        missing = check_against_model(conversion, path)
    except UserError as error:
        sys.exit(f"error: {error}")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": conversion.state}, arguments.output)
    config = arguments.output.with_suffix(".yaml")
    write_config(conversion, config)
    print(f"recognised: {conversion.source}")
    for key, value in conversion.options.items():
        print(f"  {key}: {value}")
    print(f"converted: {len(conversion.state)} tensors")
    print(f"not in the file: {missing or 'nothing'}")
    print(f"in the file, but unused: {conversion.unused or 'nothing'}")
    print(f"written: {arguments.output} and {config}")


if __name__ == "__main__":
    main()
