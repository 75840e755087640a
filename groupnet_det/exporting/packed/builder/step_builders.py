"""Steps while a program is being built: what is read of them shows only later."""

from dataclasses import dataclass, field, replace

from groupnet_det.packed.program import Step
from groupnet_det.packed.steps.conv import Branch, Conv, Join, Term
from groupnet_det.packed.steps.float_maps import AnyFloatStep
from groupnet_det.packed.steps.input_steps import Input, Stem
from groupnet_det.packed.steps.parts import Map, Sinks

from .feature_maps import FeatureMap


@dataclass
class BranchBuilder:
    """The draft of a `Branch`; `out` is its value, after the join if there is one."""

    out: FeatureMap
    terms: list[Term] = field(default_factory=list)
    residual: int | None = None
    residual_factor: int = 1
    final: Map = field(default_factory=Map)


@dataclass
class ConvBuilder:
    """The draft of a `Conv`; it gets a join if one of its parts is wanted.

    Attributes:
        merged: The merged value.
        scales, alias, gate: See `Join`.
    """

    name: str
    branches: list[BranchBuilder]
    merged: FeatureMap
    scales: str | None = None
    alias: bool = False
    gate: str | None = None

    def joined(self) -> FeatureMap:
        """The value of all branches: the merged one, or the only one."""
        return self.merged if len(self.branches) > 1 or self.scales else self.branches[0].out

    def is_read(self) -> bool:
        """Whether anything is wanted of it."""
        maps = [self.merged, *(branch.out for branch in self.branches)]
        return any(feature.sinks.finish() for feature in maps)

    def finish(self) -> Conv:
        merged = self.merged.sinks.finish()
        joined = merged is not None or self.gate is not None or self.alias
        sinks = tuple(b.out.sinks.finish() for b in self.branches)
        branches = tuple(
            Branch(
                terms=tuple(b.terms),
                residual=b.residual,
                residual_factor=b.residual_factor,
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
class SourceBuilder:
    """A step whose value is `out`; its sinks show only later."""

    source: Stem | Input
    out: FeatureMap

    def finish(self) -> Step:
        return replace(self.source, sinks=self.out.sinks.finish() or Sinks())


@dataclass
class FloatStepBuilder:
    """A step that is what it will be."""

    step: AnyFloatStep

    def finish(self) -> Step:
        return self.step


StepBuilder = SourceBuilder | ConvBuilder | FloatStepBuilder
