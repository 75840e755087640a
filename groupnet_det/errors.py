"""Errors that the user can fix: each message names the file or key and the fix.

The tools print them as one line without a traceback.
"""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


class UserError(ValueError):
    """Base class of all errors that the user can fix."""

    def __init__(self, message: str = "") -> None:
        """
        Args:
            message: One line. If PyTorch has wrapped the error of a loader process in a traceback,
                only the error's own message is kept.
        """
        if message.startswith("Caught ") and (own := message.rpartition(f"\n{__name__}.")[2]):
            message = own.partition(": ")[2].strip()
        super().__init__(message)


class ConfigError(UserError):
    """A config key has an invalid value."""


class DataError(UserError):
    """A data set is missing, broken, or does not match the config."""


class CheckpointError(UserError):
    """A weights file is missing, broken, unsafe, or of another network."""


class PackedFileError(UserError):
    """A packed file is missing, broken, invalid, or of another version."""


class ExtensionError(UserError):
    """The compiled engine is missing, or does not support a request on this machine."""


class TrainingError(UserError):
    """Training cannot continue."""


def shortened(value: object, most: int = 80) -> str:
    """The representation of a value, cut to `most` characters, for messages."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."


def lookup(table: Mapping[str, T], name: str, what: str) -> T:
    """Return ``table[name]``.

    Raises:
        ConfigError: `name` is not in the table; the message starts with `what` and lists the valid
            names.
    """
    try:
        return table[name]
    except KeyError:
        raise ConfigError(
            f"{what} is {shortened(name)}; valid: {', '.join(map(repr, table))}"
        ) from None
