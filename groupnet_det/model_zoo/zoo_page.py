"""MODEL_ZOO.md: a text whose marks stand for tables.

``[[table NAME]]``, on a line of its own, is replaced by that table. What stands between
``[[if NAME ...]]`` and the next ``[[end]]`` is left out while none of these tables has a row.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from groupnet_det.errors import ConfigError, lookup
from groupnet_det.files.csv_records import read_records

from .entries import Entry, entries_of
from .records import CostRow, LatencyRow
from .spec import TableSpec, read_specs
from .zoo_tables import Measured, format_table

ZOO_FOLDER = "groupnet_det/model_zoo"
COSTS, LATENCIES = "results/model_zoo/costs.csv", "results/model_zoo/latency.csv"
NOTE = f"<!-- Made by tools/make_zoo_page.py from results/*/*.csv and {ZOO_FOLDER}/*. -->\n"


def make_page(root: Path) -> str:
    """The complete page, from the files of the checkout `root`.

    Raises:
        UserError: A file of it is broken, or a mark names no table.
    """
    specs = read_specs(root / ZOO_FOLDER / "tables.yaml")
    text = (root / ZOO_FOLDER / "text.md").read_text()
    measured = _read_measured(root)
    entries = {name: entries_of(name, spec, root) for name, spec in specs.items()}
    return NOTE + fill(text, specs, entries, measured)


def _read_measured(root: Path) -> Measured:
    """The measurements of the networks; the last one if there are several."""
    return Measured(
        costs={row.network: row for row in read_records(root / COSTS, CostRow)},
        latencies={row.network: row for row in read_records(root / LATENCIES, LatencyRow)},
    )


def fill(
    text: str,
    specs: Mapping[str, TableSpec],
    entries: Mapping[str, list[Entry]],
    measured: Measured,
) -> str:
    """`text` with the tables instead of their marks.

    Raises:
        ConfigError: A mark names no table, or a table without rows is not within an ``if``.
    """

    def keep(match: re.Match[str]) -> str:
        rows = [lookup(entries, name, "a mark") for name in match[1].split()]
        return match[2] if any(rows) else ""

    def table(match: re.Match[str]) -> str:
        rows = lookup(entries, match[1], "a mark")
        if not rows:
            raise ConfigError(f"table {match[1]!r} has no rows; put [[if {match[1]}]] around it")
        return format_table(rows, specs[match[1]], measured)

    kept = re.sub(r"\[\[if ([\w ]+)\]\]\n(.*?)\[\[end\]\]\n", keep, text, flags=re.DOTALL)
    return re.sub(r"\[\[table (\w+)\]\]", table, kept)
