"""The ``info`` of a packed file and its types, checked when the file is opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from groupnet_det.errors import PackedFileError, shortened

from .limits import in_range
from .program_json import read_value

MAX_BYTES_OF_WEIGHTS = 1 << 50


@dataclass(frozen=True, kw_only=True)
class UnpackedLayer:
    """A layer that stays float."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """Place of a map: the sinks of a step."""

    step: int
    at: str
    index: int
    sum: bool = False


@dataclass(frozen=True, kw_only=True)
class BlockInfo:
    """Places of the maps of a block."""

    first_step: int
    last_step: int
    inputs: tuple[Place, ...]
    units: dict[str, Place]
    merged: Place | None = None


@dataclass(frozen=True, kw_only=True)
class ByteRange:
    """The range that the bytes of a layer's input stand for, ``x = (byte - zero) / scale``.

    Attributes:
        scale: Above 0, a number of float32.
        zero: 0 to 255.
    """

    scale: float
    zero: int


# Members that are read; there may be others, and each may be missing or null. What is within
# ``preprocessing`` and ``postprocessing`` is read by the task.
MEMBERS: dict[str, Any] = {
    "task": str,
    "class_names": tuple[str, ...],
    "stuff_class_names": tuple[str, ...],
    "preprocessing": dict,
    "postprocessing": dict,
    "source": dict[str, str],
    "architecture": dict,
    "network_keys": dict,
    "predictors": str,
    "int8_convs": dict[str, ByteRange],
    "unpacked": tuple[UnpackedLayer, ...],
    "blocks": dict[str, BlockInfo],
    "sizes": dict[str, int],
    "versions": dict[str, str],
}


# The members that differ with fewer bases, by their number; but not those that decide over images
# and results.
FEWER_BASES = "fewer_bases"
COMMON = {
    *("task", "class_names", "stuff_class_names", "preprocessing", "postprocessing"),
    FEWER_BASES,
}

# Members of ``postprocessing`` that detectors of all kinds may have; theirs alone are not null.
OF_POSTPROCESSING: dict[str, Any] = {
    "class_agnostic_nms": bool,
    "class_score_thresholds": dict[str, float],
}


def check_info(info: Mapping[str, Any]) -> None:
    """See that all members are of their types.

    Raises:
        PackedFileError: One is not; the message names it.
    """
    _check_members(info, "info")
    if info.get(FEWER_BASES) is not None:
        others = read_value(dict[str, dict], info[FEWER_BASES], f"info.{FEWER_BASES}")
        for number, members in others.items():
            where = f"info.{FEWER_BASES}.{shortened(number)}"
            if wrong := sorted(COMMON & members.keys()):
                raise PackedFileError(f"{where} has {wrong}, which are common to all bases")
            _check_members(members, where)


def _check_members(info: Mapping[str, Any], where: str) -> None:
    for name, kind in MEMBERS.items():
        if info.get(name) is not None:
            read_value(kind, info[name], f"{where}.{name}")
    for name in ("preprocessing", "postprocessing"):
        if "kind" in (info.get(name) or {}):
            read_value(str, info[name]["kind"], f"{where}.{name}.kind")
    postprocessing = info.get("postprocessing") or {}
    for name, kind in OF_POSTPROCESSING.items():
        if name in postprocessing:
            read_value(kind, postprocessing[name], f"{where}.postprocessing.{name}")
    for name, score in postprocessing.get("class_score_thresholds", {}).items():
        in_range(score, 0, 1, f"{where}.postprocessing.class_score_thresholds.{shortened(name)}")
    for name, number in (info.get("sizes") or {}).items():
        in_range(number, 0, MAX_BYTES_OF_WEIGHTS, f"{where}.sizes.{name}")
