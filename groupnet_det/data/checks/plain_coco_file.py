"""Provides COCO files that Detectron2 and pycocotools can read, as plain copies if necessary."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detectron2.data.datasets import load_coco_json

from .coco_json import open_coco_file
from .coco_values import renumber_annotations


@contextlib.contextmanager
def plain_coco_file(path: Path, *, scored: bool = False) -> Iterator[Path]:
    """Provide the file, or a plain copy that exists only within the context.

    A copy has ``iscrowd`` and ``area`` in each annotation, and is UTF-8 without a byte order mark.

    Args:
        path: The file.
        scored: Whether pycocotools will score against the file. Annotations may then be renumbered.

    Raises:
        DataError: See `open_coco_file`.
    """
    content, is_plain = open_coco_file(path)
    if scored:
        renumbered = renumber_annotations(content)
        is_plain = is_plain and not renumbered and "info" in content
        content.setdefault("info", {})  # pycocotools requires it when it loads results
    if is_plain:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "plain.json"
        copy.write_text(json.dumps(content))
        yield copy


def load_coco(annotations: Path, images: Path, name: str) -> list[dict[str, Any]]:
    """Load the records of a COCO file with Detectron2's loader; annotations keep their ids.

    The loader sets the classes in the metadata of `name`.

    Raises:
        DataError: See `open_coco_file`.
    """
    with plain_coco_file(annotations) as path:
        return load_coco_json(str(path), str(images), name, extra_annotation_keys=["id"])
