"""Data sets for semantic segmentation: a folder of images, one of masks, and a list of names."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torchvision.datasets.folder import IMG_EXTENSIONS

from groupnet_det.data.text_files import read_text
from groupnet_det.errors import DataError
from groupnet_det.images.folder_files import without_system_files


def load_mask_folders(
    images: Path,
    masks: Path,
    *,
    list_file: Path | None,
    mask_suffix: str,
    fix: str,
) -> list[dict[str, Any]]:
    """Pair images with masks by name. Masks are not opened here.

    Args:
        images, masks: The folders.
        list_file: Names of the images, with or without suffix, one a line; None for all images.
        mask_suffix: The mask of ``a.jpg`` is ``a<mask_suffix>``.
        fix: What to do where a folder or the list is missing, for the message.

    Returns:
        Records ``{"file_name", "sem_seg_file_name"}`` in the order of the list, or of names.

    Raises:
        DataError: A folder or the list is missing or empty, or the list names a missing image or
            one twice, or two images have the same name but for the suffix.
    """
    for folder in (images, masks):
        if not folder.is_dir():
            raise DataError(f"folder {folder} does not exist; {fix}")
    listed = without_system_files(images.iterdir(), images)
    found = sorted(path for path in listed if is_image(path))
    if not found:
        raise DataError(f"folder {images} holds no image; {fix}")
    chosen = found if list_file is None else _listed(list_file, images, found, fix)
    _check_stems(chosen, images if list_file is None else list_file)
    return [
        {"file_name": str(path), "sem_seg_file_name": str(masks / f"{path.stem}{mask_suffix}")}
        for path in chosen
    ]


def is_image(path: Path) -> bool:
    """Whether a file name ends as that of an image, in letters of any case."""
    return path.suffix.lower() in IMG_EXTENSIONS


def read_names(path: Path, fix: str) -> list[str]:
    """The lines of a file of names, of images or classes, that are not blank.

    Raises:
        DataError: The file is missing, empty or no text.
    """
    if not path.is_file():
        raise DataError(f"list {path} does not exist; {fix}")
    lines = read_text(path, "list").splitlines()
    names = [name for name in map(str.strip, lines) if name]
    if not names:
        raise DataError(f"list {path} is empty; it needs one name a line")
    return names


def _listed(list_file: Path, images: Path, found: Iterable[Path], fix: str) -> list[Path]:
    by_name = {name: path for path in found for name in (path.name, path.stem)}
    chosen = []
    for name in read_names(list_file, fix):
        if name not in by_name:
            raise DataError(
                f"list {list_file} names {name!r}, but {images} has no such image; add it or "
                "take the line out"
            )
        chosen.append(by_name[name])
    return chosen


def _check_stems(paths: Iterable[Path], source: Path) -> None:
    """Check that no two images have one name, because predictions are named after them."""
    seen: dict[str, Path] = {}
    for path in paths:
        if path.stem in seen:
            what = "twice" if seen[path.stem] == path else f"beside {seen[path.stem].name}"
            raise DataError(f"{source} has {path.name} {what}; take one out")
        seen[path.stem] = path
