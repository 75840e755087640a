"""The rows of each kind of table, from the files in ``results``."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import yaml

from groupnet_det.comparison.rows import ComparisonRow, read_comparison
from groupnet_det.errors import DataError
from groupnet_det.files.csv_records import read_records

from .records import TrainedRow
from .spec import TableSpec, method_network

TRAINED = "results/model_zoo/trained.csv"
UNKNOWN = "–"
NOT_TRAINED = "not trained by us"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A row of a table.

    Attributes:
        name: What is shown first.
        network: See `records`.
        columns: Scores and the like, by title.
        size: See `TableSpec`.
        dates, torch: Dates of its trainings, and their version of torch.
        command: The command that trained it, if it has one of its own.
        cpu: The CPU that trained it.
    """

    name: str
    network: str
    columns: Mapping[str, str]
    size: str = ""
    dates: Sequence[str] = ()
    torch: Sequence[str] = ()
    command: str = ""
    cpu: str = ""


def entries_of(name: str, spec: TableSpec, root: Path) -> list[Entry]:
    """The rows of a table called `name`; none where nothing was measured yet."""
    return KINDS[spec.kind](name, spec, root)


def compared(name: str, spec: TableSpec, root: Path) -> list[Entry]:
    """A row for each method of a comparison that has results.

    Raises:
        DataError: A method has results at several learning rates.
    """
    methods = yaml.safe_load((root / spec.methods).read_text())
    rows = [row for row in read_comparison(root / spec.csv) if row.purpose == "result"]
    if spec.learning_rates:
        rows = [row for row in rows if row.learning_rate in spec.learning_rates]
    entries = []
    for method in dict.fromkeys([*spec.first, *methods]):
        own = [row for row in rows if row.method == method]
        if len({(row.learning_rate, row.iterations) for row in own}) > 1:
            raise DataError(
                f"{spec.csv} has results of {method!r} at several learning rates or lengths; name "
                f"learning_rates of table {name!r}, or remove rows"
            )
        if own:
            network = method_network(spec.config, methods[method])
            entries.append(_compared(spec.names.get(method, method), network, own, spec))
    return entries


def _compared(name: str, network: str, rows: Sequence[ComparisonRow], spec: TableSpec) -> Entry:
    scores = {
        title: [_value(row, metric) for row in rows] for title, metric in spec.metrics.items()
    }
    return Entry(
        name=name,
        network=network,
        columns={
            **{title: _mean_and_deviation(values) for title, values in scores.items()},
            "seeds": str(len(rows)),
            "learning rate": f"{rows[0].learning_rate:g}",
        },
        size=spec.size,
        dates=[row.date for row in rows],
        torch=[row.torch for row in rows],
        cpu=spec.cpu,
    )


def _value(row: ComparisonRow, metric: str) -> float:
    """0 where the training diverged."""
    return (
        row.score
        if metric == row.metric
        else float(json.loads(row.others or "{}").get(metric, 0.0))
    )


def _mean_and_deviation(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{mean(values):.2f} ± {stdev(values):.2f}"


def trained(name: str, spec: TableSpec, root: Path) -> list[Entry]:
    """The rows of ``results/model_zoo/trained.csv`` that belong to the table, in their order."""
    rows = [row for row in read_records(root / TRAINED, TrainedRow) if row.table == name]
    return [_trained(row, spec) for row in rows]


def _trained(row: TrainedRow, spec: TableSpec) -> Entry:
    metrics = json.loads(row.metrics)
    scores = {
        title: f"{metrics[metric]:.2f}" if metric in metrics else UNKNOWN
        for title, metric in spec.metrics.items()
    }
    return Entry(
        name=spec.names.get(row.name, row.name),
        network=row.network,
        columns={**scores, "iterations": row.iterations},
        size=spec.size,
        dates=[row.date],
        torch=[row.torch],
        command=row.command,
        cpu=row.device,
    )


def untrained(name: str, spec: TableSpec, root: Path) -> list[Entry]:
    """Full-scale networks, with the paper's figures."""
    return [
        Entry(
            name=_config_and_overrides(network),
            network=network,
            columns={spec.figure: str(figure or "none known to us"), "ours": NOT_TRAINED},
            size=spec.size,
        )
        for network, figure in spec.rows.items()
    ]


def _config_and_overrides(network: str) -> str:
    """Name of a config and the overrides, their keys without the nodes that hold them."""
    path, *overrides = network.split()
    keys = (key.rpartition(".")[2] for key in overrides[::2])
    pairs = zip(keys, overrides[1::2], strict=True)
    return " ".join([f"`{Path(path).stem}`", *(f"`{key} {value}`" for key, value in pairs)])


def bases(name: str, spec: TableSpec, root: Path) -> list[Entry]:
    """The rows of a CSV of ``tools/analyze_model.py --compare-bases``.

    Raises:
        DataError: It is none.
    """
    path = root / spec.csv
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    try:
        return [_bases(line) for line in lines]
    except (KeyError, ValueError) as error:
        raise DataError(f"{path} is not a CSV of --compare-bases: {error!r}; fix it") from error


def _bases(line: Mapping[str, str]) -> Entry:
    ratios = {"memory saving": "memory_saving", "operation saving": "operation_saving"}
    columns = {
        "params, M": f"{int(line['parameters']) / 1e6:.2f}",
        "MB": f"{int(line['num_bytes']) / 1e6:.2f}",
        "operations, M": f"{float(line['operations']) / 1e6:,.1f}",
        **{title: f"{float(line[key]):.2f}×" for title, key in ratios.items()},
    }
    if line["least_ms"]:
        columns["ms"] = f"{float(line['least_ms']):.3g}"
        columns["measured speed-up"] = f"{float(line['speed_up_least']):.2f}×"
    return Entry(
        name="full precision" if line["num_bases"] == "0" else f"K = {line['num_bases']}",
        network=line["config"],
        columns=columns,
        dates=[line["date"]],
        torch=[line["torch"]],
        cpu=f"{line['device']}, {line['threads']} threads",
    )


KINDS: dict[str, Callable[[str, TableSpec, Path], list[Entry]]] = {
    "comparison": compared,
    "trained": trained,
    "untrained": untrained,
    "bases": bases,
}
