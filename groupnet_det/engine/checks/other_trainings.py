"""Notice of other trainings on the same processor cores, as each makes the others slower.

A training is announced by a socket with a name in Linux' abstract namespace: it takes no file, any
user can see it, and it is gone when the process is, however that ends. Other systems have no
warning.
"""

import logging
import os
import socket
import weakref
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from detectron2.engine import HookBase
from detectron2.utils import comm

logger = logging.getLogger(__name__)

LABEL = "groupnet_det-training"
SOCKETS = Path("/proc/net/unix")


@dataclass(frozen=True, kw_only=True)
class RunningTraining:
    """One on this machine.

    Attributes:
        process: Its number.
        threads: Computing threads of all its processes together.
        cores: Bit mask of the cores that it may use.
    """

    process: int
    threads: int
    cores: int

    @property
    def name(self) -> str:
        return f"{LABEL}:{self.process}:{self.threads}:{self.cores:x}"


def this_training() -> RunningTraining:
    """This process and those beside it on this machine, as one training."""
    cores = sum(1 << core for core in os.sched_getaffinity(0))
    threads = torch.get_num_threads() * comm.get_local_size()
    return RunningTraining(process=os.getpid(), threads=threads, cores=cores)


def running_trainings(sockets: Path = SOCKETS) -> list[RunningTraining]:
    """All that are announced; those of this process too."""
    try:
        words = sockets.read_text(errors="replace").split()
    except OSError:
        return []
    found = (_parse(word) for word in words if word.startswith(f"@{LABEL}:"))
    return [training for training in found if training]


def _parse(word: str) -> RunningTraining | None:
    try:
        _, process, threads, cores = word.rstrip("@").split(":")
        return RunningTraining(process=int(process), threads=int(threads), cores=int(cores, 16))
    except ValueError:  # of some other program
        return None


def crowding(own: RunningTraining, others: Iterable[RunningTraining]) -> str | None:
    """The warning that trainings have more threads than cores; None if they have not."""
    beside = [t for t in others if t.process != own.process and t.cores & own.cores]
    threads, cores = own.threads + sum(t.threads for t in beside), own.cores
    for training in beside:
        cores |= training.cores
    if not beside or threads <= cores.bit_count():
        return None
    processes = ", ".join(sorted({str(t.process) for t in beside}))
    return (
        f"another training runs on the same cores (process {processes}): together {threads} "
        f"threads for {cores.bit_count()} cores, so both are slow; wait for it, or give each its "
        "own with taskset, or fewer threads with OMP_NUM_THREADS"
    )


class AnnounceTraining(HookBase):
    """Announce this training while it runs, and warn of others on its cores."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def before_train(self) -> None:
        if not hasattr(os, "sched_getaffinity"):
            return
        own = this_training()
        warning = crowding(own, running_trainings())
        if warning:
            logger.warning(warning)
        with suppress(OSError):
            self._socket = announce(own)

    def after_train(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def announce(training: RunningTraining) -> socket.socket:
    """Make a training known until the socket is closed or this process ends.

    Processes that load its data give their copy of the socket up.

    Raises:
        OSError: There is no such socket on this system, or it is announced already.
    """
    found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        found.bind(f"\0{training.name}")
    except OSError:
        found.close()
        raise
    reference = weakref.ref(found)

    def give_up() -> None:
        if (copy := reference()) is not None:
            copy.close()

    os.register_at_fork(after_in_child=give_up)
    return found
