"""Time of each step of a packed network, by the engine's own clock, and of which layer it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from groupnet_det.modeling.backbones.staged_backbone import StagedBackbone
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.program import Program
from groupnet_det.runtime.backends.networks import NativeNetwork

from .forward import Regions
from .layer_costs import LayerCost

SEED = 0


@dataclass(frozen=True, kw_only=True)
class StepTime:
    """A step of the program, or of one of its parts.

    Attributes:
        name, op: Name and operation of the step.
        milliseconds: It took.
        part: The part that it belongs to; "" for the program itself.
    """

    name: str
    op: str
    milliseconds: float
    part: str = ""


def time_steps(
    path: Path,
    packed: PackedFile,
    *,
    size: tuple[int, int],
    parts: Mapping[str, Regions],
    runs: int,
) -> list[StepTime]:
    """The steps of the fastest of some runs on random pixels; after one that is not counted.

    Args:
        path, packed: A packed file, and what is in it.
        size: Height and width of the image.
        parts: The regions that each part runs on.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    network = NativeNetwork(path, packed)
    generator = torch.Generator().manual_seed(SEED)
    pixels = torch.randint(0, 256, (1, *size, 3), dtype=torch.uint8, generator=generator)
    steps = _time(network.engine, packed.program, pixels, runs)
    for name, program in packed.program.parts.items():
        regions = parts[name]
        shape = regions.number, regions.height, regions.width, program.input_channels
        maps = torch.randn(shape, generator=generator)
        steps += _time(network.parts[name], program, maps, runs, name)
    return steps


def with_latency(
    rows: Sequence[LayerCost], steps: Iterable[StepTime], backbone: str
) -> list[LayerCost]:
    """`rows` with the time of their steps; steps that belong to no layer get rows of their own.

    A shortcut's convolution has none of its own: it is computed in the step of the unit whose
    output it is added to.

    Args:
        backbone: Path of the backbone, which the names of its steps leave out.
    """
    times: dict[str, float] = {}
    rest: list[LayerCost] = []
    names = [row.name for row in rows if row.kind]
    for step in steps:
        name = _layer_of(step.name, names) or _layer_of(f"{backbone}.{step.name}", names)
        if name:
            times[name] = times.get(name, 0.0) + step.milliseconds
        else:
            own = f"{step.part}.{step.name}" if step.part else step.name
            kind = f"step {step.op}"
            rest.append(LayerCost(name=own, kind=kind, milliseconds=step.milliseconds))
    return [replace(row, milliseconds=times.get(row.name)) for row in rows] + rest


def backbone_path(model: nn.Module) -> str:
    """Module path of the backbone in `model`; "" where there is none."""
    paths = (path for path, each in model.named_modules() if isinstance(each, StagedBackbone))
    return next(paths, "")


def _layer_of(step: str, names: Sequence[str]) -> str | None:
    """The layer of a step: of the same name; or of one that the step's name goes on from, such as
    with the level of a pyramid; or one that goes on from the step's, such as the stem's."""
    if step in names:
        return step
    shorter = [name for name in names if step.startswith(f"{name}.")]
    longer = [name for name in names if name.startswith(f"{step}.")]
    return max(shorter, key=len, default=None) or next(iter(longer), None)


def _time(
    engine: Any, program: Program, given: torch.Tensor, runs: int, part: str = ""
) -> list[StepTime]:
    engine.time_steps(given, 1)
    seconds = engine.time_steps(given, runs)
    fastest = seconds[seconds.sum(dim=1).argmin()]
    return [
        StepTime(name=step.name, op=step.op, milliseconds=1000 * float(value), part=part)
        for step, value in zip(program.steps, fastest, strict=True)
    ]
