"""Collects the buffers, tensors and steps of a program."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any

from torch import Tensor

from groupnet_det.packed.program import Program, Step
from groupnet_det.packed.steps.conv import Conv
from groupnet_det.packed.steps.float_maps import AnyFloatStep
from groupnet_det.packed.steps.parts import Buffer, Map, Sinks
from groupnet_det.packed.steps.sources import Input, Stem

from .buffer_reuse import renumber, reuse_residuals
from .folding import MapValues
from .integer_thresholds import on_the_sum
from .step_drafts import BranchDraft, ConvDraft, Draft, PlainDraft, SinkDraft
from .tensor_store import TensorStore
from .values import Signal


class ProgramBuilder:
    """Steps are appended in the order in which they run; `finish` writes them down.

    Attributes:
        buffers: So far.
        store: The tensors, which parts of a program share with it.
        on_demand: Pairs of steps; both are left out where nothing is read of the second.
    """

    def __init__(self, input_channels: int, store: TensorStore | None = None) -> None:
        self.input_channels = input_channels
        self.buffers: list[Buffer] = []
        self.store = store or TensorStore()
        self.on_demand: list[tuple[ConvDraft, ConvDraft]] = []
        self._drafts: list[Draft] = []
        self._sums: set[tuple[int, int]] = set()  # step and branch with thresholds on sums

    @property
    def tensors(self) -> dict[str, Tensor]:
        """By name; equal ones are one."""
        return self.store.tensors

    def buffer(self, kind: str, channels: int, pad: float) -> int:
        """Number of a new buffer."""
        self.buffers.append(Buffer(kind=kind, channels=channels, pad=pad))
        return len(self.buffers) - 1

    def tensor(self, name: str, value: Tensor) -> str:
        """Keep a tensor, see `TensorStore.keep`."""
        return self.store.keep(name, value)

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

    def stem(self, name: str, *, channels: int, **members: Any) -> SinkDraft:
        """Append a stem, with these members of `Stem`."""
        step = Stem(name=name, sinks=Sinks(), **members)
        draft = SinkDraft(step=step, out=Signal(self, channels))
        self._drafts.append(draft)
        return draft

    def input(self, name: str) -> Signal:
        """Append the first step of a part; returns the map that the part is given."""
        step = Input(name=name, sinks=Sinks())
        draft = SinkDraft(step=step, out=Signal(self, self.input_channels))
        self._drafts.append(draft)
        return draft.out

    def conv(self, name: str, *, num_branches: int, channels: int) -> ConvDraft:
        """Append a step whose branches are still empty."""
        branches = [BranchDraft(out=Signal(self, channels)) for _ in range(num_branches)]
        draft = ConvDraft(name=name, branches=branches, merged=Signal(self, channels))
        self._drafts.append(draft)
        return draft

    def float_step(
        self, kind: Callable[..., AnyFloatStep], name: str, signal: Signal, **members: Any
    ) -> int:
        """Append a step that makes floats of floats, with these members; returns its buffer."""
        step = kind(name=name, input=-1, output=-1, **members)
        channels = signal.channels // step.block_size() ** 2
        output = self.buffer("float", channels, 0.0)
        self._drafts.append(PlainDraft(replace(step, input=signal.as_float(), output=output)))
        return output

    def step_number(self, draft: SinkDraft | ConvDraft) -> int:
        """Of the step that `draft` becomes."""
        return next(i for i, other in enumerate(self._drafts) if other is draft)

    def place(self, signal: Signal) -> dict[str, Any]:
        """Where a signal is in the finished program, as `classifier` describes it."""
        for number, draft in enumerate(self._drafts):
            if isinstance(draft, SinkDraft) and draft.out is signal:
                return {"step": number, "at": draft.step.op, "index": 0, "sum": False}
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

    def finish(
        self,
        outputs: dict[str, int],
        *,
        size_divisor: int = 1,
        parts: Mapping[str, Program] | None = None,
    ) -> tuple[Program, dict[str, Tensor]]:
        """The program, and the tensors that it and its `parts` name."""
        self._drop_unread()
        steps: list[Step] = []
        for number, draft in enumerate(self._drafts):
            step = draft.finish()
            steps.append(self._on_the_sums(step, number) if isinstance(step, Conv) else step)
        program = Program(
            input_channels=self.input_channels,
            buffers=tuple(self.buffers),
            steps=tuple(steps),
            outputs=outputs,
            size_divisor=size_divisor,
        )
        program = renumber(reuse_residuals(program))
        program.parts.update(parts or {})
        named = set(_texts(program))
        return program, {name: t for name, t in self.tensors.items() if name in named}

    def _drop_unread(self) -> None:
        for first, second in self.on_demand:
            if not second.is_read():
                self._drafts = [d for d in self._drafts if d is not first and d is not second]
        # Such as the outputs of a pyramid's levels that no head sees.
        self._drafts = [d for d in self._drafts if not isinstance(d, ConvDraft) or d.is_read()]

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
    elif isinstance(value, tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
