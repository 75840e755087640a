"""The folder of uploaded images: the files that a page may open and return."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groupnet_det.errors import DataError

MAX_UPLOAD = 25 << 20  # bytes of an image
# The same whatever the cause is: nobody learns from it which files there are.
REFUSAL = "this image is not among the uploaded ones, or no longer; upload it again"


@dataclass(frozen=True)
class Uploads:
    """A folder of plain files that were uploaded while the page is served.

    Attributes:
        folder: The folder; its own name may be a link.
    """

    folder: Path

    def checked(self, path: object) -> Path:
        """A path that somebody sent, if it names a plain file in the folder.

        Nothing outside the folder is opened, and no link is followed inside it.

        Raises:
            DataError: It names anything else.
        """
        if not isinstance(path, str) or "\0" in path:
            raise DataError(REFUSAL)
        root = os.path.realpath(self.folder)  # as Gradio names it
        whole = os.path.normpath(path)
        if whole != path or not whole.startswith(root + os.sep):
            raise DataError(REFUSAL)
        if not _is_plain(root, Path(whole).relative_to(root)):
            raise DataError(REFUSAL)
        return Path(whole)

    def check_all(self, value: Any) -> None:
        """See that every file that a value of JSON names is in the folder.

        Raises:
            DataError: One is not.
        """
        for path in _paths(value):
            self.checked(path)


def _is_plain(root: str, below: Path) -> bool:
    """Whether folders lead to a plain file, without a link on the way."""
    at = Path(root)
    try:
        for part in below.parts[:-1]:
            at /= part
            if not stat.S_ISDIR(os.lstat(at).st_mode):
                return False
        return stat.S_ISREG(os.lstat(at / below.name).st_mode)
    except (OSError, ValueError):
        return False


def _paths(value: Any) -> Iterator[object]:
    """The ``path`` of objects at any depth, as Gradio's descriptions of files have it."""
    waiting = [value]
    while waiting:
        at = waiting.pop()
        if isinstance(at, dict):
            if "path" in at:
                yield at["path"]
            waiting.extend(at.values())
        elif isinstance(at, list):
            waiting.extend(at)
