"""COCO's json files, alone or in a folder with the images."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groupnet_det.data.text_files import read_json
from groupnet_det.errors import DataError
from groupnet_det.files.json_text import parse_json

from .found_data import (
    TRAIN,
    DatasetEntry,
    FoundData,
    files_in,
    folders_below,
    several,
    split_of_path,
    with_validation,
)

PREFERRED = "instances"  # beginning of COCO's own names; others are of keypoints or captions
NAME_ONE = "name one of them as --data"


def find_coco(path: Path) -> FoundData | None:
    """The instances files of a folder, or a file.

    Raises:
        DataError: Several files may be the same split, or the images are missing.
    """
    if path.is_file():
        if path.suffix.lower() != ".json":
            return None
        content = read_json(path, "annotation file", "name COCO's instances file")
        if not _has_instances(content):
            raise DataError(
                f"{path} is not a COCO file of instances; it needs images, annotations with "
                "bbox, and categories"
            )
        entry = _entry(path, content, path.parent)
        return _found({TRAIN: entry}, [content], ())
    files = {
        file: content
        for folder in folders_below(path)
        for file in files_in(folder, [".json"])
        if _has_instances(content := _content(file))
    }
    return _of_folder(path, files) if files else None


def _of_folder(root: Path, files: Mapping[Path, Any]) -> FoundData:
    by_split: dict[str | None, list[Path]] = defaultdict(list)
    for file in files:
        by_split[split_of_path(file, root)].append(file)
    if set(by_split) != {None}:
        by_split.pop(None, None)
    chosen = {split or TRAIN: _one(named) for split, named in by_split.items()}
    if TRAIN not in chosen:
        raise DataError(
            f"{root} has COCO files of {', '.join(chosen)} alone ({', '.join(map(str, files))}); "
            "name the one to train on as --data"
        )
    entries = {split: _entry(file, files[file], root) for split, file in chosen.items()}
    kept, notes = with_validation(entries)
    return _found(kept, [files[chosen[TRAIN]]], notes)


def _one(files: Sequence[Path]) -> Path:
    preferred = [file for file in files if file.name.startswith(PREFERRED)]
    candidates = preferred or list(files)
    if len(candidates) > 1:
        raise several("the COCO file of one split", candidates, NAME_ONE)
    return candidates[0]


def _found(
    splits: Mapping[str, DatasetEntry], contents: Sequence[Any], notes: tuple[str, ...]
) -> FoundData:
    annotations = [a for content in contents for a in content["annotations"]]
    has_masks = bool(annotations) and all(a.get("segmentation") for a in annotations)
    tasks = ("detect", "instance") if has_masks else ("detect",)
    hint = ("its masks are learned by --task instance",) if has_masks else ()
    return FoundData(layout="COCO json", tasks=tasks, splits=splits, notes=(*notes, *hint))


def _content(file: Path) -> Any:
    """Read a JSON file that may contain anything."""
    try:
        return parse_json(file.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None


def _has_instances(content: Any) -> bool:
    """Whether it may be a COCO file with boxes, or one with no annotation at all."""
    if not isinstance(content, dict):
        return False
    lists = [content.get(key) for key in ("images", "annotations", "categories")]
    if not all(isinstance(each, list) for each in lists) or not lists[0]:
        return False
    images, annotations = lists[0] or [], lists[1] or []
    named = (isinstance(images[index], dict) for index in (0, -1))
    return all(named) and all(isinstance(a, dict) and "bbox" in a for a in annotations[:10])


def _entry(file: Path, content: Mapping[str, Any], root: Path) -> DatasetEntry:
    """Make an entry whose image folder, near the file, contains the first and the last image."""
    names = [str(content["images"][index].get("file_name")) for index in (0, -1)]
    top, folders = root, [file.parent, *folders_below(root)]
    if root == file.parent:  # a file alone, as <set>/annotations/a.json with <set>/images
        top, folders = root.parent, [*folders, *folders_below(root.parent, depth=2)]
    holding = [folder for folder in folders if all((folder / name).is_file() for name in names)]
    if not holding:
        raise DataError(
            f"image {names[0]}, named by {file}, is in no folder of {root}; put the images there"
        )
    split = split_of_path(file, top)
    images = min(holding, key=lambda folder: _strangeness(folder, top, split))
    return {"FORMAT": "coco", "ANNOTATIONS": str(file), "IMAGES": str(images)}


def _strangeness(folder: Path, root: Path, split: str | None) -> tuple[bool, bool, int]:
    """What speaks against a folder with images of the right names, which each split may have:
    another split, then words such as in ``masks_train``."""
    own = split_of_path(folder, root)
    return own != split, own is not None, len(re.findall("[a-z]+", folder.name.lower()))
