"""Checks that the compiled engine computes what the reference in PyTorch does, to the bit."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from groupnet_det.packed.packed_file import PackedFile, write_packed
from groupnet_det.packed.program import Program
from groupnet_det.runtime.reference.interpreter import (
    Trace,
    trace_reference,
    trace_reference_part,
)

from .blocks import TraceFunction
from .predictions import SKIPPED, Finding, finding_of

# (packed file, name of a part, maps float32 (N, H, W, C)) -> trace.
PartTraceFunction = Callable[[PackedFile, str, Tensor], Trace]
REGIONS = 4  # that each part is given


def engine_trace(packed: PackedFile, images: Tensor) -> Trace:
    """Trace like `trace_reference`, by the compiled engine, which reads a file.

    Raises:
        ExtensionError: It is missing.
    """
    steps, buffers, contents = _open(packed).trace(images)
    return list(steps), list(buffers), list(contents)


def _engine_part_trace(packed: PackedFile, name: str, maps: Tensor) -> Trace:
    """Trace like `trace_reference_part`, by the compiled engine.

    Raises:
        ExtensionError: It is missing.
    """
    steps, buffers, contents = _open(packed).part(name).trace(maps)
    return list(steps), list(buffers), list(contents)


def _open(packed: PackedFile) -> Any:
    from groupnet_det.runtime.backends.extension import open_network

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.gnp"
        write_packed(path, packed.program, packed.info, packed.tensors)
        return open_network(str(path))


def check_engine(
    packed: PackedFile,
    batches: Sequence[Tensor],
    trace: TraceFunction = engine_trace,
    part_trace: PartTraceFunction = _engine_part_trace,
) -> list[Finding]:
    """Compare the engine with the reference; a line for each step, and one for each output.

    Args:
        packed: The file.
        batches: uint8 (N, H, W, C) each.
        trace, part_trace: The engine's. Parts are given random regions.

    Raises:
        ExtensionError: The engine is missing.
    """
    main = _Counter(packed.program, "")
    for images in batches:
        main.add(trace(packed, images), trace_reference(packed, images))
    counters = [main]
    for name, maps in _random_regions(packed).items():
        counter = _Counter(packed.program.parts[name], f"{name}/")
        counter.add(part_trace(packed, name, maps), trace_reference_part(packed, name, maps))
        counters.append(counter)
    return [finding for counter in counters for finding in counter.findings()]


def _random_regions(packed: PackedFile) -> dict[str, Tensor]:
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

    def add(self, actual: Trace, expected: Trace) -> None:
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
            return [finding_of("engine", self.prefix + "all steps", self.lost, found, failed=True)]
        counts = {self.program.steps[step].name: count for step, count in self.steps.items()}
        counts |= {f"output {name}": count for name, count in self.outputs.items()}
        return [_differing(self.prefix + name, *count) for name, count in counts.items()]


def _add(count: list[int], actual: Tensor, expected: Tensor) -> None:
    count[0] += expected.numel()
    count[1] += differing(actual, expected)


def differing(actual: Tensor, expected: Tensor) -> int:
    """Count values whose bits differ; all of them if shapes or types differ. The bits of NaN are
    free."""
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return max(actual.numel(), expected.numel(), 1)
    if actual.dtype != torch.float32:
        return int((actual != expected).sum())
    same = actual.view(torch.int32) == expected.view(torch.int32)
    return int((~(same | (actual.isnan() & expected.isnan()))).sum())


def skipped_engine(reason: str) -> Finding:
    """Instead of what `check_engine` would find."""
    return Finding(check="engine", part="all steps", compared=0, found=reason, verdict=SKIPPED)


def _differing(part: str, values: int, wrong: int) -> Finding:
    found = f"{wrong} values differ" if wrong else "bit-identical"
    return finding_of("engine", part, values, found, failed=wrong > 0)
