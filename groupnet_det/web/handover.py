"""Work of other threads for the one that waits: the main thread, in which all networks run.

Each thread that runs operations of PyTorch has OpenMP threads and an arena of memory of its own.
Both change the times that are taken in the same process.
"""

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Handover:
    """Runs what other threads hand over, one at a time."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()

    def run(self, task: Callable[[], T]) -> T:
        """The result of a task, once the thread of `serve` has it done.

        Raises:
            Exception: Whatever the task raises.
        """
        future: Future[T] = Future()
        self._tasks.put((future, task))
        return future.result()

    def serve(self) -> None:
        """Run tasks in this thread until a signal, such as Ctrl-C, ends it."""
        while True:
            self._do(*self._tasks.get())

    @staticmethod
    def _do(future: Future[Any], task: Callable[[], Any]) -> None:
        try:
            future.set_result(task())
        except Exception as error:  # which is the caller's
            future.set_exception(error)
        except BaseException as error:
            future.set_exception(RuntimeError("the page is being closed"))
            raise error
