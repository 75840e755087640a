"""Rows of layers as a table for people, by what they ask for."""

from collections.abc import Callable, Sequence
from typing import Any

from tabulate import tabulate

from .complexity import WORD_BITS
from .layer_costs import LayerCost, total

Column = Callable[[LayerCost], Any]


def operations(row: LayerCost) -> float:
    """``BOPs / 64 + MACs``."""
    return row.binary_operations / WORD_BITS + row.float_operations


def _bits(row: LayerCost) -> str:
    return f"{row.weight_bits}/{row.activation_bits}" if row.kind and row.parameters else ""


def _kilobytes(value: float | None) -> float | None:
    return None if value is None else value / 1e3


# What can be asked for -> its columns.
TASKS: dict[str, dict[str, Column]] = {
    "precision": {"bits w/a": _bits},
    "bops": {"MBOPs": lambda row: row.binary_operations / 1e6},
    "flop": {
        "float MMACs": lambda row: row.float_operations / 1e6,
        "BOPs/64 + MACs, M": lambda row: operations(row) / 1e6,
    },
    "parameter": {"parameters": lambda row: row.parameters},
    "activation": {"output": lambda row: row.output, "values": lambda row: row.values},
    "memory": {
        "float, kB": lambda row: _kilobytes(row.float_bytes),
        "simulated, kB": lambda row: _kilobytes(row.simulated_bytes),
        "packed, kB": lambda row: _kilobytes(row.packed_bits / 8),
    },
    "structure": {},
    "latency": {"packed, ms": lambda row: row.milliseconds},
}
FORMATS = {"packed, ms": ".3f", "parameters": ",", "values": ","}


def format_costs(rows: Sequence[LayerCost], tasks: Sequence[str]) -> str:
    """A line for each layer and one for their sum, with the columns of `tasks`."""
    columns = {name: column for task in tasks for name, column in TASKS[task].items()}
    head = {"layer": lambda row: row.name, "kind": lambda row: row.kind}
    lines = [
        [column(row) for column in {**head, **columns}.values()] for row in (*rows, total(rows))
    ]
    formats = ["", "", *(FORMATS.get(name, ",.2f") for name in columns)]
    return tabulate(
        [[*map(_shown, line, formats)] for line in lines],
        headers=[*head, *columns],
        tablefmt="simple",
        disable_numparse=True,
        colalign=("left", "left", *["right"] * len(columns)),
    )


def _shown(value: Any, format_: str) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else format(value, format_)


def cost_summary(rows: Sequence[LayerCost], weights: tuple[int, int]) -> str:
    """Summarize the sums of a table in three lines.

    Args:
        weights: Number of weights of one bit, and of all.
    """
    whole = total(rows)
    binary, number = weights
    ratio = (whole.float_bytes or 0) / max(1.0, whole.packed_bits / 8)
    return "\n".join(
        [
            f"binary weights: {binary:,} of {number:,} ({100 * binary / max(1, number):.1f} %)",
            f"operations: {whole.binary_operations:,} BOPs / 64 + {whole.float_operations:,} MACs"
            f" = {operations(whole):,.0f}",
            f"packed: {whole.packed_bits / 8e6:.3f} MB, full precision {ratio:.1f} times as many",
        ]
    )
