import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from detectron2.structures import BitMasks, Boxes, Instances
from torch.utils.data import DataLoader

from groupnet_det.data.loading.shared_memory import explain_ended_worker, share_batch
from groupnet_det.errors import DataError


class Records:
    def __len__(self):
        return 2

    def __getitem__(self, index):
        instances = Instances((4, 6))
        instances.gt_boxes = Boxes(torch.ones(1, 4))
        instances.gt_masks = BitMasks(torch.ones(1, 4, 6, dtype=torch.bool))
        return {"image": torch.full((3, 4, 6), float(index)), "instances": instances}


def load(num_workers):
    return list(
        DataLoader(Records(), batch_size=2, num_workers=num_workers, collate_fn=share_batch)
    )


@pytest.mark.parametrize("num_workers", [0, 2])
def test_batches_arrive_whole(num_workers):
    ((first, second),) = load(num_workers)
    assert (first["image"].max().item(), second["image"].max().item()) == (0, 1)
    assert second["instances"].gt_masks.tensor.all()
    assert second["image"].is_shared() == bool(num_workers)


@pytest.mark.parametrize("refused", ["image", "mask"])
def test_a_full_shared_memory_ends_with_the_remedy(monkeypatch, refused):
    share = torch.Tensor.share_memory_

    def full(tensor):
        if (tensor.dtype == torch.bool) == (refused == "mask"):
            raise RuntimeError("unable to write to file </torch_1>: No space left on device (28)")
        return share(tensor)

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    with pytest.raises(DataError, match=r"/dev/shm.*NUM_WORKERS 0.*--shm-size.*\(28\)") as error:
        load(1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is", "/dev/shm"),
        ("DataLoader worker (pid 7) is killed by signal: Killed. ", "memory ran out.*NUM_WORKERS"),
        ("DataLoader worker (pid(s) 7) exited unexpectedly", "NUM_WORKERS"),
        ("CUDA out of memory", "^$"),
    ],
)
def test_an_ended_worker_is_explained(told, expected):
    assert re.search(expected, explain_ended_worker(RuntimeError(told)))


class Endless:
    def __len__(self):
        return 10**9

    def __getitem__(self, index):
        return torch.zeros(1)


def load_until_killed(method):
    """Prints the ids of two loader processes and is killed as the kernel kills: at once."""
    import os

    loader = DataLoader(
        Endless(),
        batch_size=1,
        num_workers=2,
        collate_fn=share_batch,
        multiprocessing_context=method,
    )
    batches = iter(loader)
    next(batches), next(batches)
    print(*(worker.pid for worker in batches._workers), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def is_alive(pid):
    try:
        return "Z (zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs /proc")
@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_loader_processes_end_with_a_trainer_that_is_killed(root, method):
    code = f"from {__name__} import load_until_killed; load_until_killed({method!r})"
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    workers = list(map(int, killed.stdout.split()))
    assert len(workers) == 2
    patience = time.monotonic() + 60
    while any(map(is_alive, workers)):
        assert time.monotonic() < patience, "the loader processes stay"
        time.sleep(0.1)
