"""Compares the predictions of a packed file with those of its source network.

Three checks, of which each can find what the others cannot:

* *engine*: every map of every step, and the outputs, of the compiled engine and of the reference in
  PyTorch, which compute in the same order: bit-identical. What may be wrong: a kernel. It is in
  `engine_verification`.
* *blocks*: the parts of the training model's backbone and of the packed one, on identical inputs:
  integers equal, floats to 1e-4 of the largest. What may be wrong: the export, or the file.
* *metric*: the scores on a data set: `MAX_POINTS` apart, or that far from the trained network with
  the stem as it is rounded in the file, which may itself change a score by `MAX_POINTS_UNCLEAR`;
  of classifiers at least one image may be classified otherwise. What may be wrong: all of it, and
  what is done before and after the network. It fails only where `MAX_POINTS_UNCLEAR` are exceeded
  and rounding does not explain them; it is inconclusive where the data set is inconclusive
  (`_cannot_tell`), or where scores are further apart than may be, but no further than turned signs
  explain.

Besides, *agreement* shows, without a verdict, the share of images with like predictions: module
`agreement`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from torch import Tensor

from groupnet_det.packed.packed_file import PackedFile

from .blocks import PartComparison, TraceFunction, compare_blocks

MAX_POINTS = 0.1  # of a score in per cent
MAX_POINTS_UNCLEAR = 0.5  # by which roundings may change a score
MIN_IMAGES = 100  # below it a data set is inconclusive
MIN_SCORE = 1.0  # per cent; below it a network has learned too little for a comparison

PASSED, FAILED, SKIPPED, SHOWN = "passed", "FAILED", "skipped", "shown"
INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        check: ``engine``, ``blocks``, ``metric``, ``agreement`` or ``cost``.
        part: A step, a block, or a data set.
        compared: Values, maps or images.
        found: What differs, in words.
        verdict: `PASSED`, `FAILED`, `INCONCLUSIVE`, `SKIPPED`, or `SHOWN` where nothing was asked.
    """

    check: str
    part: str
    compared: int
    found: str
    verdict: str


def finding_of(check: str, part: str, compared: int, found: str, *, failed: bool) -> Finding:
    """The finding of a comparison: it passed or failed."""
    verdict = FAILED if failed else PASSED
    return Finding(check=check, part=part, compared=compared, found=found, verdict=verdict)


def check_blocks(
    model: Any, packed: PackedFile, batches: Sequence[Tensor], trace: TraceFunction
) -> list[Finding]:
    """Compare with the training model; a line for each block. Arguments as `compare_blocks`."""
    names = list(packed.info.get("blocks") or ())
    blocks: dict[str, list[PartComparison]] = {}
    for images in batches:
        for part in compare_blocks(model, packed, images, trace):
            blocks.setdefault(_maker(part.name, names), []).append(part)
    return [_block(name, parts) for name, parts in blocks.items()]


def _maker(part: str, blocks: Sequence[str]) -> str:
    """The block that makes a map: inputs of a block are made by the one before."""
    block = next((name for name in blocks if part.startswith(f"{name}.")), part)
    if part.startswith(f"{block}.inputs."):
        return ["stem", *blocks][blocks.index(block)]
    return block


def _block(name: str, parts: Sequence[PartComparison]) -> Finding:
    bad = [part for part in parts if not part.agrees]
    floats = [part for part in parts if part.kind == "floats"]
    share = max((part.difference / (part.largest or 1.0) for part in floats), default=0.0)
    found = f"floats {share:.1e} of the largest apart"
    if len(floats) < len(parts):
        found += f", {sum(part.kind == 'integers' for part in parts)} maps of integers"
    if bad:
        first = bad[0]
        found = f"{len(bad)} maps disagree, first {first.name}: {first.kind} differ by "
        found += f"{first.difference:.3g} where the largest is {first.largest:.3g}"
    return finding_of("blocks", name, len(parts), found, failed=bool(bad))


def check_score(
    dataset: str,
    metric: str,
    *,
    trained: float,
    packed: float,
    images: int,
    most: float = MAX_POINTS,
    rounded: float | None = None,
) -> Finding:
    """Compare a score, per cent, that both networks reach on a data set.

    Args:
        images: Images of the data set.
        most: Points that they may be apart.
        rounded: Score of the trained network with the stem of the packed file (`rounded_stem`).
            Where it was measured, the packed network is compared with it, and what the rounding
            changes must be below `MAX_POINTS_UNCLEAR`.
    """
    found = f"{metric} {trained:.2f} trained, {packed:.2f} packed"
    if rounded is not None:
        found += f"; {rounded:.2f} trained, but the stem rounded as in the file"
    reason = _cannot_tell(images, trained, packed)
    verdict = INCONCLUSIVE if reason else _judge(trained, packed, rounded, most)
    found += f"; {reason}" if reason else ""
    return Finding(check="metric", part=dataset, compared=images, found=found, verdict=verdict)


def _cannot_tell(images: int, *scores: float) -> str:
    """The reason why scores on a data set say nothing about a packed file; empty if they do.

    Args:
        images: Images of the data set.
        scores: Scores of both networks in per cent; NaN where nothing was detected.
    """
    if images < MIN_IMAGES:
        return f"fewer than {MIN_IMAGES} images"
    if all(math.isnan(score) or score < MIN_SCORE for score in scores):
        return f"scores below {MIN_SCORE:g}"
    return ""


def _judge(trained: float, packed: float, rounded: float | None, most: float) -> str:
    """A verdict on scores, of which a NaN is far from all others."""
    if rounded is None:
        return PASSED if _near(trained, packed, most) else FAILED
    if _near(rounded, packed, most) and _near(trained, rounded, MAX_POINTS_UNCLEAR):
        return PASSED
    return INCONCLUSIVE if _near(rounded, packed, max(most, MAX_POINTS_UNCLEAR)) else FAILED


def _near(one: float, other: float, most: float) -> bool:
    return abs(one - other) <= most + 1e-9  # beyond the rounding of their difference


def show_cost(dataset: str, metric: str, scores: Mapping[str, float], images: int) -> Finding:
    """Compare the scores of other last layers on a data set.

    Args:
        scores: Per cent, by kind of the last layers: those of the file, and the others.
    """
    (own, first), (other, second) = scores.items()
    found = f"{metric} {first:.2f} {own}, {second:.2f} {other}: {second - first:+.2f}"
    return Finding(check="cost", part=dataset, compared=images, found=found, verdict=SHOWN)


class Verdict(str, Enum):
    """On a packed file; the value stands in reports."""

    VERIFIED = "verified"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """Failed if anything did; verified if blocks and scores were compared and are conclusive.

    The engine may have been skipped: the report says so.
    """
    verdicts = {finding.verdict for finding in findings}
    checks = {finding.check for finding in findings if finding.verdict == PASSED}
    if FAILED in verdicts:
        return Verdict.FAILED
    if INCONCLUSIVE in verdicts or not {"blocks", "metric"} <= checks:
        return Verdict.INCONCLUSIVE
    return Verdict.VERIFIED


def verification_report(findings: Sequence[Finding]) -> dict[str, Any]:
    """For JSON: ``verdict``, ``verified`` (whether it is that), ``engine`` (whether it was compared
    too), and all lines."""
    engine = [finding for finding in findings if finding.check == "engine"]
    verdict = verdict_of(findings)
    return {
        "verdict": verdict.value,
        "verified": verdict is Verdict.VERIFIED,
        "engine": bool(engine) and all(finding.verdict == PASSED for finding in engine),
        "findings": [asdict(finding) for finding in findings],
    }


def verdict_of_report(outcome: Mapping[str, Any]) -> Verdict:
    """The verdict of a `verification_report`; older reports only say whether a file is verified.

    Raises:
        KeyError, ValueError: It is no such report.
    """
    if "verdict" in outcome:
        return Verdict(outcome["verdict"])
    return Verdict.VERIFIED if outcome["verified"] else Verdict.FAILED
