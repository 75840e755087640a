"""Collects the buffers, tensors and steps of a program."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import ConfigError
from groupnet_det.runtime.program import (
    Branch,
    Buffer,
    Conv,
    Join,
    Map,
    Mean,
    Pool,
    Program,
    Sinks,
    Stem,
    Step,
    Term,
)

from .folding import MapValues
from .in_place import renumber, reuse_residuals
from .integer_thresholds import on_the_sum
from .signal import Signal


@dataclass
class BranchDraft:
    """What will be a `Branch`; `out` is its value, behind the join where there is one."""

    out: Signal
    terms: list[Term] = field(default_factory=list)
    residual: int | None = None
    final: Map = field(default_factory=Map)


@dataclass
class ConvDraft:
    """What will be a `Conv`; it gets a join where one of its parts is wanted.

    Attributes:
        merged: The merged value.
        scales, alias, gate: As in `Join`.
    """

    name: str
    branches: list[BranchDraft]
    merged: Signal
    scales: str | None = None
    alias: bool = False
    gate: str | None = None

    def finish(self) -> Conv:
        merged = self.merged.sinks.finish()
        joined = merged is not None or self.gate is not None or self.alias
        sinks = tuple(b.out.sinks.finish() for b in self.branches)
        branches = tuple(
            Branch(
                terms=tuple(b.terms),
                residual=b.residual,
                final=b.final,
                sinks=None if joined else s or Sinks(),
            )
            for b, s in zip(self.branches, sinks, strict=True)
        )
        if not joined:
            return Conv(name=self.name, branches=branches)
        join = Join(
            scales=self.scales, alias=self.alias, gate=self.gate, merged=merged, branches=sinks
        )
        return Conv(name=self.name, branches=branches, join=join)


@dataclass
class StemDraft:
    """What will be a `Stem`."""

    name: str
    out: Signal
    weight: str
    stride: int
    padding: int
    pool: Pool | None
    map: Map

    def finish(self) -> Stem:
        return Stem(
            name=self.name,
            weight=self.weight,
            stride=self.stride,
            padding=self.padding,
            pool=self.pool,
            map=self.map,
            sinks=self.out.sinks.finish() or Sinks(),
        )


class ProgramBuilder:
    """Steps are appended in the order in which they run; `finish` writes them down.

    Attributes:
        buffers: So far.
        tensors: By name; equal ones are one.
    """

    def __init__(self, input_channels: int) -> None:
        self.input_channels = input_channels
        self.buffers: list[Buffer] = []
        self.tensors: dict[str, Tensor] = {}
        self._drafts: list[StemDraft | ConvDraft | Mean] = []
        self._names: dict[tuple[Any, ...], str] = {}  # of tensors, by content
        self._sums: set[tuple[int, int]] = set()  # step and branch with thresholds on sums

    def buffer(self, kind: str, channels: int, pad: float) -> int:
        """Number of a new buffer."""
        self.buffers.append(Buffer(kind=kind, channels=channels, pad=pad))
        return len(self.buffers) - 1

    def tensor(self, name: str, value: Tensor) -> str:
        """Keep a tensor.

        Args:
            name: For a new one; a number is added where it is taken.
            value: uint8, int16, int32 or float32.

        Returns:
            The name of the tensor of the same type, shape and bytes.

        Raises:
            ConfigError: It holds NaN.
        """
        value = value.detach().contiguous()
        if bool(torch.isnan(value).any()):
            raise ConfigError(f"{name} is not a number: the training of MODEL.WEIGHTS has diverged")
        digest = hashlib.sha256(value.view(-1).view(torch.uint8).numpy().tobytes()).digest()
        key = (value.dtype, tuple(value.shape), digest)
        if key not in self._names:
            number, free = 1, name
            while free in self.tensors:
                number += 1
                free = f"{name}#{number}"
            self._names[key] = free
            self.tensors[free] = value
        return self._names[key]

    def map(self, name: str, values: MapValues) -> Map:
        """Keep the tensors of a map."""
        members: dict[str, Any] = {}
        for member in fields(values):
            value = getattr(values, member.name)
            is_tensor = isinstance(value, Tensor)
            members[member.name] = (
                self.tensor(f"{name}.{member.name}", value) if is_tensor else value
            )
        return Map(**members)

    def stem(self, name: str, *, channels: int, **arguments: Any) -> StemDraft:
        """Append a stem."""
        draft = StemDraft(name=name, out=Signal(self, channels), **arguments)
        self._drafts.append(draft)
        return draft

    def conv(self, name: str, *, num_branches: int, channels: int) -> ConvDraft:
        """Append a step whose branches are still empty."""
        branches = [BranchDraft(out=Signal(self, channels)) for _ in range(num_branches)]
        draft = ConvDraft(name=name, branches=branches, merged=Signal(self, channels))
        self._drafts.append(draft)
        return draft

    def mean(self, name: str, signal: Signal) -> int:
        """Append an average over the pixels; returns its buffer."""
        output = self.buffer("float", signal.channels, 0.0)
        self._drafts.append(Mean(name=name, input=signal.as_float(), output=output))
        return output

    def step_number(self, draft: StemDraft | ConvDraft) -> int:
        """Of the step that `draft` becomes."""
        return next(i for i, other in enumerate(self._drafts) if other is draft)

    def place(self, signal: Signal) -> dict[str, Any]:
        """Where a signal is in the finished program, as `classifier` describes it."""
        for number, draft in enumerate(self._drafts):
            if isinstance(draft, StemDraft) and draft.out is signal:
                return {"step": number, "at": "stem", "index": 0, "sum": False}
            if not isinstance(draft, ConvDraft):
                continue
            if draft.merged is signal:
                return {"step": number, "at": "merged", "index": 0, "sum": False}
            for k, branch in enumerate(draft.branches):
                if branch.out is signal:
                    at = "joined" if draft.finish().join else "branch"
                    on_sum = (number, k) in self._sums
                    return {"step": number, "at": at, "index": k, "sum": on_sum}
        raise KeyError("no step gives this signal")

    def finish(self, outputs: dict[str, int]) -> tuple[Program, dict[str, Tensor]]:
        """The program, and the tensors that it names."""
        steps: list[Step] = []
        for number, draft in enumerate(self._drafts):
            step: Step = draft if isinstance(draft, Mean) else draft.finish()
            steps.append(self._on_the_sums(step, number) if isinstance(step, Conv) else step)
        program = Program(
            input_channels=self.input_channels,
            buffers=tuple(self.buffers),
            steps=tuple(steps),
            outputs=outputs,
        )
        program = renumber(reuse_residuals(program))
        named = set(_texts(program))
        return program, {name: t for name, t in self.tensors.items() if name in named}

    def _on_the_sums(self, step: Conv, number: int) -> Conv:
        branches = []
        for k, branch in enumerate(step.branches):
            keep = partial(self._keep, f"{step.name}.{k}")
            branches.append(on_the_sum(branch, self.buffers, self.tensors, keep))
            if branches[-1] is not branch:
                self._sums.add((number, k))
        return Conv(name=step.name, branches=tuple(branches), join=step.join)

    def _keep(self, prefix: str, member: str, value: Tensor) -> str:
        return self.tensor(f"{prefix}.{member}", value)


def _texts(value: Any) -> Iterator[str]:
    """All strings in a tree of dataclasses."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for member in fields(value):
            yield from _texts(getattr(value, member.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item)
