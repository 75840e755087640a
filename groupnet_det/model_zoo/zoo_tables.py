"""Markdown tables of entries, with the costs of their networks and the measurements."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from groupnet_det.analysis.complexity import Complexity

from .entries import UNKNOWN, Entry
from .records import CostRow, LatencyRow
from .spec import TableSpec


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Costs and latencies of networks, by their text."""

    costs: Mapping[str, CostRow]
    latencies: Mapping[str, LatencyRow]


def format_table(entries: Sequence[Entry], spec: TableSpec, measured: Measured) -> str:
    """Format the table, with the sources of its rows below."""
    names = [title for title in _COSTS if title != _LATENCY or _timed(entries, measured)]
    if spec.kind == _OF_BASES:  # has its own columns of costs
        names = []
    titles = [_FIRST[spec.kind], *entries[0].columns, *names]
    lines = [titles, ["---"] * len(titles)]
    for entry in entries:
        cost = measured.costs.get(entry.network)
        latency = measured.latencies.get(entry.network)
        own = [_COSTS[title](cost, latency) for title in names]
        lines.append([entry.name, *entry.columns.values(), *own])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    below = [_sizes(entries, measured), _training(entries, spec), _latency(entries, measured)]
    sentences = " ".join(filter(None, below))
    return "\n\n".join(filter(None, [table, sentences, _commands(entries)]))


_OF_BASES = "bases"
_FIRST = {
    "comparison": "method",
    "trained": "network",
    "untrained": "config",
    _OF_BASES: "bases",
}
_LATENCY = "ms"


def _million(value: float) -> str:
    return f"{value / 1e6:,.2f}" if value < 1e9 else f"{value / 1e6:,.0f}"


def _file(cost: CostRow) -> str:
    return UNKNOWN if cost.file_bytes is None else f"{cost.file_bytes / 1e6:.3f}"


def _operations(cost: CostRow) -> float:
    return Complexity(
        binary_operations=cost.binary_operations,
        float_operations=cost.float_operations,
        num_bytes=cost.counted_bytes,
    ).operations


def _of_cost(show: Callable[[CostRow], str]) -> "ZooColumn":
    return lambda cost, latency: show(cost) if cost else UNKNOWN


ZooColumn = Callable[[CostRow | None, LatencyRow | None], str]
_COSTS: dict[str, ZooColumn] = {
    "params, M": _of_cost(lambda cost: _million(cost.parameters)),
    "binary": _of_cost(lambda cost: f"{cost.binary_percent:.1f} %"),
    "BOPs, M": _of_cost(lambda cost: _million(cost.binary_operations)),
    "operations, M": _of_cost(lambda cost: _million(_operations(cost))),
    "counted, MB": _of_cost(lambda cost: f"{cost.counted_bytes / 1e6:.3f}"),
    "file, MB": _of_cost(_file),
    _LATENCY: lambda cost, latency: f"{latency.least_ms:.3g}" if latency else UNKNOWN,
}


def _timed(entries: Iterable[Entry], measured: Measured) -> bool:
    return any(entry.network in measured.latencies for entry in entries)


def _sizes(entries: Iterable[Entry], measured: Measured) -> str:
    rows = [measured.costs[e.network] for e in entries if e.network in measured.costs]
    if not rows:
        return ""
    sizes = ", ".join(_unique(row.size.replace("x", " × ") for row in rows))
    return f"Costs of one image of {sizes} pixels, counted {_days(row.date for row in rows)}."


def _training(entries: Sequence[Entry], spec: TableSpec) -> str:
    dates = [date for entry in entries for date in entry.dates]
    if not dates:
        return ""
    torch = ", ".join(sorted({t.split("+")[0] for entry in entries for t in entry.torch}))
    cpu = "; ".join(_unique(entry.cpu for entry in entries))
    verb = "Measured" if spec.kind == _OF_BASES else "Trained"
    trained = f"{verb} {_days(dates)} on {cpu}, torch {torch}"
    if not spec.csv:
        return f"{trained}."
    source = f"rows: [{spec.csv}]({spec.csv})"
    return f"{trained}, with `{spec.config}` by\n`{spec.command}`;\n{source}."


def _latency(entries: Iterable[Entry], measured: Measured) -> str:
    rows = [measured.latencies[e.network] for e in entries if e.network in measured.latencies]
    if not rows:
        return ""
    devices = ", ".join(_unique(f"{row.device} ({row.isa}), {row.threads} threads" for row in rows))
    torch = ", ".join(_unique(row.torch.split("+")[0] for row in rows))
    return (
        f"Milliseconds from pixels to the prediction, the minimum of several rounds, on {devices}, "
        f"{_days(row.date for row in rows)}, with random weights: the packed engine; "
        f"full precision in PyTorch {torch}."
    )


def _commands(entries: Iterable[Entry]) -> str:
    """The commands of the rows, as a code block."""
    lines = [f"    {e.command}  # {e.name}" for e in entries if e.command]
    return "\n".join(lines)


def _days(dates: Iterable[str]) -> str:
    days = sorted(set(dates))
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
