"""Errors whose cause is what the user gave: each message names the file or key and the fix.

The tools print them as one line instead of a traceback.
"""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


class UserError(ValueError):
    """Base of all errors that the user can fix."""

    def __init__(self, message: str = "") -> None:
        """
        Args:
            message: One line. Of what PyTorch makes of an error in a loader's process, a traceback
                in text, the error's own message is taken.
        """
        if message.startswith("Caught ") and (own := message.rpartition(f"\n{__name__}.")[2]):
            message = own.partition(": ")[2].strip()
        super().__init__(message)


class ConfigError(UserError):
    """A config key holds what cannot work."""


class DataError(UserError):
    """A data set is missing, broken, or does not fit the config."""


class CheckpointError(UserError):
    """A weights file is missing, broken, unsafe, or not what it should be."""


class PackedFileError(UserError):
    """A packed file is missing, broken, of another version, or not what it should be."""


class ExtensionError(UserError):
    """The compiled engine is missing, or cannot do what was asked for on this machine."""


class TrainingError(UserError):
    """Training cannot go on."""


def shortened(value: object, most: int = 80) -> str:
    """How a value is quoted that a file or a user may have made as long as they like."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."


def lookup(table: Mapping[str, T], name: str, what: str) -> T:
    """Return ``table[name]``.

    Raises:
        ConfigError: `name` is not in the table; the message says `what` it should have named and
            lists the valid names.
    """
    try:
        return table[name]
    except KeyError:
        raise ConfigError(
            f"{what} is {shortened(name)}; valid: {', '.join(map(repr, table))}"
        ) from None
