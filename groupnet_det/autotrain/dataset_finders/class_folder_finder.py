"""One folder of images for each class."""

from pathlib import Path

from groupnet_det.errors import DataError
from groupnet_det.images.folder_files import is_system_name

from .found_data import (
    TRAIN,
    DatasetEntry,
    FoundData,
    folders_below,
    images_in,
    split_word,
    with_validation,
)

# Names of folders that are not classes.
NO_CLASS = {"images", "labels", "masks", "annotations", "jpegimages", "imagesets"}


def find_class_folders(path: Path) -> FoundData | None:
    """Class folders in the folder, or in its folders ``train`` and ``val``.

    Raises:
        DataError: There is one class alone.
    """
    if path.is_file():
        return None
    splits = {word: f for f in _folders(path) if (word := split_word(f.name)) and _classes(f)}
    if TRAIN in splits:
        kept, notes = with_validation({split: _entry(f) for split, f in splits.items()})
        root = splits[TRAIN]
    else:
        kept, notes, root = {TRAIN: _entry(path)}, (), path
    classes = _classes(root)
    if not classes:
        return None
    if len(classes) == 1:
        raise DataError(
            f"{root} has one class alone, {classes[0].name!r}: one class needs no classifier; add "
            "a folder of images of another, such as 'other'"
        )
    return FoundData(layout="a folder per class", tasks=("classify",), splits=kept, notes=notes)


def _entry(root: Path) -> DatasetEntry:
    return {"FORMAT": "image_folder", "ROOT": str(root)}


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not is_system_name(p.name))


def _classes(root: Path) -> list[Path]:
    """Folders, in whatever depth of which are images."""
    return [
        folder
        for folder in _folders(root)
        if folder.name.lower() not in NO_CLASS
        and not split_word(folder.name)
        and any(images_in(inner) for inner in folders_below(folder))
    ]
