"""PASCAL VOC's folders of images and XML files."""

from pathlib import Path

from groupnet_det.data.datasets.voc_layout import read_annotation
from groupnet_det.errors import DataError

from .found_data import (
    TRAIN,
    DatasetEntry,
    FoundData,
    files_in,
    folders_below,
    images_in,
    several,
    split_word,
    with_validation,
)

ANNOTATIONS, IMAGES = "Annotations", "JPEGImages"


def find_voc(path: Path) -> FoundData | None:
    """``JPEGImages`` with ``Annotations``, in the folder or below it.

    Raises:
        DataError: There are several, XML files lie elsewhere, or one is broken.
    """
    if path.is_file():
        return None
    folders = list(folders_below(path))
    roots = [f for f in folders if (f / ANNOTATIONS).is_dir() and (f / IMAGES).is_dir()]
    if not roots:
        _refuse_loose_files(folders)
        return None
    if len(roots) > 1:
        raise several("the VOC folder", roots, "name one of them as --data")
    (root,) = roots
    files = files_in(root / ANNOTATIONS, [".xml"])
    if not files:
        return None
    classes = sorted({item.name for file in files for item in read_annotation(file).objects})
    if not classes:
        raise DataError(f"no XML file of {root / ANNOTATIONS} has an object to learn")
    lists = files_in(root / "ImageSets" / "Main", [".txt"]) if _has_lists(root) else []
    entries: dict[str, DatasetEntry] = {
        split: _entry(root, file.stem, classes)
        for file in lists
        if (split := split_word(file.stem)) == file.stem.lower()
    }
    if TRAIN not in entries:  # all images, to be split
        entries = {TRAIN: _entry(root, "", classes)}
    splits, notes = with_validation(entries)
    return FoundData(layout="VOC folder", tasks=("detect",), splits=splits, notes=notes)


def _entry(root: Path, split: str, classes: list[str]) -> DatasetEntry:
    return {"FORMAT": "voc", "ROOT": str(root), "SPLIT": split, "CLASSES": classes}


def _has_lists(root: Path) -> bool:
    return (root / "ImageSets" / "Main").is_dir()


def _refuse_loose_files(folders: list[Path]) -> None:
    for folder in folders:
        if files_in(folder, [".xml"]) and images_in(folder):
            raise DataError(
                f"{folder} has XML files beside images; put them into folders as VOC does: the "
                f"XML files into {ANNOTATIONS}, the images into {IMAGES}"
            )
