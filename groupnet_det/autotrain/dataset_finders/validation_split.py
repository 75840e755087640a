"""A validation split of a data set that has none: by image, from a seed, and written down."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from groupnet_det.data.datasets.image_folder import load_image_folder
from groupnet_det.data.datasets.mask_folders import load_mask_folders
from groupnet_det.data.datasets.voc_layout import read_split
from groupnet_det.data.datasets.yolo_layout import images_of, read_yolo
from groupnet_det.data.text_files import read_json
from groupnet_det.errors import DataError

from .found_data import TRAIN, VAL, DatasetEntry

SHARE, SPLIT_SEED = 0.2, 1


class Splitter(NamedTuple):
    """
    Attributes:
        keys: Returns a key for each image of an entry.
        write: Writes a list of such keys into a folder, under the name of a split; returns the
            entry of it.
    """

    keys: Callable[[DatasetEntry], Sequence[Any]]
    write: Callable[[DatasetEntry, Sequence[Any], Path, str], DatasetEntry]


def split_off_validation(entry: DatasetEntry, folder: Path) -> dict[str, DatasetEntry]:
    """Entries of a training and a validation part; what they list is written to a folder.

    Of image folders each class is split for itself.

    Raises:
        DataError: There are too few images.
    """
    splitter = SPLITTERS[entry["FORMAT"]]
    keys = splitter.keys(entry)
    groups: dict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        groups[Path(key).parts[0] if entry["FORMAT"] == "image_folder" else ""].append(index)
    chosen = {index for group in groups.values() for index in choose(group)}
    parts = {
        TRAIN: [key for index, key in enumerate(keys) if index not in chosen],
        VAL: [key for index, key in enumerate(keys) if index in chosen],
    }
    if not all(parts.values()):
        raise DataError(
            f"{len(keys)} image(s) are too few to split off validation; add images, or bring a "
            "validation split"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return {split: splitter.write(entry, part, folder, split) for split, part in parts.items()}


def choose(indices: Sequence[int]) -> list[int]:
    """Choose the validation part: `SHARE` of the images, at least one if there are two."""
    number = max(1, round(SHARE * len(indices))) if len(indices) > 1 else 0
    shuffled = np.random.default_rng(SPLIT_SEED).permutation(len(indices))
    return [indices[position] for position in shuffled[:number]]


def _coco_ids(entry: DatasetEntry) -> list[Any]:
    return [image["id"] for image in _coco(entry)["images"]]


def _coco(entry: DatasetEntry) -> Mapping[str, Any]:
    path = Path(entry["ANNOTATIONS"])
    content: Mapping[str, Any] = read_json(path, "annotation file", "write it again")
    return content


def _write_coco(entry: DatasetEntry, keys: Sequence[Any], folder: Path, split: str) -> DatasetEntry:
    content, ids = _coco(entry), set(keys)
    part = {
        **content,
        "images": [image for image in content["images"] if image["id"] in ids],
        "annotations": [a for a in content["annotations"] if a["image_id"] in ids],
    }
    path = folder / f"{split}.json"
    path.write_text(json.dumps(part))
    return {**entry, "ANNOTATIONS": str(path)}


def _voc_ids(entry: DatasetEntry) -> list[str]:
    """Ids of the entry's split; without a split, of all XML files."""
    root = Path(entry["ROOT"])
    if entry["SPLIT"]:
        return read_split(root, entry["SPLIT"])
    return sorted(path.stem for path in (root / "Annotations").glob("*.xml"))


def _write_voc(entry: DatasetEntry, keys: Sequence[str], folder: Path, split: str) -> DatasetEntry:
    path = _write_list(keys, folder, split)
    return {**entry, "SPLIT": str(path.with_suffix(""))}


def _yolo_images(entry: DatasetEntry) -> list[str]:
    data = read_yolo(Path(entry["DATA"]))
    return [str(path.absolute()) for path in images_of(data, entry["SPLIT"])]


def _write_yolo(entry: DatasetEntry, keys: Sequence[str], folder: Path, split: str) -> DatasetEntry:
    """A list, and ``data.yaml`` that names it and the list of the other split."""
    data = read_yolo(Path(entry["DATA"]))
    _write_list(keys, folder, split)
    path = folder / "data.yaml"
    lists = {each: f"{each}.txt" for each in (TRAIN, VAL)}
    said = {"path": str(folder.absolute()), "names": list(data.class_names), **lists}
    path.write_text(yaml.safe_dump(said, sort_keys=False))
    return {**entry, "DATA": str(path), "SPLIT": split}


def _mask_stems(entry: DatasetEntry) -> list[str]:
    listed = Path(entry["LIST"]) if "LIST" in entry else None
    records = load_mask_folders(
        Path(entry["IMAGES"]),
        Path(entry["MASKS"]),
        list_file=listed,
        mask_suffix=entry.get("MASK_SUFFIX", ".png"),
        fix="check --data",
    )
    return [Path(record["file_name"]).name for record in records]


def _folder_images(entry: DatasetEntry) -> list[str]:
    root = Path(entry["ROOT"])
    _, records = load_image_folder(root, "check --data")
    return [str(Path(record["file_name"]).relative_to(root)) for record in records]


def _write_names(
    entry: DatasetEntry, keys: Sequence[str], folder: Path, split: str
) -> DatasetEntry:
    return {**entry, "LIST": str(_write_list(keys, folder, split))}


def _write_list(keys: Sequence[str], folder: Path, split: str) -> Path:
    path = folder.absolute() / f"{split}.txt"
    path.write_text("\n".join(keys) + "\n")
    return path


# Splitters by the format of an entry.
SPLITTERS: Mapping[str, Splitter] = {
    "coco": Splitter(_coco_ids, _write_coco),
    "voc": Splitter(_voc_ids, _write_voc),
    "yolo": Splitter(_yolo_images, _write_yolo),
    "masks": Splitter(_mask_stems, _write_names),
    "image_folder": Splitter(_folder_images, _write_names),
}
