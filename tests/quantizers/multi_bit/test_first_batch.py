"""The state of the quantizers that the first batch sets: LSQ's step and LQ-Nets' basis."""

import copy
import io
import subprocess
import sys

import pytest
import torch

from groupnet_det.quantizers import LQActivation, LQWeight, LSQActivation, LSQWeight

QUANTIZERS = {
    "lsq-activation": lambda: LSQActivation(bits=2),
    "lsq-weight": lambda: LSQWeight(bits=2, num_groups=2),
    "lq-activation": lambda: LQActivation(bits=2),
    "lq-weight": lambda: LQWeight(out_channels=4, bits=2),
}
ALL = pytest.mark.parametrize("make", QUANTIZERS.values(), ids=QUANTIZERS)


def values(dtype=torch.float32):
    return torch.randn(4, 3, 3, 3, dtype=dtype)


def snapshot(module):
    return copy.deepcopy(module.state_dict())


def same(state, other):
    return all(torch.equal(state[key], other[key]) for key in state.keys() | other.keys())


@ALL
def test_first_batch_sets_the_state(make):
    quantizer = make()
    fresh = snapshot(quantizer)
    assert not fresh["initialized"]
    quantizer(values())
    assert quantizer.initialized
    assert not same(fresh, snapshot(quantizer))


@ALL
@pytest.mark.parametrize("trained", [False, True], ids=["fresh", "trained"])
def test_evaluation_changes_nothing_and_is_the_same_each_time(make, trained):
    quantizer = make()
    x = values()
    if trained:
        quantizer(x)
    before = snapshot(quantizer.eval())
    first = quantizer(x)
    quantizer(100 * x)
    assert same(before, snapshot(quantizer))
    assert torch.equal(quantizer(x), first)
    assert first.unique().numel() > 1


@ALL
def test_state_survives_saving_and_loading(make):
    quantizer = make()
    for _ in range(3):
        quantizer(values())
    file = io.BytesIO()
    torch.save(quantizer.state_dict(), file)
    file.seek(0)
    loaded = make()
    loaded(100 * values())  # what it had is forgotten
    loaded.load_state_dict(torch.load(file, weights_only=True))
    assert same(snapshot(quantizer), snapshot(loaded))
    x = values()
    assert torch.equal(quantizer(x), loaded(x))
    assert same(snapshot(quantizer), snapshot(loaded))


@ALL
def test_loading_a_fresh_state_makes_it_fresh(make):
    quantizer, other = make(), make()
    quantizer(100 * values())
    quantizer(values())
    quantizer.load_state_dict(other.state_dict())
    x = values()
    assert torch.equal(quantizer(x), other(x))
    assert same(snapshot(quantizer), snapshot(other))


@ALL
def test_dtype_follows_the_module(make):
    quantizer = make().double()
    assert quantizer(values(torch.float64)).dtype == torch.float64
    state = quantizer.state_dict()
    assert state.pop("initialized").dtype == torch.bool
    assert {value.dtype for value in state.values()} == {torch.float64}


@ALL
@pytest.mark.parametrize(
    "first", [torch.zeros(4, 0, 3, 3), torch.full((4, 3, 3, 3), torch.nan)], ids=["empty", "nan"]
)
def test_first_batch_without_information_sets_nothing(make, first):
    quantizer = make()
    before = snapshot(quantizer)
    assert quantizer(first).shape == first.shape
    assert same(before, snapshot(quantizer))
    quantizer(values())
    assert quantizer.initialized


TWO_PROCESSES = """
import sys, torch, torch.distributed as dist
from groupnet_det.quantizers import LQActivation, LSQActivation
torch.set_num_threads(1)
rank, store = int(sys.argv[1]), dist.FileStore(sys.argv[2], 2)
dist.init_process_group("gloo", rank=rank, world_size=2, store=store)
batch = torch.load(sys.argv[3])
lsq, lq = LSQActivation(bits=2).double(), LQActivation(bits=2).double()
for x in batch:
    lsq(x.chunk(2)[rank]), lq(x.chunk(2)[rank])
torch.save([lsq.step, lq.basis], f"{sys.argv[2]}.{rank}")
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_have_the_state_of_the_whole_batch(tmp_path, root):
    batches = torch.randn(3, 4, 3, 5, 5, dtype=torch.float64)
    torch.save(batches, tmp_path / "batches")
    store = str(tmp_path / "store")
    command = [sys.executable, "-c", TWO_PROCESSES]
    processes = [
        subprocess.Popen([*command, str(rank), store, str(tmp_path / "batches")], cwd=root)
        for rank in range(2)
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    lsq, lq = LSQActivation(bits=2).double(), LQActivation(bits=2).double()
    for x in batches:
        lsq(x), lq(x)
    for rank in range(2):
        step, basis = torch.load(f"{store}.{rank}")
        torch.testing.assert_close(step, lsq.step)
        torch.testing.assert_close(basis, lq.basis)
