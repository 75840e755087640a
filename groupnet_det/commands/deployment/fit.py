"""Choose the number of bases of each part of a slimmable network for a time budget."""

import sys
from collections.abc import Sequence

from tabulate import tabulate

from groupnet_det.benchmark.budget.assignments import assignment_text, find_choices
from groupnet_det.benchmark.budget.budget_search import most_candidates, search_within
from groupnet_det.benchmark.budget.candidates import ROWS, Candidates
from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.commands.network_config import network_config
from groupnet_det.data.datasets.registration import make_missing_datasets, register_datasets
from groupnet_det.engine.records.output_names import CHECKPOINT
from groupnet_det.engine.setup import check_output_dir
from groupnet_det.errors import ConfigError, UserError

from . import deployment_flags


def main(argv: Sequence[str] | None = None) -> int:
    arguments = deployment_flags.fit().parse_args(argv)
    try:
        for name in ("ms", "batches", "threads"):
            if not getattr(arguments, name) > 0:
                raise ConfigError(f"--{name} is {getattr(arguments, name)}; valid: above 0")
        cfg = network_config(arguments)
        register_datasets(cfg)
        make_missing_datasets([*cfg.DATASETS.TRAIN, *cfg.DATASETS.VAL, *cfg.DATASETS.TEST])
        check_output_dir(str(arguments.output))
        choices = find_choices(cfg)
        candidates = Candidates(
            cfg,
            arguments.output,
            num_batches=arguments.batches,
            threads=arguments.threads,
            schedule=Schedule(),
        )
        print(
            f"numbers of bases of {', '.join(map(str.lower, choices))}, at most "
            f"{most_candidates(choices)} networks, scored on {candidates.dataset}:",
            flush=True,
        )
        best = search_within(arguments.ms, choices, candidates.measure)
        path = candidates.write(best)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    _show(candidates, arguments.ms, assignment_text(best))
    print(f"\nwritten: {path}, {path.with_name(CHECKPOINT)}; all rows: {path.with_name(ROWS)}")
    return 0


def _show(candidates: Candidates, most_ms: float, best: str) -> None:
    """A table of those that are fast enough, and of the slower ones with one number alone."""
    uniform = [name for name in candidates.rows if len(set(_numbers(name))) == 1]
    shown = sorted(
        (
            row
            for row in candidates.rows.values()
            if row.milliseconds <= most_ms or row.bases in uniform
        ),
        key=lambda row: row.milliseconds,
    )
    table = [
        (
            row.bases,
            f"{row.milliseconds:.3f}",
            f"{row.score:.2f}",
            "chosen" if row.bases == best else "",
        )
        for row in shown
    ]
    metric = shown[0].metric
    print(
        "\n"
        + tabulate(table, ["bases", "ms", metric, ""], tablefmt="github", disable_numparse=True)
    )


def _numbers(text: str) -> list[str]:
    return [word.partition("=")[2] for word in text.split()]
