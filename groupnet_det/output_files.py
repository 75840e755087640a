"""Files that a tool is asked to write, looked at before the work."""

import os
from pathlib import Path

from .errors import ConfigError

PICTURES = (".png", ".jpg", ".jpeg")
PLOTS = (*PICTURES, ".pdf", ".svg")


def check_output(path: Path | None, flag: str, suffixes: tuple[str, ...] = ()) -> None:
    """See that a file can be written, and make its folder.

    Args:
        path: The file; None is none, and right.
        flag: What names it, for messages.
        suffixes: Those that can be written; any where there are none.

    Raises:
        ConfigError: It cannot, as far as one can tell.
    """
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise ConfigError(f"{flag} {path} has an unknown suffix; valid: {', '.join(suffixes)}")
    if path.is_dir():
        raise ConfigError(f"{flag} {path} is a folder; name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{flag} {path}: its folder cannot be made: {error}") from error
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigError(f"{flag} {path} cannot be written; fix its rights, or name another")
