"""Run a function in two processes that know of each other."""

import os
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from groupnet_det.engine.processes.distributed import leave_process_group

WORLD_SIZE = 2


def run_in_two_processes(function, *arguments):
    """Call ``function(rank, *arguments)`` in each; a failure of one is one of the test."""
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(
            _worker,
            args=(function, Path(folder) / "meeting", arguments),
            nprocs=WORLD_SIZE,
            start_method="spawn",
        )


def _worker(rank, function, meeting, arguments):
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    function(rank, *arguments)
    leave_process_group()
