"""Whether a packed file gives the answers of the network that it was made from.

Three checks, of which each can find what the others cannot:

* *engine*: every map of every step, and the outputs, of the compiled engine and of the reference in
  PyTorch, which compute in the same order: bit-identical. What may be wrong: a kernel.
* *blocks*: the parts of the training model's backbone and of the packed one, on identical inputs:
  integers equal, floats to 1e-4 of the largest. What may be wrong: the export, or the file.
* *metric*: the scores on a data set: `MAX_POINTS` apart, or that far from the trained network with
  the stem as it is rounded in the file, which may itself turn a score by `MAX_ROUNDING`; or, of
  classifiers below `FEW_IMAGES` images, at most one image that is classified otherwise. What may be
  wrong: all of it, and what is done before and behind the network.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from groupnet_det.runtime.packed_file import PackedFile, write_packed
from groupnet_det.runtime.program import Program
from groupnet_det.runtime.reference import trace_reference, trace_reference_part

from .block_comparison import PartComparison, Trace, compare_blocks

MAX_POINTS = 0.1  # of a score in per cent
MAX_ROUNDING = 0.5  # points by which rounding the stem may turn a score
FEW_IMAGES = 1000

Traced = tuple[list[int], list[int], list[Tensor]]  # steps, buffers, contents

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


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one network says of a data set.

    Attributes:
        top1: Per cent.
        predicted: Number of the class, by image.
    """

    top1: float
    predicted: Mapping[str, int]


# (packed file, name of a part, maps float32 (N, H, W, C)) -> steps, buffers, contents.
PartTrace = Callable[[PackedFile, str, Tensor], tuple[list[int], list[int], list[Tensor]]]
REGIONS = 4  # that each part is given


def engine_trace(packed: PackedFile, images: Tensor) -> tuple[list[int], list[int], list[Tensor]]:
    """As `trace_reference`, by the compiled engine, which reads a file.

    Raises:
        ExtensionError: It is absent.
    """
    steps, buffers, contents = _open(packed).trace(images)
    return list(steps), list(buffers), list(contents)


def engine_part_trace(
    packed: PackedFile, name: str, maps: Tensor
) -> tuple[list[int], list[int], list[Tensor]]:
    """As `trace_reference_part`, by the compiled engine.

    Raises:
        ExtensionError: It is absent.
    """
    steps, buffers, contents = _open(packed).part(name).trace(maps)
    return list(steps), list(buffers), list(contents)


def _open(packed: PackedFile) -> Any:
    from groupnet_det.runtime.extension import open_network

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.gnp"
        write_packed(path, packed.program, packed.info, packed.tensors)
        return open_network(str(path))


def check_engine(
    packed: PackedFile,
    batches: Sequence[Tensor],
    trace: Trace = engine_trace,
    part_trace: PartTrace = engine_part_trace,
) -> list[Finding]:
    """Compare the engine with the reference; a line for each step, and one for each output.

    Args:
        packed: The file.
        batches: uint8 (N, H, W, C) each.
        trace, part_trace: The engine's. Parts are given random regions.

    Raises:
        ExtensionError: The engine is absent.
    """
    main = _Counter(packed.program, "")
    for images in batches:
        main.add(trace(packed, images), trace_reference(packed, images))
    counters = [main]
    for name, maps in random_regions(packed).items():
        counter = _Counter(packed.program.parts[name], f"{name}/")
        counter.add(part_trace(packed, name, maps), trace_reference_part(packed, name, maps))
        counters.append(counter)
    return [finding for counter in counters for finding in counter.findings()]


def random_regions(packed: PackedFile) -> dict[str, Tensor]:
    """Maps for each part, of the size that regions are pooled to, from a fixed seed."""
    options = packed.info.get("postprocessing") or {}
    poolers = {stage["part"]: options["pooler"] for stage in options.get("stages", [])}
    if options.get("mask"):
        poolers[options["mask"]["part"]] = options["mask"]["pooler"]
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(
            REGIONS,
            *poolers[name]["resolution"],
            packed.program.parts[name].input_channels,
            generator=generator,
        )
        for name in packed.program.parts
    }


class _Counter:
    """Counts values that differ, by step and by output of a program."""

    def __init__(self, program: Program, prefix: str) -> None:
        self.program, self.prefix = program, prefix
        self.steps: dict[int, list[int]] = {}  # values, and how many differ
        self.outputs = {name: [0, 0] for name in program.outputs}
        self.lost = 0  # maps of traces that do not fit

    def add(self, actual: Traced, expected: Traced) -> None:
        """Take the traces of one batch."""
        steps, buffers, contents = actual
        if (steps, buffers) != (list(expected[0]), list(expected[1])):
            self.lost += len(contents)
            return
        for step, own, right in zip(steps, contents, expected[2], strict=True):
            _add(self.steps.setdefault(step, [0, 0]), own, right)
        last = dict(zip(buffers, zip(contents, expected[2], strict=True), strict=True))
        for name, buffer in self.program.outputs.items():
            _add(self.outputs[name], *last[buffer])

    def findings(self) -> list[Finding]:
        """A line for each step and output."""
        if self.lost:
            found = "it writes other buffers than the reference, or in another order"
            return [_finding("engine", self.prefix + "all steps", self.lost, found, failed=True)]
        counts = {self.program.steps[step].name: count for step, count in self.steps.items()}
        counts |= {f"output {name}": count for name, count in self.outputs.items()}
        return [_differing(self.prefix + name, *count) for name, count in counts.items()]


def _add(count: list[int], actual: Tensor, expected: Tensor) -> None:
    count[0] += expected.numel()
    count[1] += differing(actual, expected)


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
    return _finding("metric", dataset, images, found, failed=not agree)


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


def _differing(part: str, values: int, wrong: int) -> Finding:
    found = f"{wrong} values differ" if wrong else "bit-identical"
    return _finding("engine", part, values, found, failed=wrong > 0)


def _finding(check: str, part: str, compared: int, found: str, *, failed: bool) -> Finding:
    verdict = FAILED if failed else PASSED
    return Finding(check=check, part=part, compared=compared, found=found, verdict=verdict)
