"""The training in full precision that a report compares with."""

from pathlib import Path

from groupnet_det.config import part_method
from groupnet_det.data.checks.fingerprint import fingerprint
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import DataError, UserError

from .score_rows import group_metrics, values_of
from .training_run import Run

FULL_PRECISION = "float"  # the method


def open_baseline(folder: Path, run: Run) -> Run:
    """The training in `folder`, if its scores can stand beside those of `run`.

    Raises:
        UserError: It is not a training in full precision, has none of these scores, or was scored
            on other data.
    """
    baseline = Run(folder)
    method = part_method(baseline.cfg, "BACKBONE")
    if method != FULL_PRECISION:
        raise DataError(
            f"--baseline {folder} is not in full precision: its method is {method}; train one with "
            f"MODEL.GROUPNET.METHOD {FULL_PRECISION}"
        )
    wanted, found = (
        {m.key for ms in group_metrics(r.metrics).values() for m in ms} for r in (run, baseline)
    )
    if not wanted & found:
        raise DataError(
            f"--baseline {folder} has no score that {run.folder} has; name a training for the same "
            "task, with the same DATASETS.TEST"
        )
    ours, theirs = _test_data(run), _test_data(baseline)
    register_datasets(run.cfg)  # those of the baseline may have the same names
    if ours and theirs and ours != theirs:
        raise DataError(
            f"--baseline {folder} was scored on other data than {run.folder}; name a training with "
            "the same DATASETS.TEST"
        )
    return baseline


def baseline_score(run: Run, key: str) -> float | None:
    """The last value of a score in the baseline; None where there is none."""
    values = values_of(run.baseline.metrics, key) if run.baseline else []
    return values[-1][1] if values else None


def _test_data(run: Run) -> list[str]:
    """Fingerprints of the test data; nothing where these are gone, or known to another program."""
    register_datasets(run.cfg)
    try:
        return sorted(fingerprint(name) for name in run.cfg.DATASETS.TEST)
    except (UserError, LookupError, OSError, ImportError):  # of loaders that are not ours
        return []
