"""Run a tool in one or many processes, on one or many machines."""

import argparse
import os
import sys
import time
from collections.abc import Callable

import torch
from detectron2.engine import launch
from detectron2.utils import comm
from torch.multiprocessing import ProcessExitedException

from groupnet_det.errors import ConfigError, TrainingError, UserError

from .distributed import leave_process_group

SECONDS_FOR_THE_FIRST = 15

RESUME = "its own lines above may say why; --resume goes on from the last checkpoint"
OFTEN = {
    "SIGKILL": ", often for want of memory: lower SOLVER.IMS_PER_BATCH or the number of processes",
    "SIGBUS": ", often since /dev/shm is full: set DATALOADER.NUM_WORKERS 0",
}
# What gloo and NCCL say where the other end is gone.
PEER_LOST = ("Connection closed by peer", "Connection reset by peer", "remote process exited")

Main = Callable[[argparse.Namespace], object]


def run_in_processes(main: Main, arguments: argparse.Namespace) -> None:
    """Run ``main(arguments)`` in the processes that the flags ask for.

    Args:
        main: A function at the top level of its module.
        arguments: Arguments of Detectron2's ``default_argument_parser``, and ``num_processes``: CPU
            processes per machine; 0 for the number that ``num_gpus`` gives.

    Raises:
        UserError: What `main` raises; where there are several processes, the one that met it prints
            it, and the program exits.
        ConfigError: Flags that ask for what is not there.
    """
    if arguments.num_processes:
        # Also from Detectron2's launcher, which takes GPUs wherever it sees some.
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        arguments.num_gpus = 0
    per_machine = processes_per_machine(arguments)
    if per_machine * arguments.num_machines == 1:
        main(arguments)
        return
    try:
        launch(
            _run_one_of_many,
            per_machine,
            num_machines=arguments.num_machines,
            machine_rank=arguments.machine_rank,
            dist_url=arguments.dist_url,
            args=(main, arguments, per_machine),
        )
    except ProcessExitedException as error:
        if error.signal_name:
            raise TrainingError(
                f"process {error.error_index} of {per_machine} was ended by {error.signal_name}"
                f"{OFTEN.get(error.signal_name, '')}; {RESUME}"
            ) from error
        sys.exit(error.exit_code)  # it has said why


def processes_per_machine(arguments: argparse.Namespace) -> int:
    """The number of processes that the flags ask for, at least 1.

    Raises:
        ConfigError: A number is below 0, more GPUs are asked for than there are, or a machine's
            rank is not below the number of machines.
    """
    if arguments.num_processes < 0 or arguments.num_gpus < 0:
        raise ConfigError("--num-processes and --num-gpus must not be negative")
    if not 0 <= arguments.machine_rank < arguments.num_machines:
        raise ConfigError(
            f"--machine-rank is {arguments.machine_rank}, but of --num-machines "
            f"{arguments.num_machines} the first is 0 and the last "
            f"{arguments.num_machines - 1}"
        )
    if arguments.num_processes:
        return arguments.num_processes
    check_num_gpus(arguments.num_gpus)
    return max(1, arguments.num_gpus)


def check_num_gpus(num_gpus: int) -> None:
    """
    Raises:
        ConfigError: More GPUs are asked for than there are; one, Detectron2's default, may be
            missing.
    """
    available = torch.cuda.device_count()
    if num_gpus > max(available, 1):
        raise ConfigError(
            f"--num-gpus is {num_gpus}, but this machine has {available}; for processes on the "
            "CPU there is --num-processes"
        )


def _run_one_of_many(main: Main, arguments: argparse.Namespace, per_machine: int) -> None:
    if not arguments.num_gpus:
        torch.set_num_threads(max(1, torch.get_num_threads() // per_machine))
    try:
        main(arguments)
        leave_process_group()
    except UserError as error:
        # Most errors are met by all processes at once. The first one that ends makes the launcher
        # end the others, so that the message comes once.
        if comm.get_local_rank() > 0:
            time.sleep(SECONDS_FOR_THE_FIRST)
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
    except RuntimeError as error:
        if not any(words in str(error) for words in PEER_LOST):
            raise
        time.sleep(SECONDS_FOR_THE_FIRST)  # the launcher reports the one that died, if it sees it
        print(
            f"error: another process of the training ended; {RESUME}", file=sys.stderr, flush=True
        )
        sys.exit(1)
