"""Compares the predictions of a packed file with those of its source network.

Three checks, of which each can find what the others cannot:

* *engine*: every map of every step, and the outputs, of the compiled engine and of the reference in
  PyTorch, which compute in the same order: bit-identical. What may be wrong: a kernel. It is in
  `engine_verification`.
* *blocks*: the parts of the training model's backbone and of the packed one, on identical inputs:
  integers equal, floats to 1e-4 of the largest. What may be wrong: the export, or the file.
* *metric*: the scores on a data set: `MAX_POINTS` apart, or that far from the trained network with
  the stem as it is rounded in the file, which may itself turn a score by `MAX_ROUNDING`; or, of
  classifiers below `FEW_IMAGES` images, at most one image that is classified otherwise. What may be
  wrong: all of it, and what is done before and after the network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from groupnet_det.packed.packed_file import PackedFile

from .blocks import PartComparison, Trace, compare_blocks

MAX_POINTS = 0.1  # of a score in per cent
MAX_ROUNDING = 0.5  # points by which rounding the stem may turn a score
FEW_IMAGES = 1000

PASSED, FAILED, SKIPPED, SHOWN = "passed", "FAILED", "skipped", "shown"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        check: ``engine``, ``blocks``, ``metric`` or ``cost``.
        part: A step, a block, or a data set.
        compared: Values, maps or images.
        found: What differs, in words.
        verdict: `PASSED`, `FAILED`, `SKIPPED`, or `SHOWN` where nothing was asked.
    """

    check: str
    part: str
    compared: int
    found: str
    verdict: str


def finding_of(check: str, part: str, compared: int, found: str, *, failed: bool) -> Finding:
    """Of what was compared: it passed or failed."""
    verdict = FAILED if failed else PASSED
    return Finding(check=check, part=part, compared=compared, found=found, verdict=verdict)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one network says of a data set.

    Attributes:
        top1: Per cent.
        predicted: Number of the class, by image.
    """

    top1: float
    predicted: Mapping[str, int]


def check_blocks(
    model: Any, packed: PackedFile, batches: Sequence[Tensor], trace: Trace
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


def check_metric(dataset: str, trained: Answers, packed: Answers) -> Finding:
    """Compare the answers to the images of a data set."""
    images = set(trained.predicted) | set(packed.predicted)
    changed = sum(trained.predicted.get(image) != packed.predicted.get(image) for image in images)
    points = abs(trained.top1 - packed.top1)
    # beyond the rounding of the difference of two percentages
    agree = points <= MAX_POINTS + 1e-9 or (len(images) < FEW_IMAGES and changed <= 1)
    found = f"top-1 {trained.top1:.2f} trained, {packed.top1:.2f} packed; {changed} images changed"
    return finding_of("metric", dataset, len(images), found, failed=not agree)


def check_score(
    dataset: str,
    metric: str,
    *,
    trained: float,
    packed: float,
    images: int,
    most: float,
    rounded: float | None = None,
) -> Finding:
    """Compare a score, per cent, that both networks reach on a data set.

    Args:
        most: Points that they may be apart.
        rounded: Score of the trained network with the stem of the packed file (`rounded_stem`).
            Where it was measured, the packed network is held against it, and what the rounding
            turns must be below `MAX_ROUNDING` points.
    """
    found = f"{metric} {trained:.2f} trained, {packed:.2f} packed"
    pairs = [(trained, packed, most)]
    if rounded is not None:
        found += f"; {rounded:.2f} trained, but the stem rounded as in the file"
        pairs = [(rounded, packed, most), (trained, rounded, MAX_ROUNDING)]
    # beyond the rounding of the difference of two percentages
    agree = all(abs(one - other) <= points + 1e-9 for one, other, points in pairs)
    return finding_of("metric", dataset, images, found, failed=not agree)


def show_cost(dataset: str, metric: str, scores: Mapping[str, float], images: int) -> Finding:
    """What other last layers cost on a data set.

    Args:
        scores: Per cent, by kind of the last layers: those of the file, and the others.
    """
    (own, first), (other, second) = scores.items()
    found = f"{metric} {first:.2f} {own}, {second:.2f} {other}: {second - first:+.2f}"
    return Finding(check="cost", part=dataset, compared=images, found=found, verdict=SHOWN)


def is_verified(findings: Sequence[Finding]) -> bool:
    """Whether nothing failed, and something was compared in the blocks and in the metric.

    The engine may have been skipped: the report says so.
    """
    checks = {finding.check for finding in findings if finding.verdict == PASSED}
    failed = any(finding.verdict == FAILED for finding in findings)
    return not failed and {"blocks", "metric"} <= checks


def report(findings: Sequence[Finding]) -> dict[str, Any]:
    """For JSON: ``verified``, ``engine`` (whether it was compared too), and all lines."""
    engine = [finding for finding in findings if finding.check == "engine"]
    return {
        "verified": is_verified(findings),
        "engine": bool(engine) and all(finding.verdict == PASSED for finding in engine),
        "findings": [asdict(finding) for finding in findings],
    }
