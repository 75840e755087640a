"""Command lines: flags in any order, config keys and values among them."""

import argparse
import inspect
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CONFIG_SUFFIXES = (".yaml", ".yml")
# A negative number that argparse would take for a flag, and what then stands before it.
NUMBER = re.compile(r"-\d*\.?\d*e[+-]?\d+|-\d+\.|-inf", re.IGNORECASE)
MARK = "\0"


def typed_program() -> str:
    """How the program was called, as far as its flags."""
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


class CommandParser(argparse.ArgumentParser):
    """The flags of a command, with its description as it stands in the source."""

    def __init__(self, description: str | None) -> None:
        """
        Args:
            description: A docstring; ``%(prog)s`` in it becomes what was typed.
        """
        program = typed_program()
        super().__init__(
            prog=program,
            description=inspect.cleandoc(description or "").replace("%(prog)s", program),
            formatter_class=_HelpFormatter,
        )
        self.takes_config = self.needs_config = False

    def add_config(self, *, required: bool = True, help_: str = "of the network") -> None:
        """``--config-file``, or a config as the first word, and config keys and values."""
        self.takes_config, self.needs_config = True, required
        self.add_argument("--config-file", default="", metavar="FILE", help=help_)
        self.add_argument(
            "opts",
            nargs="*",
            metavar="KEY VALUE",
            help="config keys and values, before or after flags; FILE may stand here first",
        )

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> argparse.Namespace:
        """As of argparse; where there are config keys, flags may follow them.

        Config keys without value, two config files, or none, end the program with a message.
        """
        words = list(map(_marked, sys.argv[1:] if args is None else args))
        parse = self.parse_intermixed_args if self.takes_config else super().parse_args
        arguments: argparse.Namespace = parse(words, namespace)
        if hasattr(arguments, "opts"):
            arguments.opts = [word.removeprefix(MARK) for word in arguments.opts]
        if self.takes_config:
            self._take_config_file(arguments)
        if len(getattr(arguments, "opts", ())) % 2:
            self.error(f"config keys and values come in pairs; {arguments.opts[-1]} has no value")
        return arguments

    def _take_config_file(self, arguments: argparse.Namespace) -> None:
        if arguments.opts and _is_config(arguments.opts[0]):
            first = arguments.opts.pop(0)
            if arguments.config_file:
                self.error(f"two config files: --config-file {arguments.config_file} and {first}")
            arguments.config_file = first
        if self.needs_config and not arguments.config_file:
            self.error("the config file is missing: --config-file FILE, or FILE as the first word")


def _is_config(word: str) -> bool:
    """Whether it is a YAML file or a config of the project (``quick/NAME``); keys have no slash."""
    return word.endswith(CONFIG_SUFFIXES) or "/" in word


def _marked(word: str) -> str:
    return MARK + word if NUMBER.fullmatch(word) else word
