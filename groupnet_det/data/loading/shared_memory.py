"""Transfer of batches from loader processes through shared memory, with an error if it is full.

PyTorch moves tensors to shared memory in a thread of the loader process. If that fails, as in a
container whose ``/dev/shm`` has 64 MB, the thread loses the batch and the training waits forever.
Here tensors are moved earlier, where an error reaches the training.
"""

import functools
import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor
from torch.utils.data import get_worker_info

from groupnet_det.errors import DataError

REMEDY = (
    "the shared memory (/dev/shm) is too small for the loader processes; set "
    "DATALOADER.NUM_WORKERS 0, or give more: docker run --shm-size 8g, or --ipc host"
)
# PyTorch's messages for a loader process that the kernel ended, and for shared memory.
WORKER_ENDED = "DataLoader worker"


def share_batch(batch: list[Any]) -> list[Any]:
    """Return the batch; in a loader process, move its tensors to shared memory.

    Raises:
        DataError: The shared memory is too small.
    """
    if get_worker_info() is not None:
        _end_with_the_trainer()
        try:
            for tensor in _tensors(batch):
                tensor.share_memory_()
        except RuntimeError as error:
            raise DataError(f"{REMEDY} ({str(error).splitlines()[0]})") from error
    return batch


@functools.cache
def _end_with_the_trainer() -> None:
    """End this loader process when the process that it works for ends, even by SIGKILL.

    PyTorch's own watch asks for the parent's id. Where a fork server starts the loader processes
    (the default from Python 3.14 on), their parent is that server: both would stay, with their
    memory, after a trainer that was killed.
    """
    trainer = multiprocessing.parent_process()
    assert trainer is not None, "a loader process has a parent"

    def watch() -> None:
        trainer.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def explain_ended_worker(error: RuntimeError) -> str:
    """One-line message if a loader process was killed; "" for any other error."""
    message = str(error).splitlines()[0] if str(error) else ""
    if not message.startswith(WORKER_ENDED):
        return ""
    if "bus error" in message.lower():
        return f"{REMEDY} ({message})"
    cause = "a loader process was killed, often because memory ran out"
    return f"{cause}: lower DATALOADER.NUM_WORKERS ({message})"


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in dicts, lists, and Detectron2's structures such as ``Instances``."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _tensors(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _tensors(member)
    elif hasattr(value, "__dict__"):
        yield from _tensors(vars(value))
