"""Files of a folder without those that systems and tools leave there."""

import functools
import logging
from collections.abc import Iterable
from pathlib import Path

logger = logging.getLogger(__name__)

# In lower case; of others, names that begin with a dot: .DS_Store, ._a.png, .ipynb_checkpoints.
SYSTEM_NAMES = {
    "__macosx",
    "thumbs.db",
    "desktop.ini",
    "ehthumbs.db",
    "@eadir",  # of Synology
    "#recycle",
    "@recycle",  # of QNAP
    "__pycache__",
    "$recycle.bin",
    "system volume information",
    "lost+found",
}
MAX_NAMED = 5


def is_system_name(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or made by a system."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def is_system_file(path: Path, root: Path) -> bool:
    """Whether a path below `root`, or a folder between the two, has such a name."""
    return any(map(is_system_name, path.relative_to(root).parts))


def without_system_files(paths: Iterable[Path], root: Path) -> list[Path]:
    """The paths below `root` that are not system files, in their order; a warning names others,
    once."""
    kept: list[Path] = []
    skipped: list[Path] = []
    for path in paths:
        (skipped if is_system_file(path, root) else kept).append(path)
    if skipped:
        tell_skipped(root, tuple(sorted(str(path.relative_to(root)) for path in skipped)))
    return kept


@functools.cache  # a data set is listed several times
def tell_skipped(root: Path, names: tuple[str, ...]) -> None:
    """Warn of what was left out, once a process."""
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    logger.warning(
        f"{root}: hidden and system files are skipped: {', '.join(names[:MAX_NAMED])}{more}"
    )
