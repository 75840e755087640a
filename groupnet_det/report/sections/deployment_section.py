"""Section on the packed file: size, latency, and verification against the trained network."""

from collections.abc import Callable, Sequence
from typing import Any

from groupnet_det.benchmark.suites.against_float import FLOAT, PACKED_NETWORK
from groupnet_det.benchmark.suites.trained_model import SIMULATION
from groupnet_det.engine.records import output_names
from groupnet_det.errors import UserError
from groupnet_det.exporting.verify.predictions import Verdict, verdict_of_report
from groupnet_det.report.html.html_blocks import Bar, Bars, Block, Cell, Missing, Note, Table
from groupnet_det.report.training_run import Run

# Keys of `time_trained` and of ``sizes`` in a packed file.
NAMES = {FLOAT: "float32 baseline", SIMULATION: "trained, simulated", PACKED_NETWORK: "packed file"}
SIZES = {FLOAT: "float32_twin", SIMULATION: "float32_simulation"}


def deployment(run: Run) -> list[Block]:
    """Size, latency and verification; for missing ones, the command that makes them."""
    return [*_or_missing(_sizes, run), *_or_missing(_latency, run), *_or_missing(_verdict, run)]


def _or_missing(make: Callable[[Run], list[Block]], run: Run) -> list[Block]:
    try:
        return make(run)
    except UserError as error:
        return [Missing(reason=str(error), command=getattr(error, "command", ""))]


def packed_bytes(run: Run) -> dict[str, int]:
    """Bytes of the packed file and of the networks that it replaces, by the keys of `NAMES`.

    Raises:
        UserError: There is no packed file, or it has no sizes.
    """
    with run.reading(output_names.PACKED, run.export_command):
        sizes = run.packed.info["sizes"]
        others = {name: int(sizes[key]) for name, key in SIZES.items()}
    return {**others, PACKED_NETWORK: (run.folder / output_names.PACKED).stat().st_size}


def _sizes(run: Run) -> list[Block]:
    sizes = packed_bytes(run)
    texts = {
        name: f"{number / 1e6:.2f} MB" + _times(number / sizes[PACKED_NETWORK], name)
        for name, number in sizes.items()
    }
    caption = (
        "The float32 baseline is the same network in full precision, with one branch. Simulated: "
        "the trained network, which stores binary weights as floats."
    )
    return [_bars("Size", sizes, texts, caption)]


def latency_of(run: Run) -> dict[str, Any]:
    """The latency that ``groupnet-det benchmark packed`` wrote.

    Raises:
        MissingError: The file is missing.
    """
    figures: dict[str, Any] = run.read_json(output_names.LATENCY, run.benchmark_command)
    return figures


def _latency(run: Run) -> list[Block]:
    figures = latency_of(run)
    with run.reading(output_names.LATENCY, run.benchmark_command):
        medians = {name: figures["milliseconds"][name]["median"] for name in NAMES}
        times = {name: one["median"] for name, one in figures["times_packed"].items()}
        height, width = figures["image"]
        caption = (
            f"From an image of {width} × {height} pixels to the prediction, batch 1, threads: "
            f"{figures['threads']}; median of {figures['rounds']} rounds in which the three take "
            f"turns. {figures['device']}, {figures['isa']}, torch {figures['torch']}, "
            f"{figures['date']}."
        )
        texts = {
            name: f"{value:.2f} ms" + _times(times.get(name, 1.0), name)
            for name, value in medians.items()
        }
        return [_bars("Latency", medians, texts, caption)]


def _bars(title: str, values: dict[str, Any], texts: dict[str, str], caption: str) -> Bars:
    most = max(values.values())
    bars = [Bar(label=NAMES[n], share=values[n] / most, text=texts[n]) for n in NAMES]
    return Bars(title=title, bars=bars, caption=caption)


def _times(ratio: float, name: str) -> str:
    return "" if name == PACKED_NETWORK else f" ({ratio:.1f} ×)"


def _verdict(run: Run) -> list[Block]:
    outcome = run.read_json(output_names.VERIFICATION, run.verify_command)
    with run.reading(output_names.VERIFICATION, run.verify_command):
        findings: Sequence[dict[str, Any]] = outcome["findings"]
        checks = dict.fromkeys(finding["check"] for finding in findings)
        rows = [_row(check, [f for f in findings if f["check"] == check]) for check in checks]
        failed = {finding["check"] for finding in findings if finding["verdict"] == "FAILED"}
        verdict = verdict_of_report(outcome)
    result = SCORES_FAILED if failed == {"metric"} else VERDICTS[verdict]
    return [
        Note(text=f"{result} (groupnet-det verify)", warning=verdict is not Verdict.VERIFIED),
        Table(headers=["check", "passed", "found"], rows=rows, caption="Verification"),
    ]


def _row(check: str, findings: Sequence[dict[str, Any]]) -> list[Cell]:
    listed = [f for f in findings if f["verdict"] != "passed" or check == "metric"]
    asked = [f for f in findings if f["verdict"] != "shown"]
    passed = sum(finding["verdict"] == "passed" for finding in asked)
    found = "; ".join(f"{f['part']}: {f['found']}" for f in listed) or CHECKS.get(check, "")
    return [check, f"{passed} of {len(asked)}" if asked else "", found]


VERDICTS = {
    Verdict.VERIFIED: "The packed file predicts the same as the trained network.",
    Verdict.FAILED: "NOT verified: the packed file computes other values than the trained network.",
    Verdict.INCONCLUSIVE: "INCONCLUSIVE: nothing is wrong, but the scores cannot show whether the "
    "packed file predicts the same as the trained network. Rounding flips signs, which moves the "
    "scores of briefly trained networks and of small data sets most.",
}
# If only the scores failed.
SCORES_FAILED = (
    "NOT verified: all steps and blocks agree with the trained network, but the scores differ by "
    "more than rounding explains."
)
# Results of checks without a failure.
CHECKS = {
    "engine": "every step bit-identical to the reference in PyTorch",
    "blocks": "on identical inputs, integers equal and floats within 1e-4 of the largest",
}
