"""Summary of a packed file: precision, what is not packed, sizes."""

from typing import Any

from tabulate import tabulate

from groupnet_det.packed.packed_file import PackedFile

from .file_sizes import binary_weights

SHOWN_NAMES = 4


def describe_file(packed: PackedFile, num_bytes: int) -> str:
    """All of it, as lines.

    Args:
        packed: With the ``sizes`` that the tool puts into ``info``.
        num_bytes: Size of the file in bytes.
    """
    return "\n\n".join([_unpacked(packed.info), _sizes(packed, num_bytes)])


def _unpacked(info: dict[str, Any]) -> str:
    by_reason: dict[str, list[str]] = {}
    for entry in info["unpacked"]:
        by_reason.setdefault(entry["reason"], []).append(entry["name"])
    rows = [(len(names), _some(names), reason) for reason, names in by_reason.items()]
    table = tabulate(rows, headers=["layers", "which", "reason"])
    return f"not computed with single bits:\n{table}"


def _some(names: list[str]) -> str:
    more = ", ..." if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more


def _sizes(packed: PackedFile, num_bytes: int) -> str:
    sizes = packed.info["sizes"]
    rows = [("packed file", num_bytes, 1.0)]
    for name, key in (
        ("its float32 baseline (one branch)", "float32_twin"),
        ("the trained network in float32", "float32_simulation"),
    ):
        rows.append((name, sizes[key], sizes[key] / num_bytes))
    table = tabulate(rows, headers=["", "bytes", "x"], floatfmt=".2f", intfmt=",")
    weights = binary_weights(packed)
    if not weights.number:
        return f"{table}\nno weights of one bit"
    each = f"{weights.bits_each:.3f} bits each"
    return f"{table}\nbinary weights: {weights.number:,} in {weights.num_bytes:,} bytes, {each}"
