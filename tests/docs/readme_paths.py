"""Paths that a page tells to type, and whether they are there when they are typed."""

import re
import shlex
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from groupnet_det.commands.development.photo_digits_demo import OUTPUTS, demo_output
from groupnet_det.engine.records.output_names import CHECKPOINT, CONFIG, METRICS
from groupnet_det.files.paths import config_names

READERS_OWN = {"photo.jpg"}  # pictures that readers have
READ = {"--config-file", "--weights", "--input", "--packed", "MODEL.WEIGHTS"}
PROGRAMS = {"groupnet-det", "python"}


def commands(text: str) -> Iterator[list[str]]:
    """The indented and fenced commands of a page, word by word."""
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split("#")[0].strip()
        if words.split(" ")[0] in {*PROGRAMS, "make"}:
            yield shlex.split(words)


def missing_paths(text: str, root: Path) -> list[str]:
    """What commands read, or the text names below ``output``, although neither the tree has it nor
    a command before wrote it."""
    written, missing = set(READERS_OWN), []
    for words in commands(text):
        missing += [path for path in _read(words) if not _is_there(path, root, written)]
        written |= set(_written(words))
    named = re.findall(r"\boutput/[\w./-]*\w", text)
    return missing + [path for path in named if not _is_there(path, root, written)]


def _is_there(path: str, root: Path, written: Iterable[str]) -> bool:
    return path in written or path in config_names() or (root / path).exists()


def _read(words: list[str]) -> Iterator[str]:
    yield from (value for key, value in pairwise(words) if key in READ)
    if words[0] == "python" and words[1].endswith(".py"):
        yield words[1]
    if words[:2] in (["groupnet-det", "train"], ["groupnet-det", "export"]) and words[2][0] != "-":
        yield words[2]


def _written(words: list[str]) -> Iterator[str]:
    values = dict(pairwise(words))
    if words[:2] == ["make", "demo"]:
        folder = demo_output("detection", "full")
        yield from (f"{folder}/{name}".rstrip("/") for name in ("", *OUTPUTS))
    if words[:2] == ["groupnet-det", "export"]:
        yield words[3]
    if "--output" in values:
        yield values["--output"]
    if "OUTPUT_DIR" in values:
        yield values["OUTPUT_DIR"]
        yield from (f"{values['OUTPUT_DIR']}/{name}" for name in (CONFIG, METRICS, CHECKPOINT))
