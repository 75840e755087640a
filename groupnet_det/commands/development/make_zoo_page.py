"""Make MODEL_ZOO.md from results/*/*.csv, and from tables.yaml and text.md in
groupnet_det/model_zoo.

  python tools/make_zoo_page.py
  python tools/make_zoo_page.py --measure costs
  python tools/make_zoo_page.py --measure latency
  python tools/make_zoo_page.py --add-zoo zoo/manifest.json

The first writes the page from what is there. The others do so after counting and packing those
networks that have no row yet, after timing them (on a machine without other work), and after
taking what `make zoo` reached.

Comparisons are read from the CSV files of tools/compare_methods.py as far as they are there, other
trainings from trained.csv in results/model_zoo. --measure keeps the rows that are in costs.csv and
latency.csv there; with --fresh, those that --networks chooses (all by default) are measured again.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.errors import ConfigError, UserError
from groupnet_det.files.csv_records import read_records, write_records
from groupnet_det.files.paths import project_root
from groupnet_det.model_zoo.entries import TRAINED, entries_of
from groupnet_det.model_zoo.from_manifest import rows_of_manifest
from groupnet_det.model_zoo.measure import measure_costs, measure_latency
from groupnet_det.model_zoo.records import CostRow, LatencyRow, TrainedRow
from groupnet_det.model_zoo.spec import read_specs
from groupnet_det.model_zoo.zoo_page import COSTS, LATENCIES, ZOO_FOLDER, make_page

ROOT = project_root()
NOT_TIMED = "untrained"  # kind of table
R = TypeVar("R", CostRow, LatencyRow)


def _networks_of_zoo(chosen: str, *, timed: bool) -> dict[str, str]:
    """The size of the image for each network that stands in a table and has `chosen` in its text.

    Args:
        timed: Leave out tables that show no time.
    """
    specs = read_specs(ROOT / ZOO_FOLDER / "tables.yaml")
    return {
        entry.network: entry.size
        for name, spec in specs.items()
        if not (timed and spec.kind == NOT_TIMED)
        for entry in entries_of(name, spec, ROOT)
        if chosen in entry.network
    }


def _measure_columns(
    path: Path,
    kind: type[R],
    networks: Mapping[str, str],
    make: Callable[[str, str], R],
    *,
    fresh: bool,
) -> None:
    """Add the rows of `networks` that `path` lacks; each is written as soon as it is there.

    Args:
        path, kind: Path and kind of the rows.
        networks: With the size of the image.
        make: Measures a network.
        fresh: Measure those again that are there.
    """
    rows = {row.network: row for row in read_records(path, kind)}
    missing = [network for network in networks if fresh or network not in rows]
    for network in tqdm(missing, desc=path.stem, disable=None):
        try:
            rows[network] = make(network, networks[network])
        except ConfigError as error:
            print(f"{network}: {error}", file=sys.stderr)
            continue
        write_records(path, rows.values(), kind)


def add_zoo(manifest: Path) -> None:
    """Take the rows of a manifest into ``TRAINED``; those of the same model are replaced.

    Raises:
        UserError: It is not a manifest of tools/train_zoo.py.
    """
    path = ROOT / TRAINED
    new = rows_of_manifest(manifest, ROOT)
    rows = {(row.table, row.name): row for row in [*read_records(path, TrainedRow), *new]}
    write_records(path, rows.values(), TrainedRow)


def run(arguments: argparse.Namespace) -> None:
    """
    Raises:
        UserError: A file is broken, or MODEL_ZOO.md is not what --check expects.
    """
    if arguments.add_zoo:
        add_zoo(arguments.add_zoo)
    if "costs" in arguments.measure:
        networks = _networks_of_zoo(arguments.networks, timed=False)
        count = partial(measure_costs, root=ROOT)
        _measure_columns(ROOT / COSTS, CostRow, networks, count, fresh=arguments.fresh)
    if "latency" in arguments.measure:
        networks = _networks_of_zoo(arguments.networks, timed=True)
        schedule = Schedule(rounds=arguments.rounds)
        time = partial(measure_latency, root=ROOT, threads=arguments.threads, schedule=schedule)
        _measure_columns(ROOT / LATENCIES, LatencyRow, networks, time, fresh=arguments.fresh)
    page, path = make_page(ROOT), ROOT / "MODEL_ZOO.md"
    if not arguments.check:
        path.write_text(page)
        print(f"written: {path}")
    elif path.read_text() != page:
        raise UserError(f"{path} is older than what it is made from; run tools/make_zoo_page.py")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--measure", nargs="+", choices=["costs", "latency"], default=[])
    parser.add_argument("--networks", default="", metavar="TEXT", help="only those with it")
    parser.add_argument("--fresh", action="store_true", help="measure again what has a row")
    parser.add_argument("--threads", type=int, default=2, help="of latencies (%(default)s)")
    parser.add_argument("--rounds", type=int, default=9, help="of latencies (%(default)s)")
    parser.add_argument("--add-zoo", type=Path, metavar="MANIFEST", help="of tools/train_zoo.py")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if it is old")
    try:
        run(parser.parse_args(argv))
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    return 0
