"""Command lines: flags in any order, config keys and values among them."""

import argparse
import inspect
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from groupnet_det.errors import ConfigError, UserError, shortened
from groupnet_det.packed.score_thresholds import ScoreThreshold

WEIGHTS = "MODEL.WEIGHTS"
CONFIG, CHECKPOINT, PACKED_KIND, ONNX = "config", "checkpoint", "packed file", "ONNX file"
# Which file a word before the config keys is, by its suffix.
KINDS = {
    **dict.fromkeys((".yaml", ".yml"), CONFIG),
    **dict.fromkeys((".pth", ".pt", ".pkl", ".tar"), CHECKPOINT),
    ".gnp": PACKED_KIND,
    ".onnx": ONNX,
}
# A negative number that argparse would take for a flag, and what then stands before it.
NUMBER = re.compile(r"-\d*\.?\d*e[+-]?\d+|-\d+\.|-inf", re.IGNORECASE)
MARK = "\0"


def _typed_program() -> str:
    """The words with which the program was called, up to its flags."""
    first = Path(sys.argv[0])
    return f"python {sys.argv[0]}" if first.suffix == ".py" else sys.argv[0]


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Descriptions as they are written, and the default of each flag that has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        default = action.default
        hidden = default is argparse.SUPPRESS or not action.option_strings
        if hidden or not (default or type(default) in (int, float)) or default is True:
            return text
        if "default:" in text:
            return text
        many = isinstance(default, list | tuple)
        shown = " ".join(map(str, default)) if many else str(default)
        return f"{text} (default: {shown.replace('%', '%%')})".lstrip()


def parse_score_threshold(words: Sequence[str]) -> ScoreThreshold:
    """The threshold that a command line gives: a number, or ``CLASS=NUMBER`` for single classes.

    Their range is checked where they are used, by `check_score_threshold`.

    Raises:
        ConfigError: A word is neither, a class is named twice, or a number stands beside others.
    """
    if len(words) == 1 and (number := _number_of(words[0])) is not None:
        return number
    thresholds: dict[str, float] = {}
    for word in words:
        name, sign, score = word.rpartition("=")
        number = _number_of(score)
        if not (name and sign) or number is None:
            raise ConfigError(
                f"{shortened(word)} is not a score threshold; valid: one number, such as 0.4, or "
                "CLASS=NUMBER for single classes; files and config keys stand before this flag"
            )
        if name in thresholds:
            raise ConfigError(f"there are two score thresholds of the class {shortened(name)}")
        thresholds[name] = number
    return thresholds


def _number_of(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


class _ScoreThresholdAction(argparse.Action):
    """Stores the threshold that `parse_score_threshold` reads from the words of a flag."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        words = [word.removeprefix(MARK) for word in values]
        try:
            setattr(namespace, self.dest, parse_score_threshold(words))
        except UserError as error:
            raise argparse.ArgumentError(self, str(error)) from error


class CommandParser(argparse.ArgumentParser):
    """The flags of a command, with its description as it stands in the source."""

    def __init__(self, description: str | None) -> None:
        """
        Args:
            description: A docstring; ``%(prog)s`` in it becomes what was typed.
        """
        program = _typed_program()
        super().__init__(
            prog=program,
            description=inspect.cleandoc(description or "").replace("%(prog)s", program),
            formatter_class=_HelpFormatter,
        )
        self.needs_config = False
        # Kind of a file that may stand before the config keys -> the flag or key that names it too.
        self.files: dict[str, str] = {}

    def actions(self) -> list[argparse.Action]:
        """All flags and words."""
        return list(self._actions)

    def add_config(self, *, required: bool = True, help_: str = "of the network") -> None:
        """``--config-file``, or a config as the first word, and config keys and values."""
        self.needs_config = required
        self.files[CONFIG] = "--config-file"
        self.add_argument("--config-file", default="", metavar="FILE", help=help_)
        self.add_argument(
            "opts",
            nargs="*",
            metavar="KEY VALUE",
            help="config keys and values, before or after flags; FILE may stand here first",
        )

    def add_network(self) -> None:
        """Add the words of `add_config`, and a checkpoint before the keys: the value of
        ``MODEL.WEIGHTS``, whose config is taken if no other is named."""
        self.add_config(help_="of the training; without it the one that the checkpoint carries")
        self.files[CHECKPOINT] = WEIGHTS

    def add_file(self, kind: str, *flags: str, help_: str) -> None:
        """A file that must be named, by a flag or before the config keys.

        Args:
            kind: A value of `KINDS`.
            flags: Its names.
            help_: Help of the flag.
        """
        self.files[kind] = flags[0]
        self.add_argument(*flags, default="", metavar="FILE", help=help_)

    def add_score_threshold(self, *flags: str, help_: str) -> None:
        """``--score-threshold`` for all classes or for single ones: a `ScoreThreshold`, or None.

        Args:
            flags: Its other names.
            help_: Help of the flag.
        """
        self.add_argument(
            "--score-threshold",
            *flags,
            nargs="+",
            action=_ScoreThresholdAction,
            metavar="SCORE | CLASS=SCORE",
            help=help_,
        )

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> argparse.Namespace:
        """Parse as argparse does; flags may also follow config keys.

        Config keys without value, and files that are missing or named twice, end the program with
        a message.
        """
        words = list(map(_marked, sys.argv[1:] if args is None else args))
        parse = self.parse_intermixed_args if self.files else super().parse_args
        arguments: argparse.Namespace = parse(words, namespace)
        if hasattr(arguments, "opts"):
            arguments.opts = [word.removeprefix(MARK) for word in arguments.opts]
        before = self._take_files(arguments) if self.files else {}
        if len(getattr(arguments, "opts", ())) % 2:
            self.error(f"config keys and values come in pairs; {arguments.opts[-1]} has no value")
        if self.files:
            self._put_files(arguments, before)
        return arguments

    def _take_files(self, arguments: argparse.Namespace) -> dict[str, str]:
        """Remove the files that stand before the config keys; by kind."""
        found: dict[str, str] = {}
        while arguments.opts and (kind := _kind_of(arguments.opts[0])):
            word = arguments.opts.pop(0)
            if kind not in self.files:
                taken = " and a ".join(self.files)
                self.error(f"{word}: this command takes no {kind}, but a {taken}")
            if kind in found:
                self.error(f"two {kind}s: {found[kind]} and {word}")
            found[kind] = word
        return found

    def _put_files(self, arguments: argparse.Namespace, before: dict[str, str]) -> None:
        """Put them where flags and keys would have, and see that what is needed is there."""
        keys = dict(zip(arguments.opts[::2], arguments.opts[1::2], strict=True))
        for kind, name in self.files.items():
            attribute = name.lstrip("-").replace("-", "_")
            named = keys.get(WEIGHTS, "") if name == WEIGHTS else getattr(arguments, attribute)
            if named and kind in before:
                self.error(f"two {kind}s: {name} {named} and {before[kind]}")
            value = named or before.get(kind, "")
            if name != WEIGHTS:
                setattr(arguments, attribute, value)
            elif value and not named:
                arguments.opts += [WEIGHTS, value]
        trained = CHECKPOINT in self.files and WEIGHTS in arguments.opts[::2]
        if self.needs_config and not (arguments.config_file or trained):
            or_checkpoint = "a checkpoint, or " if CHECKPOINT in self.files else ""
            self.error(
                f"the config file is missing: {or_checkpoint}--config-file FILE, or FILE as the "
                "first word"
            )
        for kind in (PACKED_KIND, ONNX):
            name = self.files.get(kind, WEIGHTS)
            if name != WEIGHTS and not getattr(arguments, name.lstrip("-")):
                (suffix,) = (suffix for suffix, of in KINDS.items() if of == kind)
                self.error(f"the {kind} is missing: {name} FILE, or FILE{suffix}")


def _kind_of(word: str) -> str:
    """The kind of file that a word names, if any: keys have no slash, and upper-case endings."""
    suffix = Path(word).suffix
    if suffix in KINDS:
        return KINDS[suffix]
    if "://" in word or os.path.isdir(word):
        return CHECKPOINT  # a folder of weights
    return CONFIG if "/" in word else ""  # one of the project, such as quick/NAME


def _marked(word: str) -> str:
    return MARK + word if NUMBER.fullmatch(word) else word
