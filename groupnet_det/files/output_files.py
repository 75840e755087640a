"""Checks, before the work, of files that a tool is asked to write, and errors of writing them."""

import errno
import os
from pathlib import Path

from groupnet_det.errors import ConfigError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
PLOTS = (*IMAGE_SUFFIXES, ".pdf", ".svg")
DISK_REFUSES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)


def check_output(path: Path | None, flag: str, suffixes: tuple[str, ...] = ()) -> None:
    """See that a file can be written, and make its folder.

    Args:
        path: The file; None is none, and right.
        flag: What names it, for messages.
        suffixes: Suffixes that can be written; empty for any.

    Raises:
        ConfigError: It cannot, as far as can be known before.
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


def is_of_output(error: OSError, folder: str) -> bool:
    """Whether an error is of writing to the folder: it names a file there, or says that a disk is
    full or refuses."""
    if error.filename is None:
        return error.errno in DISK_REFUSES
    path = Path(os.path.abspath(os.fsdecode(error.filename)))
    return path.is_relative_to(os.path.abspath(folder))
