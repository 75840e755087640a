"""Buffers that steps read and write, also with other numbers; each member that names one counts."""

import typing
from dataclasses import fields, is_dataclass

import pytest

from groupnet_det.packed.program import STEPS
from groupnet_det.packed.steps.buffer_uses import BufferUser
from groupnet_det.packed.steps.conv import Branch, Conv, Join, Term
from groupnet_det.packed.steps.float_maps import DepthToSpace, Interpolate, MaxPool, Mean, Resize
from groupnet_det.packed.steps.input_steps import Input, Stem
from groupnet_det.packed.steps.parts import BitsSink, BytesSink, LevelsSink, Pool, Sinks

# Whole numbers that are sizes, factors and the like.
NO_BUFFERS = {"stride", "padding", "dilation", "kernel", "factor", "residual_factor", "zero"}


def sinks(first: int) -> Sinks:
    """To the buffers `first` to `first` + 3."""
    return Sinks(
        float_=first,
        bits=(BitsSink(buffer=first + 1),),
        levels=(LevelsSink(buffer=first + 2, thresholds="t", values="v"),),
        bytes=(BytesSink(buffer=first + 3, scale=1.0),),
    )


def branch(*inputs: int, residual: int | None, to: int | None = None) -> Branch:
    terms = tuple(Term(input=number, weight="w") for number in inputs)
    return Branch(terms=terms, residual=residual, sinks=None if to is None else sinks(to))


JOIN = Join(merged=sinks(20), branches=(sinks(30), None))
PLAIN = {"name": "s", "input": 1, "output": 2}
# Each with what it reads and writes, in order.
CASES = [
    (Stem(name="s", weight="w", stride=1, padding=0, sinks=sinks(10)), [], [10, 11, 12, 13]),
    (Input(name="s", sinks=sinks(10)), [], [10, 11, 12, 13]),
    (
        Conv(name="s", branches=(branch(1, 2, residual=3, to=10), branch(4, residual=None, to=20))),
        [1, 2, 3, 4],
        [10, 11, 12, 13, 20, 21, 22, 23],
    ),
    (
        Conv(name="s", branches=(branch(1, residual=2), branch(3, residual=4)), join=JOIN),
        [1, 2, 3, 4],
        [20, 21, 22, 23, 30, 31, 32, 33],
    ),
    (Mean(**PLAIN), [1], [2]),
    (Resize(**PLAIN, factor=2), [1], [2]),
    (Resize(**PLAIN, factor=2, like=3), [1, 3], [2]),
    (Interpolate(**PLAIN, factor=2, like=3), [1, 3], [2]),
    (MaxPool(**PLAIN, pool=Pool(kernel=2, stride=2, padding=0)), [1], [2]),
    (DepthToSpace(**PLAIN, factor=2), [1], [2]),
]
IDS = [
    *("stem", "input", "conv", "joined conv", "mean", "resize to the image", "resize"),
    *("interpolate", "max pool", "depth to space"),
]


def whole_numbers(kind: type) -> dict[str, set[str]]:
    """Names of the whole numbers of a dataclass and of all in it, by the class that has them."""
    found: dict[str, set[str]] = {kind.__name__: set()}
    for name, hint in typing.get_type_hints(kind).items():
        for part in (hint, *typing.get_args(hint)):
            inner = [part, *typing.get_args(part)]
            if int in inner:
                found[kind.__name__].add(name)
            for each in filter(is_dataclass, inner):
                found.update(whole_numbers(each))
    return found


def test_every_kind_of_step_has_a_case():
    assert {type(step) for step, *_ in CASES} == set(STEPS.values())


@pytest.mark.parametrize("kind", STEPS.values(), ids=STEPS)
def test_every_whole_number_is_a_buffer_or_known_to_be_none(kind):
    classes = {each.__name__: each for each in all_users(BufferUser)}
    for name, numbers in whole_numbers(kind).items():
        buffers = set(classes[name]._use_of) if name in classes else set()
        assert numbers - buffers <= NO_BUFFERS, name
        assert not buffers & NO_BUFFERS, name


def all_users(kind: type) -> set[type]:
    return {kind}.union(*(all_users(each) for each in kind.__subclasses__()))


@pytest.mark.parametrize(("step", "reads", "writes"), CASES, ids=IDS)
def test_what_is_read_and_written(step, reads, writes):
    assert (step.reads(), step.writes()) == (reads, writes)


@pytest.mark.parametrize(("step", "reads", "writes"), CASES, ids=IDS)
def test_renamed_changes_the_buffers_alone(step, reads, writes):
    numbers = {old: old + 100 for old in (*reads, *writes)}
    renamed = step.renamed(numbers)
    assert renamed.reads() == [number + 100 for number in reads]
    assert renamed.writes() == [number + 100 for number in writes]
    assert renamed.renamed({new: old for old, new in numbers.items()}) == step


@pytest.mark.parametrize(("step", "reads", "writes"), CASES, ids=IDS)
def test_buffers_without_another_number_keep_theirs(step, reads, writes):
    renamed = step.renamed({writes[0]: 99})
    assert renamed.reads() == reads
    assert renamed.writes() == [99, *writes[1:]]
    assert step.renamed({}) == step


@pytest.mark.parametrize(
    ("step", "pairs"),
    [
        (CASES[0][0], []),
        (CASES[2][0], [(10, 3)]),
        (CASES[3][0], [(30, 2)]),
        (Conv(name="s", branches=(branch(1, 3, residual=3, to=10),)), []),
        (
            Conv(
                name="s",
                branches=(branch(1, residual=3, to=10), branch(1, residual=3, to=20)),
            ),
            [],
        ),
        (Conv(name="s", branches=(branch(1, residual=2),), join=Join(merged=sinks(20))), []),
        (CASES[-1][0], []),
    ],
    ids=[
        *("stem", "conv", "joined conv", "residual is convolved too", "residual of two"),
        *("join that ends its branches", "plain step"),
    ],
)
def test_pairs_that_may_be_one_buffer(step, pairs):
    assert list(step.in_place()) == pairs


def test_fields_of_bases_come_first():
    """So files of former versions and of this one have members in one order."""
    names = [member.name for member in fields(Resize)]
    assert names == ["name", "input", "output", "factor", "like"]
