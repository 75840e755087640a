"""Sizes of maps in Python and in C++, on random programs: equal, or refused by both in one line."""

import collections
import random

import pytest

from groupnet_det.errors import DataError, PackedFileError
from groupnet_det.packed import packed_file
from groupnet_det.packed.packed_file import read_packed
from groupnet_det.packed.program import STEPS
from groupnet_det.packed.shapes import buffer_shapes
from groupnet_det.runtime.backends.extension import open_network
from groupnet_det.runtime.reference.interpreter import trace_reference
from tests.runtime.engine import assert_same_trace, needs_engine

from .programs import example_images
from .random_programs import kinds_of_steps, random_packed, random_sizes

FEW, MANY = 250, 5000
SMALL = 24
CHUNK = 50
REFUSED = "refused"


def write_unchecked(path, packed):
    """Whether it is valid or not."""
    path.write_bytes(packed_file._to_bytes(packed.program, packed.info, packed.tensors))
    return path


def reference(path, part):
    """How Python infers the sizes of a program, or of a part of it."""
    packed = read_packed(path)
    program = packed.program.parts[part] if part else packed.program
    return lambda size: buffer_shapes(program, packed.tensors, (*size, program.input_channels))


def engine(path, part):
    """How C++ does."""
    network = open_network(path)
    network = network.part(part) if part else network
    return lambda size: [tuple(shape) for shape in network.shapes(*size)]


def outcomes(make, path, part, sizes):
    """For each size, the shapes, or `REFUSED`, and the line that says why."""
    try:
        infer = make(path, part)
    except PackedFileError as error:
        return [(REFUSED, one_line(error))] * len(sizes)
    return [outcome(infer, size) for size in sizes]


def outcome(infer, size):
    try:
        return infer(size), ""
    except (DataError, PackedFileError, ValueError) as error:
        return REFUSED, one_line(error)


def one_line(error):
    text = str(error)
    assert text
    assert "\n" not in text
    return text


def compare(path, seeds):
    """How many sizes are refused, how many not."""
    counts = collections.Counter()
    for seed in seeds:
        write_unchecked(path, random_packed(seed))
        sizes = random_sizes(seed)
        for part in (None, "part"):
            both = (outcomes(make, path, part, sizes) for make in (reference, engine))
            for size, (expected, why), (got, reason) in zip(sizes, *both, strict=True):
                assert got == expected, (seed, part, size, why, reason)
                counts[expected == REFUSED] += 1
    return counts


@needs_engine
@pytest.mark.parametrize("first", range(0, FEW, CHUNK), ids=lambda seed: f"from-{seed}")
def test_sizes_agree(tmp_path, first):
    counts = compare(tmp_path / "a.gnp", range(first, first + CHUNK))
    assert min(counts[True], counts[False]) > sum(counts.values()) // 8


@needs_engine
@pytest.mark.parametrize("first", range(0, FEW, CHUNK), ids=lambda seed: f"from-{seed}")
def test_answers_agree(tmp_path, first):
    """Of the programs that run, bit by bit."""
    ran = [seed for seed in range(first, first + CHUNK) if runs_alike(tmp_path / "a.gnp", seed)]
    assert len(ran) > CHUNK // 8


def runs_alike(path, seed):
    """Whether the program runs on an image of one of its sizes."""
    packed = random_packed(seed, most=SMALL)
    write_unchecked(path, packed)
    rng = random.Random(seed)
    sides = rng.randint(1, SMALL), rng.randint(1, SMALL)
    if outcome(lambda size: reference(path, None)(size), (1, *sides))[0] == REFUSED:
        return False
    images = example_images(packed, batch=1, height=sides[0], width=sides[1])
    expected = trace_reference(packed, images)
    assert_same_trace(open_network(path).trace(images), expected, seed)
    return True


def test_all_kinds_of_steps_are_among_them():
    assert kinds_of_steps(map(random_packed, range(CHUNK))) == set(STEPS)


@needs_engine
@pytest.mark.slow
def test_many_sizes_agree(tmp_path):
    compare(tmp_path / "a.gnp", range(FEW, FEW + MANY))
