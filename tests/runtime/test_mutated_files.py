"""Files made to break a reader: one clear error, or a program that can run."""

import collections
import tracemalloc

import pytest
import torch

from groupnet_det.errors import DataError, PackedFileError
from groupnet_det.runtime.packed_file import read_info, read_packed, write_packed
from groupnet_det.runtime.program import Conv, Stem
from groupnet_det.runtime.reference import run_reference
from tests.runtime.mutations import MUTATIONS, mutated
from tests.runtime.programs import example_packed_files

# One of each kind, as small as they come.
NAMES = ["channels-1-to-256", "sinks-31", "join-3-scales-alias-gate", "terms-mixed", "stem-prelu"]
FEW, MANY = 320, 10_000
MEMORY = 4 << 20  # bytes of Python's own objects, for files of some thousand
LARGEST_PADDING = 30  # of what is run here


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
    if any(part.padding > LARGEST_PADDING for part in windows(packed.program)):
        return
    channels = packed.program.input_channels
    images = torch.zeros((1, 13, 17, channels), dtype=torch.uint8)
    try:
        outputs = run_reference(packed, images)
    except (DataError, PackedFileError):
        return
    assert set(outputs) == set(packed.program.outputs)


def windows(program):
    """All convolutions and poolings."""
    for step in program.steps:
        if isinstance(step, Stem):
            yield from (step, step.pool) if step.pool else (step,)
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
