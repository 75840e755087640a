"""Collects the buffers, tensors and steps of a program."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from torch import Tensor

from groupnet_det.packed.program import Program, named_tensors
from groupnet_det.packed.steps.float_maps import AnyFloatStep
from groupnet_det.packed.steps.input_steps import Input, Stem
from groupnet_det.packed.steps.parts import Buffer, Map, Sinks

from .feature_maps import FeatureMap
from .finishing import FinishedSteps, finish_steps, join_buffers
from .folding import MapValues
from .step_builders import BranchBuilder, ConvBuilder, FloatStepBuilder, SourceBuilder, StepBuilder
from .tensor_store import TensorStore


class ProgramBuilder:
    """Steps are appended in the order in which they run; `finish` writes them down.

    Attributes:
        buffers: So far.
        store: The tensors, which parts of a program share with it.
        on_demand: Pairs of steps; both are left out where nothing is read of the second.
        finished: The steps that `finish` has written down.
    """

    def __init__(self, input_channels: int, store: TensorStore | None = None) -> None:
        self.input_channels = input_channels
        self.buffers: list[Buffer] = []
        self.store = store or TensorStore()
        self.on_demand: list[tuple[ConvBuilder, ConvBuilder]] = []
        self.finished: FinishedSteps | None = None
        self._steps: list[StepBuilder] = []

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Tensors by name; equal ones are one."""
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

    def stem(self, name: str, *, channels: int, **members: Any) -> SourceBuilder:
        """Append a stem, with these members of `Stem`."""
        source = Stem(name=name, sinks=Sinks(), **members)
        step = SourceBuilder(source=source, out=FeatureMap(self, channels))
        self._steps.append(step)
        return step

    def input(self, name: str) -> FeatureMap:
        """Append the first step of a part; returns the map that the part is given."""
        source = Input(name=name, sinks=Sinks())
        step = SourceBuilder(source=source, out=FeatureMap(self, self.input_channels))
        self._steps.append(step)
        return step.out

    def conv(self, name: str, *, num_branches: int, channels: int) -> ConvBuilder:
        """Append a step whose branches are still empty."""
        branches = [BranchBuilder(out=FeatureMap(self, channels)) for _ in range(num_branches)]
        step = ConvBuilder(name=name, branches=branches, merged=FeatureMap(self, channels))
        self._steps.append(step)
        return step

    def float_step(
        self, kind: Callable[..., AnyFloatStep], name: str, feature: FeatureMap, **members: Any
    ) -> int:
        """Append a step that makes floats of floats, with these members; returns its buffer."""
        step = kind(name=name, input=-1, output=-1, **members)
        channels = feature.channels // step.block_size() ** 2
        output = self.buffer("float", channels, 0.0)
        self._steps.append(FloatStepBuilder(replace(step, input=feature.as_float(), output=output)))
        return output

    def finish(
        self,
        outputs: dict[str, int],
        *,
        size_divisor: int = 1,
        parts: Mapping[str, Program] | None = None,
    ) -> tuple[Program, dict[str, Tensor]]:
        """The program, and the tensors that it and its `parts` name."""
        self.finished = finish_steps(self._steps, self.on_demand, self.buffers, self.store)
        program = join_buffers(
            Program(
                input_channels=self.input_channels,
                buffers=tuple(self.buffers),
                steps=self.finished.steps,
                outputs=outputs,
                size_divisor=size_divisor,
            )
        )
        program.parts.update(parts or {})
        return program, named_tensors(program, self.tensors)
