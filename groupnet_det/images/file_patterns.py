"""Files of images and videos, by their names, folders and patterns."""

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from .decoding import FORMATS
from .folder_files import without_system_files

# Suffixes of files that are read as videos.
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm")


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a file's name is that of a video."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def names_several(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder or, where there is no such file, a pattern."""
    return os.path.isdir(path) or (not os.path.exists(path) and glob.has_magic(os.fspath(path)))


def find_images(patterns: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Files by name, folders of images, and patterns such as ``photos/*.jpg``.

    Returns:
        The files, each once; and a line for each pattern that nothing matches.
    """
    found: dict[Path, None] = {}
    problems = []
    for pattern in patterns:
        path = Path(pattern).expanduser()
        if path.is_dir():
            listed = without_system_files(path.iterdir(), path)
            matches = sorted(p for p in listed if p.suffix.lower() in _readable_suffixes())
            problem = f"folder {path} holds no image"
        elif path.is_file():
            matches, problem = [path], ""
        else:
            names = glob.glob(os.path.expanduser(pattern), recursive=True)
            matches = sorted(p for p in map(Path, names) if p.is_file())
            is_pattern = glob.has_magic(pattern)
            problem = f"no file matches {pattern}" if is_pattern else f"{path} does not exist"
        if not matches:
            problems.append(problem)
        found.update(dict.fromkeys(matches))
    return list(found), problems


def _readable_suffixes() -> set[str]:
    """Suffixes of the image files that are read, in lower case."""
    return {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS}
