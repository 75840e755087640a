"""Last changes of a program that is being built: values that nothing reads are left out,
thresholds act on sums, buffers are shared."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import Tensor

from groupnet_det.packed.program import Program, Step
from groupnet_det.packed.steps.conv import Conv
from groupnet_det.packed.steps.parts import Buffer

from .buffer_reuse import renumber, reuse_residuals
from .feature_maps import FeatureMap
from .integer_thresholds import on_the_sum
from .step_builders import ConvBuilder, SourceBuilder, StepBuilder
from .tensor_store import TensorStore


@dataclass(frozen=True)
class FinishedSteps:
    """The steps of a program, and where the maps of its builders went.

    Attributes:
        builders: The builder of each step.
        on_sums: Pairs of a step and a branch whose thresholds act on the sum of a convolution.
    """

    steps: tuple[Step, ...]
    builders: list[StepBuilder]
    on_sums: set[tuple[int, int]]

    def number(self, step: StepBuilder) -> int:
        """Number of the step that this one became."""
        return next(i for i, other in enumerate(self.builders) if other is step)

    def location(self, feature: FeatureMap) -> dict[str, Any]:
        """Place of a map, as `exporting.packed.models.classifiers` describes it.

        Raises:
            KeyError: No step gives this map.
        """
        for number, step in enumerate(self.builders):
            if isinstance(step, SourceBuilder) and step.out is feature:
                return {"step": number, "at": step.source.op, "index": 0, "sum": False}
            if not isinstance(step, ConvBuilder):
                continue
            if step.merged is feature:
                return {"step": number, "at": "merged", "index": 0, "sum": False}
            for k, branch in enumerate(step.branches):
                if branch.out is feature:
                    at = "joined" if step.finish().join else "branch"
                    on_sum = (number, k) in self.on_sums
                    return {"step": number, "at": at, "index": k, "sum": on_sum}
        raise KeyError("no step gives this map")


def finish_steps(
    builders: Sequence[StepBuilder],
    on_demand: Sequence[tuple[ConvBuilder, ConvBuilder]],
    buffers: Sequence[Buffer],
    store: TensorStore,
) -> FinishedSteps:
    """Write down the steps that something reads.

    Args:
        builders: In the order of the steps.
        on_demand: See `ProgramBuilder`.
        buffers: Buffers of the program.
        store: Its tensors; gets those of thresholds.
    """
    kept = _without_unread(builders, on_demand)
    steps: list[Step] = []
    on_sums: set[tuple[int, int]] = set()
    for number, builder in enumerate(kept):
        step = builder.finish()
        if isinstance(step, Conv):
            step, branches = _with_thresholds_on_sums(step, buffers, store)
            on_sums.update((number, k) for k in branches)
        steps.append(step)
    return FinishedSteps(tuple(steps), kept, on_sums)


def join_buffers(program: Program) -> Program:
    """Residuals are updated in their place, and no buffer is left over."""
    return renumber(reuse_residuals(program))


def _without_unread(
    builders: Sequence[StepBuilder], on_demand: Sequence[tuple[ConvBuilder, ConvBuilder]]
) -> list[StepBuilder]:
    kept = list(builders)
    for first, second in on_demand:
        if not second.is_read():
            kept = [step for step in kept if step is not first and step is not second]
    # Such as the outputs of a pyramid's levels that no head sees.
    return [step for step in kept if not isinstance(step, ConvBuilder) or step.is_read()]


def _with_thresholds_on_sums(
    step: Conv, buffers: Sequence[Buffer], store: TensorStore
) -> tuple[Conv, list[int]]:
    """The step, and the numbers of the branches that have them."""

    def keep(prefix: str, member: str, value: Tensor) -> str:
        return store.keep(f"{prefix}.{member}", value)

    branches = tuple(
        on_the_sum(branch, buffers, store.tensors, partial(keep, f"{step.name}.{k}"))
        for k, branch in enumerate(step.branches)
    )
    pairs = zip(branches, step.branches, strict=True)
    changed = [k for k, (branch, before) in enumerate(pairs) if branch is not before]
    return replace(step, branches=branches), changed
