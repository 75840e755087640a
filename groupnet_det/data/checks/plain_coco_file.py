"""COCO files as Detectron2 and pycocotools can read them: their own, or plain copies."""

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
    """The file, or a copy of it that lasts as long as the context: with ``iscrowd`` and ``area`` of
    each annotation, and in UTF-8 without a mark.

    Args:
        path: The file.
        scored: Whether pycocotools will score against it; annotations may get other numbers then.

    Raises:
        DataError: As `open_coco_file`.
    """
    content, is_plain = open_coco_file(path)
    if scored:
        renumbered = renumber_annotations(content)
        is_plain = is_plain and not renumbered and "info" in content
        content.setdefault("info", {})  # pycocotools demands it when it loads results
    if is_plain:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "plain.json"
        copy.write_text(json.dumps(content))
        yield copy


def load_coco(annotations: Path, images: Path, name: str) -> list[dict[str, Any]]:
    """Records of a COCO file by Detectron2's loader, which notes the classes in the metadata of
    `name`; annotations keep their ids.

    Raises:
        DataError: As `open_coco_file`.
    """
    with plain_coco_file(annotations) as path:
        return load_coco_json(str(path), str(images), name, extra_annotation_keys=["id"])
