"""Fingerprints of data sets, which are equal on all machines for equal data sets."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from detectron2.data import DatasetCatalog

from groupnet_det.data.catalog import class_names_of

# Members of a record and of its annotations that count. Of paths, only the file name counts.
FILES = ("file_name", "sem_seg_file_name", "pan_seg_file_name")
RECORD_KEYS = ("height", "width", "label", "segments_info", "label_of_value")
ANNOTATION_KEYS = ("bbox", "category_id", "iscrowd", "segmentation")


def fingerprint(name: str) -> str:
    """Load a registered data set and return its fingerprint; see `fingerprint_records`."""
    records = DatasetCatalog.get(name)  # some loaders set the class names in the metadata
    return fingerprint_records(class_names_of(name) or [], records)


def fingerprint_records(class_names: Sequence[str], records: Iterable[Mapping[str, Any]]) -> str:
    """Return the SHA-256 (64 hexadecimal digits) of class names, names and sizes of images, labels
    and annotations.

    It does not depend on the order or the location of the images. The contents of image and mask
    files do not count, because reading them would take too long.
    """
    total = hashlib.sha256(json.dumps(list(class_names)).encode())
    for digest in sorted(map(_digest, records)):
        total.update(digest)
    return total.hexdigest()


def _digest(record: Mapping[str, Any]) -> bytes:
    described: dict[str, Any] = {key: Path(record[key]).name for key in FILES if key in record}
    described |= {key: record[key] for key in RECORD_KEYS if key in record}
    described["annotations"] = [
        {key: annotation[key] for key in ANNOTATION_KEYS if key in annotation}
        for annotation in record.get("annotations", [])
    ]
    return hashlib.sha256(json.dumps(described, sort_keys=True, default=_plain).encode()).digest()


def _plain(value: Any) -> Any:
    """Convert bytes of a run-length encoding and NumPy numbers to JSON types."""
    return value.decode("ascii") if isinstance(value, bytes) else value.tolist()
