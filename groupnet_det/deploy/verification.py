"""Whether a packed file gives the answers of the network that it was made from.

Three checks, of which each can find what the others cannot:

* *engine*: every map of every step, and the outputs, of the compiled engine and of the reference in
  PyTorch, which compute in the same order: bit-identical. What may be wrong: a kernel.
* *blocks*: the parts of the training model and of the packed one, on identical inputs: integers
  equal, floats to 1e-4 of the largest. What may be wrong: the export, or the file.
* *metric*: the answers on a data set: `MAX_POINTS` apart, or, below `FEW_IMAGES` images, at most
  one image that is classified otherwise. What may be wrong: all of it, and the preprocessing.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from groupnet_det.runtime.packed_file import PackedFile, write_packed
from groupnet_det.runtime.reference import trace_reference

from .block_comparison import PartComparison, Trace, compare_blocks

MAX_POINTS = 0.1  # of top-1 accuracy, per cent
FEW_IMAGES = 1000

PASSED, FAILED, SKIPPED = "passed", "FAILED", "skipped"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        check: ``engine``, ``blocks`` or ``metric``.
        part: A step, a block, or a data set.
        compared: Values, maps or images.
        found: What differs, in words.
        verdict: `PASSED`, `FAILED` or `SKIPPED`.
    """

    check: str
    part: str
    compared: int
    found: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one network says of a data set.

    Attributes:
        top1: Per cent.
        predicted: Number of the class, by image.
    """

    top1: float
    predicted: Mapping[str, int]


def engine_trace(packed: PackedFile, images: Tensor) -> tuple[list[int], list[int], list[Tensor]]:
    """As `trace_reference`, by the compiled engine, which reads a file.

    Raises:
        ExtensionError: It is absent.
    """
    from groupnet_det.runtime.extension import open_network

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.gnp"
        write_packed(path, packed.program, packed.info, packed.tensors)
        network = open_network(str(path))
        steps, buffers, contents = network.trace(images)
    return list(steps), list(buffers), list(contents)


def check_engine(packed: PackedFile, images: Tensor, trace: Trace = engine_trace) -> list[Finding]:
    """Compare the engine with the reference; a line for each step, and one for each output.

    Args:
        packed: The file.
        images: uint8 (N, H, W, C).
        trace: The engine's.

    Raises:
        ExtensionError: The engine is absent.
    """
    steps, buffers, contents = trace(packed, images)
    expected_steps, expected_buffers, expected = trace_reference(packed, images)
    if (steps, buffers) != (expected_steps, expected_buffers):
        found = "it writes other buffers than the reference, or in another order"
        return [_finding("engine", "all steps", len(contents), found, failed=True)]
    counts: dict[int, list[int]] = {}
    for step, actual, right in zip(steps, contents, expected, strict=True):
        total = counts.setdefault(step, [0, 0])
        total[0] += right.numel()
        total[1] += differing(actual, right)
    findings = [
        _differing(packed.program.steps[step].name, values, wrong)
        for step, (values, wrong) in counts.items()
    ]
    last = dict(zip(buffers, zip(contents, expected, strict=True), strict=True))
    return findings + [
        _differing(f"output {name}", last[buffer][1].numel(), differing(*last[buffer]))
        for name, buffer in packed.program.outputs.items()
    ]


def differing(actual: Tensor, expected: Tensor) -> int:
    """How many values do not have the same bits; all of them where shapes or types differ. The bits
    of NaN are free."""
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return max(actual.numel(), expected.numel(), 1)
    if actual.dtype != torch.float32:
        return int((actual != expected).sum())
    same = actual.view(torch.int32) == expected.view(torch.int32)
    return int((~(same | (actual.isnan() & expected.isnan()))).sum())


def skipped_engine(reason: str) -> Finding:
    """In the place of what `check_engine` would find."""
    return Finding(check="engine", part="all steps", compared=0, found=reason, verdict=SKIPPED)


def check_blocks(
    classifier: Any, packed: PackedFile, images: Tensor, trace: Trace
) -> list[Finding]:
    """Compare with the training model; a line for each block. Arguments as `compare_blocks`."""
    names = list(packed.info.get("blocks") or ())
    blocks: dict[str, list[PartComparison]] = {}
    for part in compare_blocks(classifier, packed, images, trace):
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
    return _finding("blocks", name, len(parts), found, failed=bool(bad))


def check_metric(dataset: str, trained: Answers, packed: Answers) -> Finding:
    """Compare the answers to the images of a data set."""
    images = set(trained.predicted) | set(packed.predicted)
    changed = sum(trained.predicted.get(image) != packed.predicted.get(image) for image in images)
    points = abs(trained.top1 - packed.top1)
    # beyond the rounding of the difference of two percentages
    agree = points <= MAX_POINTS + 1e-9 or (len(images) < FEW_IMAGES and changed <= 1)
    found = f"top-1 {trained.top1:.2f} trained, {packed.top1:.2f} packed; {changed} images changed"
    return _finding("metric", dataset, len(images), found, failed=not agree)


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


def _differing(part: str, values: int, wrong: int) -> Finding:
    found = f"{wrong} values differ" if wrong else "bit-identical"
    return _finding("engine", part, values, found, failed=wrong > 0)


def _finding(check: str, part: str, compared: int, found: str, *, failed: bool) -> Finding:
    verdict = FAILED if failed else PASSED
    return Finding(check=check, part=part, compared=compared, found=found, verdict=verdict)
