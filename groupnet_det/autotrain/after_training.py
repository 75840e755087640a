"""Packs, verifies and times a network after its training, by the project's own commands, and
reports it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from groupnet_det.engine.records.output_names import LATENCY, PACKED, REPORT, VERIFICATION
from groupnet_det.errors import UserError
from groupnet_det.exporting.verify.predictions import Verdict, verdict_of_report
from groupnet_det.files.json_text import parse_json
from groupnet_det.packed.score_thresholds import SCORE_THRESHOLD
from groupnet_det.runtime.backends.extension import is_built

# Enough for a figure to be read; `groupnet-det benchmark packed` measures longer.
ROUNDS = 5
IMAGES = 2  # whose maps are compared bit by bit
VERDICTS = {
    Verdict.VERIFIED.value: "verified",
    Verdict.FAILED.value: f"NOT verified, see {VERIFICATION}",
    Verdict.INCONCLUSIVE.value: f"verified step by step, with inconclusive scores: {VERIFICATION}",
}


def pack_and_time(
    config: str,
    options: Sequence[str],
    output: Path,
    run: Callable[..., None],
    *,
    threshold: float = SCORE_THRESHOLD,
) -> dict[str, Any]:
    """Export ``model_final.pth``, compare the file with it, and time both and the float32 baseline.

    Args:
        config: Config file.
        options: Config keys and values of the training.
        output: Folder of the training; the packed file and what was found go there.
        run: Runs a command of the project.
        threshold: The score threshold of objects that the packed file has by default.

    Returns:
        For ``summary.json``: bytes, the verdict, and milliseconds and ratios by network; without
        the last two where the compiled engine is missing, which ``engine`` then says.

    Raises:
        UserError: A command could not do its work. That predictions differ is no such error.
    """
    packed = output / PACKED
    same = ["--config-file", config]
    weights = [*options, "MODEL.WEIGHTS", str(output / "model_final.pth")]
    own = ["--score-threshold", str(threshold)] if threshold != SCORE_THRESHOLD else []
    run("export", *same, *own, "--output", str(packed), *weights)
    summary: dict[str, Any] = {"file": packed.name, "bytes": packed.stat().st_size}
    if not is_built():
        return {**summary, "engine": "not built, so nothing was verified or timed; see INSTALL.md"}
    same += ["--packed", str(packed)]
    found = output / VERIFICATION
    found.unlink(missing_ok=True)
    try:
        run(
            *("verify", *same, "--num-images", str(IMAGES)),
            *("--json", str(found), *weights),
        )
    except UserError:
        if not found.is_file():  # it found no verdict at all
            raise
    latency = output / LATENCY
    run(
        *("benchmark", "packed", *same, "--rounds", str(ROUNDS)),
        *("--json", str(latency), *weights),
    )
    figures = parse_json(latency.read_text())
    kept = ("image", "threads", "isa", "milliseconds", "times_packed")
    return {
        **summary,
        "verdict": verdict_of_report(parse_json(found.read_text())).value,
        **{key: figures[key] for key in kept},
    }


def summary_line(summary: dict[str, Any]) -> str:
    """One line of what `pack_and_time` returned."""
    line = f"{summary['bytes'] / 1e6:.2f} MB"
    if "engine" in summary:
        return f"{line}; engine {summary['engine']}"
    ours = summary["milliseconds"]["packed"]["median"]
    times = summary["times_packed"]["float"]["median"]
    verdict = VERDICTS[summary["verdict"]]
    return (
        f"{line}, {verdict}; {ours:.2f} ms an image (threads: {summary['threads']}), its float32 "
        f"baseline takes {times:.1f} times as long"
    )


def report_training(output: Path, run: Callable[..., None]) -> Path:
    """Make ``report.html`` of a training."""
    run("report", str(output))
    return output / REPORT
