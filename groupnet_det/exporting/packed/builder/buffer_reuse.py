"""Buffers of a finished program: residuals updated in their place, none left over."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from groupnet_det.packed.program import (
    BitsSink,
    Branch,
    BytesSink,
    Conv,
    DepthToSpace,
    Interpolate,
    LevelsSink,
    MaxPool,
    Mean,
    Program,
    Resize,
    Sinks,
    Step,
    Term,
)

# The members that hold the number of a buffer.
_NUMBERS: dict[type, tuple[str, ...]] = {
    Sinks: ("float_",),
    BitsSink: ("buffer",),
    LevelsSink: ("buffer",),
    Term: ("input",),
    Branch: ("residual",),
    BytesSink: ("buffer",),
    Mean: ("input", "output"),
    Resize: ("input", "output", "like"),
    Interpolate: ("input", "output", "like"),
    MaxPool: ("input", "output"),
    DepthToSpace: ("input", "output"),
}
_PLAIN = (Mean, Resize, Interpolate, MaxPool, DepthToSpace)


def reuse_residuals(program: Program) -> Program:
    """Write the floats of a branch over its residual, where nobody reads that afterwards.

    Args:
        program: Each of its buffers is written once.
    """
    last_read: dict[int, int] = {}
    for number, step in enumerate(program.steps):
        last_read.update(dict.fromkeys(_read(step), number))
    last_read.update(dict.fromkeys(program.outputs.values(), len(program.steps)))
    place: dict[int, int] = {}
    for number, step in enumerate(program.steps):
        if isinstance(step, Conv):
            for output, residual in _candidates(step):
                target = place.get(residual, residual)
                if last_read[residual] == number and _alike(program, output, target):
                    place[output] = target
    return _renamed(program, lambda buffer: place.get(buffer, buffer))


def renumber(program: Program) -> Program:
    """Without the buffers that nothing uses."""
    used = set(program.outputs.values())
    for step in program.steps:
        used.update(_read(step), _written(step))
    order = {old: new for new, old in enumerate(sorted(used))}
    kept = tuple(program.buffers[old] for old in order)
    return replace(_renamed(program, order.__getitem__), buffers=kept)


def _candidates(step: Conv) -> Iterator[tuple[int, int]]:
    """(float output, residual) of branches whose residual nothing else in the step reads."""
    convolved = {term.input for branch in step.branches for term in branch.terms}
    uses = Counter(branch.residual for branch in step.branches)
    joined = step.join.branches if step.join else ()
    for branch, after in zip(step.branches, joined or (None,) * len(step.branches), strict=True):
        sinks = after if step.join else branch.sinks
        if sinks is None or sinks.float_ is None or branch.residual is None:
            continue
        if branch.residual_factor != 1:
            continue
        if uses[branch.residual] == 1 and branch.residual not in convolved:
            yield sinks.float_, branch.residual


def _alike(program: Program, first: int, second: int) -> bool:
    return program.buffers[first] == program.buffers[second]


def _read(step: Step) -> Iterator[int]:
    if isinstance(step, _PLAIN):
        yield step.input
        if isinstance(step, Resize | Interpolate) and step.like is not None:
            yield step.like
    elif isinstance(step, Conv):
        for branch in step.branches:
            yield from (term.input for term in branch.terms)
            if branch.residual is not None:
                yield branch.residual


def _written(step: Step) -> Iterator[int]:
    if isinstance(step, _PLAIN):
        yield step.output
        return
    for sinks in step.sinks() if isinstance(step, Conv) else [step.sinks]:
        yield from sinks.buffers()


def _renamed(program: Program, name: Callable[[int], int]) -> Program:
    return replace(
        program,
        steps=tuple(_with_numbers(step, name) for step in program.steps),
        outputs={key: name(buffer) for key, buffer in program.outputs.items()},
    )


def _with_numbers(value: Any, name: Callable[[int], int]) -> Any:
    if isinstance(value, tuple):
        return tuple(_with_numbers(item, name) for item in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    numbers = _NUMBERS.get(type(value), ())
    members = {}
    for member in fields(value):
        old = getattr(value, member.name)
        if member.name in numbers:
            members[member.name] = None if old is None else name(old)
        else:
            members[member.name] = _with_numbers(old, name)
    return type(value)(**members)
