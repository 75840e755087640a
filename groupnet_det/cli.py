"""``groupnet-det``: one command that leads to all tools.

It runs the same files as ``python tools/train_net.py`` and the others, as the main program, so
flags, help and processes are theirs.
"""

import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from groupnet_det import __version__
from groupnet_det.errors import ConfigError, UserError, lookup
from groupnet_det.project_files import project_root

PROGRAM = "groupnet-det"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A tool under a short name.

    Attributes:
        file: Its Python file, from the root of the project.
        does: What it does, for the list of commands.
        words: Arguments before those of the user.
    """

    file: str
    does: str
    words: tuple[str, ...] = ()


def _tool(name: str, does: str, *words: str) -> Command:
    return Command(file=f"tools/{name}.py", does=does, words=words)


def _preparation(name: str, does: str) -> Command:
    return Command(file=f"datasets/prepare_{name}.py", does=does)


COMMANDS: Mapping[str, Command] = {
    "train": _tool("train_net", "train a network; the flags are Detectron2's"),
    "eval": _tool("train_net", "evaluate a trained network, or a packed file", "--eval-only"),
    "score": _tool("evaluate", "score saved predictions without a network"),
    "export": _tool("export_packed", "pack a trained network into one small file"),
    "export-onnx": _tool("export_onnx", "write a trained network as ONNX"),
    "verify": _tool("verify_packed", "prove that a packed file answers as its network"),
    "benchmark": _tool("benchmark_runtime", "time the packed engine beside other engines"),
    "benchmark-packed": _tool("benchmark_packed", "time a packed file beside its own network"),
    "benchmark-training": _tool("benchmark_training", "seconds and memory of a training step"),
    "analyze": _tool("analyze_model", "operations, bytes and latency of each layer"),
    "report": _tool("report", "one HTML page about a training"),
    "demo": Command(file="demo/demo.py", does="draw what a network finds in pictures or videos"),
    "web": Command(file="demo/app.py", does="the same in a browser, on this machine"),
    "compare": _tool("compare_methods", "train many methods under one schedule"),
    "convert": _tool("convert_checkpoint", "weights of others to ours; ours to a folder and back"),
    "visualize": _tool("visualize_results", "a sheet of predictions, and training curves"),
    "visualize-data": _tool("visualize_data", "draw a data set as it is, or as training sees it"),
    "visualize-json": _tool("visualize_json_results", "draw saved predictions beside the truth"),
    "prepare-photo-digits": _preparation("photo_digits", "make the photo-digits data set"),
    "prepare-mnist5k": _preparation("mnist5k", "make the MNIST-5k data set"),
    "prepare-sbd": _preparation("sbd", "turn SBD's files into masks for VOC"),
    "prepare-cityscapes": _preparation("cityscapes", "make Cityscapes' masks of training ids"),
    "install-detectron2": _tool("install_detectron2", "install Detectron2, and try it"),
}
# Top-level module -> what to do where it is absent.
MENDS = {
    "detectron2": f"install it with: {PROGRAM} install-detectron2",
    "cv2": "install OpenCV: pip install 'groupnet-det[opencv]'",
}
HELP, VERSION = ("-h", "--help"), "--version"


def main(words: Sequence[str] | None = None) -> None:
    """Run ``groupnet-det``.

    Args:
        words: Of the command line; those of this process if absent.
    """
    name, *rest = list(sys.argv[1:] if words is None else words) or ["--help"]
    if name in HELP:
        print(overview())
        return
    if name == VERSION:
        print(f"groupnet_det {__version__}")
        return
    try:
        run(name, rest)
    except UserError as error:
        sys.exit(f"error: {error}")


def overview() -> str:
    """The list of commands."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:{width}}{command.does}" for name, command in COMMANDS.items()]
    return (
        f"usage: {PROGRAM} COMMAND ...\n\n"
        "Binary neural networks (Group-Net) for detection, segmentation and classification.\n\n"
        + "\n".join(lines)
        + f"\n\n{PROGRAM} COMMAND --help tells the flags of a command."
    )


def run(name: str, words: Sequence[str]) -> None:
    """Run the tool called `name` as the main program of this process.

    Raises:
        ConfigError: There is no such command, its file is not there, or a module is absent that
            pip does not install with this project.
    """
    command = lookup(COMMANDS, name, "the command")
    path = project_root() / command.file
    if not path.is_file():
        raise ConfigError(f"{path}, which is `{PROGRAM} {name}`, is absent; install again")
    # As Python does for `python tools/x.py`. Processes that it starts find it by this name.
    module = ModuleType("__main__")
    module.__file__ = str(path)
    sys.modules["__main__"] = module
    sys.argv = [f"{PROGRAM} {name}", *command.words, *words]
    with io.open_code(str(path)) as file:
        code = compile(file.read(), str(path), "exec")
    try:
        exec(code, vars(module))
    except ModuleNotFoundError as error:
        absent = (error.name or "").split(".")[0]
        if absent not in MENDS:
            raise
        raise ConfigError(f"{absent} is not installed; {MENDS[absent]}") from error


if __name__ == "__main__":
    main()
