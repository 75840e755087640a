"""Files made to break a reader: one clear error, or a program that can run."""

import collections
import math
import tracemalloc

import pytest
import torch

from groupnet_det.errors import DataError, PackedFileError
from groupnet_det.packed.packed_file import checksum, read_info, read_packed, write_packed
from groupnet_det.packed.shapes import buffer_shapes
from groupnet_det.packed.steps.conv import Conv
from groupnet_det.packed.steps.float_maps import MaxPool
from groupnet_det.packed.steps.input_steps import Stem
from groupnet_det.runtime.reference.interpreter import run_reference, run_reference_part

from .mutations import MUTATIONS, mutated
from .programs import example_packed_files

# One of each kind, as small as they come.
NAMES = [
    *("channels-1-to-256", "sinks-31", "join-3-scales-alias-gate", "terms-mixed", "stem-prelu"),
    *(
        "tiny-pyramid",
        "tiny-segmenter",
        "bytes-3-to-17-zero255",
        "resize-2-3",
        "interpolate-2-3",
        "part-sinks-1",
    ),
]
FEW, MANY = 320, 10_000
MEMORY = 4 << 20  # bytes of Python's own objects, for files of some thousand
LARGEST_PADDING = 30  # of what is run here
LARGEST_MAP = 1 << 21  # elements


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "a.gnp"
    examples = dict(example_packed_files())
    found = []
    for name in NAMES:
        packed = examples[name]
        write_packed(path, packed.program, packed.info, packed.tensors)
        found.append(path.read_bytes())
    return found


def read(path):
    """What came of reading: a reason, or nothing where there is a network that can run."""
    try:
        packed = read_packed(path)
    except PackedFileError as error:
        reason = str(error)
        assert reason.startswith(f"packed file {path}: ")
        assert len(reason) < 700
        return reason
    run_small(packed)
    return None


def run_small(packed):
    """A file that was not refused can run, unless its maps are large for a test."""
    run_one(packed, packed.program, torch.uint8, lambda x: run_reference(packed, x))
    for name, part in packed.program.parts.items():
        run_one(packed, part, torch.float32, lambda x, n=name: run_reference_part(packed, n, x))


def run_one(packed, program, dtype, run):
    """The program, or a part of it."""
    if any(part.padding > LARGEST_PADDING for part in windows(program)):
        return
    given = torch.zeros((1, 13, 17, program.input_channels), dtype=dtype)
    try:
        shapes = buffer_shapes(program, packed.tensors, tuple(given.shape))
        if max(math.prod(shape) for shape in shapes) > LARGEST_MAP:
            return
        outputs = run(given)
    except (DataError, PackedFileError):
        return
    assert set(outputs) == set(program.outputs)


def windows(program):
    """All convolutions and poolings."""
    for step in program.steps:
        if isinstance(step, Stem):
            yield from (step, step.pool) if step.pool else (step,)
        if isinstance(step, MaxPool):
            yield step.pool
        for branch in step.branches if isinstance(step, Conv) else ():
            yield from branch.terms


def check(contents, path, seeds):
    counts = collections.Counter()
    for seed in seeds:
        content = mutated(contents[seed // len(MUTATIONS) % len(contents)], seed)
        path.write_bytes(content)
        reason = read(path)
        counts[reason is None] += 1
        # What is not foreseen has the name of an exception in its message.
        assert reason is None or "it cannot be read" not in reason, (seed, reason)
        try:
            read_info(path)
        except PackedFileError:
            assert reason is not None, seed
    return counts


def test_mutated_files(contents, tmp_path):
    counts = check(contents, tmp_path / "a.gnp", range(FEW))
    assert counts[True] >= FEW // len(MUTATIONS)  # whose only change is a new checksum
    assert counts[False] > FEW // 2


def test_checksums_are_right(contents):
    files = [mutated(contents[0], seed) for seed in range(4 * len(MUTATIONS))]
    sealed = [content for content in files if checksum_of(content)]
    assert len(sealed) > len(files) * 3 // 4
    for content in sealed:
        assert b'"crc32":"' + checksum_of(content).encode() + b'"' in content


def checksum_of(content):
    """What it should be; none where there is no place for one."""
    try:
        return checksum(content)
    except PackedFileError:
        return None


def test_memory_is_bounded(contents, tmp_path):
    path = tmp_path / "a.gnp"
    for seed in range(FEW, FEW + 4 * len(MUTATIONS)):
        path.write_bytes(mutated(contents[-1], seed))
        tracemalloc.start()
        try:
            read_packed(path)
        except PackedFileError:
            pass
        finally:
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert most < MEMORY, seed


@pytest.mark.slow
def test_many_mutated_files(contents, tmp_path):
    counts = check(contents, tmp_path / "a.gnp", range(FEW, FEW + MANY))
    assert counts[False] > MANY // 2
