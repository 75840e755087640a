"""Convert weights: foreign ones to ours, and ours to a folder for other people and back."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from groupnet_det.checkpoint.checkpointer import load_tensors, read_checkpoint, write_tensors
from groupnet_det.checkpoint.converters.conversion import Conversion
from groupnet_det.checkpoint.converters.foreign_weights import (
    check_converted_output,
    convert_file,
    write_conversion,
)
from groupnet_det.checkpoint.folder import is_folder, write_folder
from groupnet_det.config import load_config
from groupnet_det.engine.records.recorded_scores import of_all_classes, recorded_scores
from groupnet_det.errors import CheckpointError, UserError

from . import training_flags


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    path, output = arguments.checkpoint, arguments.output
    try:
        if output.exists() and path.exists() and output.samefile(path):
            raise CheckpointError(f"--output {output} is the file to convert; name another")
        if is_folder(path):
            _from_folder(path, output)
        elif arguments.config_file or _is_ours(path):
            _to_folder(path, output, arguments.config_file)
        else:
            _from_foreign(arguments)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    return 0


def _is_ours(path: Path) -> bool:
    """Whether it is a file that our training wrote."""
    return path.is_file() and "groupnet_det_version" in load_tensors(str(path))


def _to_folder(path: Path, output: Path, config_file: str) -> None:
    """A checkpoint of ours to a folder.

    Args:
        config_file: Config of its training if the checkpoint contains none; else empty.

    Raises:
        CheckpointError: `output` is not a new folder, or there is no config.
    """
    if output.suffix == ".pth":
        raise CheckpointError(f"{path} is a checkpoint of ours already; --output names a folder")
    checkpoint = read_checkpoint(path)
    if "config" not in checkpoint:
        if not config_file:
            raise CheckpointError(f"{path} carries no config; give its training's: --config-file")
        checkpoint["config"] = load_config(config_file).dump()
    scores = recorded_scores(path.parent, checkpoint.get("iteration", -1))
    if scores:
        checkpoint["metrics"] = of_all_classes(scores)
    left_out = write_folder(output, checkpoint)
    print(f"tensors: {len(checkpoint['model'])}; scores: {len(checkpoint.get('metrics', ()))}")
    print(f"left out, for a training to go on: {', '.join(left_out) or 'nothing'}")
    print(f"written: {output}")


def _from_folder(path: Path, output: Path) -> None:
    """A folder to one file.

    Raises:
        CheckpointError: The folder cannot be read, or `output` is not a ``.pth`` file.
    """
    check_converted_output(output)
    checkpoint = read_checkpoint(path)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(checkpoint, output)
    print(f"tensors: {len(checkpoint['model'])}\nwritten: {output}")


def _from_foreign(arguments: argparse.Namespace) -> None:
    """Weights of others to a file of ours, and the config of their network.

    Raises:
        CheckpointError: They are of no known kind, or `output` is not a ``.pth`` file.
    """
    conversion = convert_file(
        arguments.checkpoint,
        num_bases=arguments.num_bases,
        noise=arguments.noise,
        bpac=arguments.bpac,
    )
    config = write_conversion(conversion, arguments.output)
    _print_conversion(conversion)
    print(f"written: {arguments.output} and {config}")


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = training_flags.convert_checkpoint()
    return parser.parse_args(words)


def _print_conversion(conversion: Conversion) -> None:
    """Say what was recognised, and what found no place."""
    print(f"recognised: {conversion.source}")
    for key, value in conversion.options.items():
        print(f"  {key}: {value}")
    print(f"converted: {len(conversion.state) - len(conversion.new)} tensors")
    print(f"not in the file, new: {', '.join(conversion.new) or 'nothing'}")
    print(f"in the file, but unused: {', '.join(conversion.unused) or 'nothing'}")
    for note in conversion.notes:
        print(f"note: {note}")
