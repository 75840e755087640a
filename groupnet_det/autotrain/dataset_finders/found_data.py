"""The data set that was found, and helpers of all finders."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torchvision.datasets.folder import IMG_EXTENSIONS

from groupnet_det.errors import DataError
from groupnet_det.images.folder_files import is_system_name

DatasetEntry = dict[str, Any]  # of ``DATASETS.CUSTOM``, without NAME

TRAIN, VAL, TEST = "train", "val", "test"
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VAL),
    **dict.fromkeys(("test", "testing"), TEST),
}
DEPTH = 3  # folders below the named one that are searched


@dataclass(frozen=True, kw_only=True)
class FoundData:
    """A data set in one layout.

    Attributes:
        layout: Its name, for people.
        tasks: What can be learned from it, the first one by default.
        splits: Entries of ``DATASETS.CUSTOM`` by `TRAIN` and, where the data have it, `VAL`.
        notes: What else was seen, a clause each.
    """

    layout: str
    tasks: tuple[str, ...]
    splits: Mapping[str, DatasetEntry]
    notes: tuple[str, ...] = field(default_factory=tuple)


def split_word(text: str) -> str | None:
    """The split that a name is of: ``instances_train2017`` of train; None where it names none, or
    two, as ``trainval`` does."""
    words = re.findall(r"[a-z]+", text.lower())
    found = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
    return found.pop() if len(found) == 1 else None


def split_of_path(path: Path, root: Path) -> str | None:
    """The split that the stem names, or a folder from `root` on, the innermost first."""
    inside = path.relative_to(root)
    for part in (inside.stem, *reversed(inside.parts[:-1])):
        if word := split_word(part):
            return word
    return None


def with_validation(
    found: Mapping[str, DatasetEntry],
) -> tuple[dict[str, DatasetEntry], tuple[str, ...]]:
    """Training and validation of what was found by split; a test split validates where there is no
    other.

    Returns:
        The splits, and notes.
    """
    kept = {split: found[split] for split in (TRAIN, VAL) if split in found}
    if TEST not in found:
        return kept, ()
    if VAL in kept:
        return kept, ("its test split is left alone",)
    return {**kept, VAL: found[TEST]}, ("its test split is the validation",)


def folders_below(root: Path, depth: int = DEPTH) -> Iterator[Path]:
    """`root` and its folders, sorted, without those of systems."""
    yield root
    if depth:
        inner = (p for p in root.iterdir() if p.is_dir() and not is_system_name(p.name))
        for folder in sorted(inner):
            yield from folders_below(folder, depth - 1)


def files_in(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    """Files directly in a folder, sorted."""
    wanted = tuple(suffixes)
    names = (path for path in folder.iterdir() if not is_system_name(path.name))
    return sorted(p for p in names if p.suffix.lower() in wanted and p.is_file())


def images_in(folder: Path) -> list[Path]:
    """Image files directly in a folder, sorted."""
    return files_in(folder, IMG_EXTENSIONS)


def several(what: str, paths: Iterable[Path], remedy: str) -> DataError:
    """The error where two would do."""
    named = ", ".join(map(str, sorted(paths)))
    return DataError(f"{what} may be any of {named}; {remedy}")
