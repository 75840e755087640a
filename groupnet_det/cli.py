"""``groupnet-det``: one program for all commands of `groupnet_det.commands`.

Only the command that is asked for is imported.
"""

import argparse
import difflib
import importlib
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from groupnet_det.commands.parser import CommandParser

from .errors import ConfigError, UserError, lookup
from .extras import import_extra
from .version import __version__

PROGRAM = "groupnet-det"
COMMANDS_PACKAGE = "groupnet_det.commands"


@dataclass(frozen=True, kw_only=True)
class Command:
    """The module of a command.

    Attributes:
        module: In ``groupnet_det.commands``; its ``main`` takes the arguments.
        does: What it does, for the list of commands.
    """

    module: str
    does: str

    def parser(self) -> CommandParser | None:
        """Its flags, for help, without importing what it needs; None where it is light itself."""
        folder, _, name = self.module.rpartition(".")
        if folder == COMMANDS_PACKAGE:
            return None
        flags = importlib.import_module(flags_module(folder))
        parser: CommandParser = getattr(flags, name)()
        return parser


def flags_module(folder: str) -> str:
    """The module with the parsers of the commands of a package: one function named like each."""
    return f"{folder}.{folder.rpartition('.')[2]}_flags"


def _command(module: str, does: str) -> Command:
    return Command(module=f"{COMMANDS_PACKAGE}.{module}", does=does)


COMMANDS: Mapping[str, Command] = {
    "train": _command("training.train_net", "train a network; the flags are Detectron2's"),
    "eval": _command("training.eval_net", "evaluate a trained network, or a packed file"),
    "score": _command("training.evaluate", "score saved predictions without a network"),
    "export": _command("deployment.export_packed", "pack a trained network into one small file"),
    "export-onnx": _command("deployment.export_onnx", "write a trained network as ONNX"),
    "fit": _command("deployment.fit", "choose K of each part of a network for a time budget"),
    "verify": _command(
        "deployment.verify_packed",
        "check that a packed file predicts as its network",
    ),
    "benchmark packed": _command(
        "benchmark.benchmark_packed",
        "time a packed file beside its own network",
    ),
    "benchmark runtime": _command(
        "benchmark.benchmark_runtime",
        "time the packed engine beside other engines",
    ),
    "benchmark train": _command(
        "benchmark.benchmark_train",
        "seconds and memory of a training step of configs",
    ),
    "benchmark classifier": _command(
        "benchmark.benchmark_classifier",
        "the same for ResNet-18, beside torchvision's",
    ),
    "analyze": _command("benchmark.analyze_model", "operations, bytes and latency of each layer"),
    "report": _command("training.report", "one HTML page about a training"),
    "push": _command("deployment.push", "put a folder of weights on the Hugging Face hub"),
    "demo": _command("visualization.demo", "draw what a network finds in images or videos"),
    "web": _command("visualization.app", "the same in a browser, on this machine"),
    "compare": _command("training.compare_methods", "train many methods under one schedule"),
    "convert": _command(
        "training.convert_checkpoint",
        "weights of others to ours; ours to a folder and back",
    ),
    "visualize": _command(
        "visualization.visualize_results",
        "a sheet of predictions, and training curves",
    ),
    "visualize-data": _command(
        "visualization.visualize_data",
        "draw a data set as it is, or as training sees it",
    ),
    "visualize-json": _command(
        "visualization.visualize_json_results",
        "draw saved predictions beside the ground truth",
    ),
    "prepare-photo-digits": _command(
        "datasets.prepare_photo_digits",
        "make the photo-digits data set",
    ),
    "prepare-mnist5k": _command("datasets.prepare_mnist5k", "make the MNIST-5k data set"),
    "prepare-sbd": _command("datasets.prepare_sbd", "turn SBD's files into masks for VOC"),
    "prepare-cityscapes": _command(
        "datasets.prepare_cityscapes",
        "make Cityscapes' masks of training ids",
    ),
    "install-detectron2": _command("install_detectron2", "install Detectron2, and try it"),
}
# First words of commands of two words, and what these do.
GROUPS = {"benchmark": "time packed files, the engine, and training"}
# Top-level module -> what to do where it is missing.
REMEDIES = {
    "detectron2": f"install it with: {PROGRAM} install-detectron2",
    "cv2": "install OpenCV: pip install 'groupnet-det[opencv]'",
}
COMPLETION, SHELLS = "completion", ("bash", "zsh", "tcsh")
USAGE = 2  # the exit code of a wrong command line, as argparse has it
# Beginnings of warnings of packages about packages, at which users can do nothing.
NOT_FOR_USERS = ("`torch.jit.script", "torch.meshgrid")
HELP, VERSION = ("-h", "--help"), "--version"


class UnknownCommandError(UserError):
    """There is no such command."""


def main(words: Sequence[str] | None = None) -> int:
    """Run ``groupnet-det``.

    Args:
        words: Words of the command line; by default those of this process.

    Returns:
        The exit code.
    """
    name, rest = _split_name(list(sys.argv[1:] if words is None else words) or ["--help"])
    if name in HELP or (name in GROUPS and not set(HELP).isdisjoint(rest)):
        print(_commands_overview(name if name in GROUPS else ""))
        return 0
    if name == VERSION:
        print(f"groupnet_det {__version__}")
        return 0
    try:
        if name == COMPLETION:
            return _print_completion(rest)
        command = _find_command(name)
        return run(name, command, rest)
    except UnknownCommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    except UserError as error:
        sys.exit(f"error: {error}")


def _split_name(words: Sequence[str]) -> tuple[str, list[str]]:
    """The command's name, of one word or of two, and the words after it."""
    length = 2 if " ".join(words[:2]) in COMMANDS else 1
    return " ".join(words[:length]), list(words[length:])


def _commands_overview(group: str = "") -> str:
    """The list of commands, or of those whose first word is `group`."""
    shown = {n: c for n, c in COMMANDS.items() if not group or n.split()[0] == group}
    width = max(map(len, shown)) + 2
    lines = [f"  {name:{width}}{command.does}" for name, command in shown.items()]
    return (
        f"usage: {PROGRAM} {f'{group} ' if group else ''}COMMAND ...\n\n"
        "Binary neural networks (Group-Net) for detection, segmentation and classification.\n\n"
        + "\n".join(lines)
        + f"\n\n{PROGRAM} COMMAND --help lists the flags of a command.\n"
        f"{PROGRAM} {COMPLETION} {{{','.join(SHELLS)}}} prints a script that completes them."
    )


def run(name: str, command: Command, words: Sequence[str]) -> int:
    """Run the command called `name`; its exit code.

    Raises:
        ConfigError: A module is missing that pip does not install with this project.
    """
    for start in NOT_FOR_USERS:
        warnings.filterwarnings("ignore", message=re.escape(start))
    sys.argv[0] = f"{_program_name()} {name}"  # what usage and help call the program
    parser = command.parser() if not set(HELP).isdisjoint(words) else None
    if parser:
        parser.print_help()
        return 0
    try:
        module = importlib.import_module(command.module)
        code: int = module.main(list(words))
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in REMEDIES:
            raise
        raise ConfigError(f"{missing} is not installed; {REMEDIES[missing]}") from error
    return code


def _program_name() -> str:
    """``groupnet-det``, or ``python -m groupnet_det`` where that was typed."""
    as_module = Path(sys.argv[0]).name == "__main__.py"
    return "python -m groupnet_det" if as_module else PROGRAM


def _print_completion(words: Sequence[str]) -> int:
    """Print the script that completes commands and flags in a shell; the exit code.

    Raises:
        MissingExtraError: ``shtab`` is not installed.
    """
    if len(words) != 1 or words[0] not in SHELLS:
        print(f"usage: {PROGRAM} {COMPLETION} {{{','.join(SHELLS)}}}", file=sys.stderr)
        return USAGE
    (shtab,) = import_extra("completion", ["shtab"])
    print(shtab.complete(_completion_parser(shtab.FILE), shell=words[0]))
    return 0


def _completion_parser(file: object) -> argparse.ArgumentParser:
    """All commands as one parser.

    Args:
        file: What shtab takes for a file; flags whose values are not listed complete to files.
    """
    sys.argv[0] = PROGRAM
    parser = argparse.ArgumentParser(prog=PROGRAM)
    commands = parser.add_subparsers()
    completion = commands.add_parser(COMPLETION, help="a script for a shell")
    completion.add_argument("shell", choices=SHELLS)
    second = {
        group: commands.add_parser(group, help=does).add_subparsers()
        for group, does in GROUPS.items()
    }
    for name, command in COMMANDS.items():
        *group, word = name.split()
        own = command.parser()
        for action in own.actions() if own else ():
            if action.nargs != 0 and not action.choices:
                vars(action)["complete"] = file
        into = second[group[0]] if group else commands
        into.add_parser(word, help=command.does, parents=[own] if own else [], add_help=not own)
    return parser


def _find_command(name: str) -> Command:
    """
    Raises:
        UnknownCommandError: There is none; the message names the nearest, or lists all.
    """
    if name in GROUPS:
        valid = ", ".join(n for n in COMMANDS if n.split()[0] == name)
        raise UnknownCommandError(f"{name!r} has several commands; name one: {valid}")
    near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    if name not in COMMANDS and near:
        raise UnknownCommandError(f"there is no command {name!r}; the nearest is {near[0]!r}")
    try:
        return lookup(COMMANDS, name, "the command")
    except ConfigError as error:
        raise UnknownCommandError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
