"""Number of processes for given flags."""

import argparse
import os
import signal
import sys
from pathlib import Path

import pytest
import torch
from detectron2.utils import comm
from torch import nn

from groupnet_det.engine.processes.distributed import distribute, leave_process_group, share_buffers
from groupnet_det.engine.processes.launch import processes_per_machine, run_in_processes
from groupnet_det.errors import ConfigError, TrainingError
from tests.processes import run_in_two_processes


def make_arguments(**changed):
    flags = {"num_gpus": 1, "num_processes": 0, "num_machines": 1, "machine_rank": 0}
    return argparse.Namespace(**{**flags, **changed})


@pytest.mark.parametrize(
    ("flags", "expected"),
    [({}, 1), ({"num_gpus": 0}, 1), ({"num_processes": 3}, 3)],
    ids=["default", "no-gpu", "cpu-processes"],
)
def test_number_of_processes(flags, expected):
    assert processes_per_machine(make_arguments(**flags)) == expected


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"num_gpus": 99}, "--num-gpus is 99, but .* --num-processes"),
        ({"num_processes": -1}, "must not be negative"),
        ({"num_machines": 2, "machine_rank": 2}, "--machine-rank is 2, but of --num-machines 2"),
    ],
    ids=["gpus", "processes", "rank"],
)
def test_mistakes_in_flags(flags, message):
    with pytest.raises(ConfigError, match=message):
        processes_per_machine(make_arguments(**flags))


def test_one_process_is_this_one():
    seen = []
    run_in_processes(seen.append, make_arguments())
    assert seen == [make_arguments()]


def test_in_one_process_the_model_is_left_as_it_is():
    model = nn.Sequential(nn.BatchNorm2d(2))
    assert distribute(model, sync_batch_norm=True) is model
    assert type(model[0]) is nn.BatchNorm2d


def train_apart_and_share(rank, folder):
    torch.manual_seed(rank)
    model = distribute(nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)), sync_batch_norm=False)
    model(torch.randn(2, 2, 3, 3))
    apart = model.module[1].running_mean.clone()
    share_buffers(model)
    torch.save((apart, model.module[1].running_mean), folder / f"{rank}.pth")


def test_statistics_that_differ_become_the_main_processs(tmp_path):
    run_in_two_processes(train_apart_and_share, tmp_path)
    (apart0, shared0), (apart1, shared1) = (torch.load(tmp_path / f"{n}.pth") for n in range(2))
    assert not torch.equal(apart0, apart1)
    assert torch.equal(shared0, apart0)
    assert torch.equal(shared1, apart0)


def threads_of_gloo():
    names = [task.joinpath("comm").read_text() for task in Path("/proc/self/task").iterdir()]
    return [name.strip() for name in names if "gloo" in name]


def train_gather_and_leave(arguments):
    """What starts threads: the averaging of gradients, and Detectron2's groups."""
    model = distribute(nn.Conv2d(2, 2, 1), sync_batch_norm=False)
    model(torch.randn(2, 2, 3, 3)).sum().backward()
    comm.gather("anything")
    rank, before = comm.get_rank(), threads_of_gloo()
    del model
    leave_process_group()
    torch.save((before, threads_of_gloo()), arguments.folder / f"{rank}.pth")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists its threads like this")
def test_no_thread_of_a_process_group_outlives_the_work(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    arguments = make_arguments(num_processes=2, dist_url="auto", folder=tmp_path)
    run_in_processes(train_gather_and_leave, arguments)
    for rank in range(2):
        before, after = torch.load(tmp_path / f"{rank}.pth")
        assert before
        assert not after


def test_in_one_process_there_is_no_group_to_leave():
    leave_process_group()


def die(arguments):
    if comm.get_rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    comm.synchronize()


def test_a_process_that_died_is_reported_in_one_line():
    arguments = make_arguments(num_processes=2, dist_url="auto")
    with pytest.raises(TrainingError, match=r"process 1 of 2 .*SIGKILL.*--resume") as error:
        run_in_processes(die, arguments)
    assert "\n" not in str(error.value)
