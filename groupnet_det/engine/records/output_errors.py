"""Errors of a training's folder, each in one line."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from detectron2.engine import HookBase
from detectron2.utils import comm

from groupnet_det.errors import TrainingError, UserError
from groupnet_det.files.output_files import is_of_output


@contextmanager
def one_line_errors(folder: str) -> Iterator[None]:
    """Keep tracebacks out of the logs of problems that one line reports at the end: errors
    that the user can fix, and files of the training that cannot be written, by threads too.

    Args:
        folder: ``OUTPUT_DIR``.
    """

    def is_reported(error: BaseException | None) -> bool:
        of_output = isinstance(error, OSError) and is_of_output(error, folder)
        return of_output or isinstance(error, UserError)

    def is_unreported(record: logging.LogRecord) -> bool:
        return not (record.exc_info and is_reported(record.exc_info[1]))

    def show_unreported(ended: threading.ExceptHookArgs) -> None:
        if not is_reported(ended.exc_value):
            show(ended)

    loop = logging.getLogger("detectron2.engine.train_loop")
    show, threading.excepthook = threading.excepthook, show_unreported
    loop.addFilter(is_unreported)
    try:
        yield
    finally:
        loop.removeFilter(is_unreported)
        threading.excepthook = show


class WatchOutputDir(HookBase):
    """End a training whose folder was deleted or exchanged, as metrics, logs and config would be
    written to files that nobody finds. What was trained is kept there first.

    To be placed after what belongs to a step, before the checkpoint.
    """

    def __init__(self, folder: str) -> None:
        """
        Args:
            folder: ``OUTPUT_DIR``.
        """
        self.folder = folder

    def before_train(self) -> None:
        self.first = self._identity()

    def after_step(self) -> None:
        """
        Raises:
            TrainingError: It is not there any more.
        """
        if not comm.is_main_process() or self._identity() == self.first:
            return
        trainer = self.trainer
        trainer.checkpointer.save(f"model_{trainer.iter:07d}", iteration=trainer.iter)
        raise TrainingError(
            f"OUTPUT_DIR {self.folder} was deleted or moved while the training ran; what it had "
            f"trained is kept in {trainer.checkpointer.get_checkpoint_file()}; --resume goes on"
        )

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self.folder)
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino
