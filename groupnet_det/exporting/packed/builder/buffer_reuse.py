"""Buffers of a finished program: residuals updated in their place, none left over."""

from collections.abc import Mapping
from dataclasses import replace

from groupnet_det.packed.program import Program


def reuse_residuals(program: Program) -> Program:
    """Write the floats of a branch over its residual, where nobody reads that afterwards.

    Args:
        program: Each of its buffers is written once.
    """
    last_read: dict[int, int] = {}
    for number, step in enumerate(program.steps):
        last_read.update(dict.fromkeys(step.reads(), number))
    last_read.update(dict.fromkeys(program.outputs.values(), len(program.steps)))
    place: dict[int, int] = {}
    for number, step in enumerate(program.steps):
        for output, residual in step.in_place():
            target = place.get(residual, residual)
            if last_read[residual] == number and _alike(program, output, target):
                place[output] = target
    return _renamed(program, place)


def renumber(program: Program) -> Program:
    """Number the buffers again, without those that nothing uses."""
    used = set(program.outputs.values())
    for step in program.steps:
        used.update(step.reads(), step.writes())
    order = {old: new for new, old in enumerate(sorted(used))}
    kept = tuple(program.buffers[old] for old in order)
    return replace(_renamed(program, order), buffers=kept)


def _alike(program: Program, first: int, second: int) -> bool:
    return program.buffers[first] == program.buffers[second]


def _renamed(program: Program, numbers: Mapping[int, int]) -> Program:
    return replace(
        program,
        steps=tuple(step.renamed(numbers) for step in program.steps),
        outputs={key: numbers.get(buffer, buffer) for key, buffer in program.outputs.items()},
    )
