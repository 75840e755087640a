"""The tables of MODEL_ZOO.md as ``tables.yaml`` describes them."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from groupnet_det.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """A table.

    Attributes:
        kind: A key of `entries.KINDS`.
        metrics: Title of a column -> name of a metric, as in ``metrics.json``.
        names: Name of a row -> what is shown for it, where that is another.
        first: Methods of a comparison whose rows come first; the others follow in their order.
        size: Size of the images for which costs are counted, such as ``160x160``; by default as in
            evaluation.
        csv: File with the rows.
        config, methods: Config of a comparison, and the file with the keys of each method.
        learning_rates: Learning rates of a comparison; results with others are left out.
        command: The command that measured a comparison.
        cpu: The CPU that did it.
        rows: Figures of the paper by network, for networks that were not trained.
        figure: What that is, for a title.
    """

    kind: str
    metrics: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    first: Sequence[str] = ()
    size: str = ""
    csv: str = ""
    config: str = ""
    methods: str = ""
    learning_rates: Sequence[float] = ()
    command: str = ""
    cpu: str = ""
    rows: Mapping[str, str] = field(default_factory=dict)
    figure: str = ""


def read_specs(path: Path) -> dict[str, TableSpec]:
    """The tables by name.

    Raises:
        ConfigError: The file does not describe tables.
    """
    try:
        tables = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise ConfigError(f"{path} must map names to tables")
    known = {each.name for each in fields(TableSpec)}
    for name, table in tables.items():
        unknown = sorted(set(table) - known)
        if unknown or "kind" not in table:
            raise ConfigError(f"{path}: table {name!r} has {unknown} or no kind; valid: {known}")
    return {name: TableSpec(**table) for name, table in tables.items()}


def method_network(config: str, keys: Mapping[str, Any]) -> str:
    """The network of a row of a comparison, as `records` writes networks.

    Args:
        config: Config of all rows.
        keys: Config keys and values; ``_BASE_`` is another config file.
    """
    own = {key: value for key, value in keys.items() if key != "_BASE_"}
    words = (str(item) for pair in own.items() for item in pair)
    return shlex.join([str(keys.get("_BASE_", config)), *words])
