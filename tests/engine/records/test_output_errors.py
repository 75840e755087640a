"""Errors of a training in its logs."""

import errno
import logging
import threading

import pytest

from groupnet_det.engine.records.output_errors import one_line_errors
from groupnet_det.errors import DataError

ERRORS = {
    "full disk": (OSError(errno.ENOSPC, "full"), False),
    "of the user": (DataError("no image"), False),
    "missing elsewhere": (FileNotFoundError(errno.ENOENT, "none", "/data/x.json"), True),
    "a fault": (KeyError("x"), True),
}


def raised_in_thread(error):
    def fail():
        raise error

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


@pytest.mark.parametrize(("error", "shown"), ERRORS.values(), ids=ERRORS)
def test_tracebacks_of_threads(tmp_path, monkeypatch, error, shown):
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda ended: seen.append(ended.exc_value))
    with one_line_errors(str(tmp_path)):
        raised_in_thread(error)
    assert seen == [error] * shown
    raised_in_thread(error)  # later all are
    assert seen == [error] * (shown + 1)


@pytest.mark.parametrize(("error", "shown"), ERRORS.values(), ids=ERRORS)
def test_tracebacks_of_the_loop(tmp_path, caplog, error, shown):
    logger = logging.getLogger("detectron2.engine.train_loop")

    def fail():
        try:
            raise error
        except Exception:
            logger.exception("Exception during training:")

    with one_line_errors(str(tmp_path)):
        fail()
    assert len(caplog.records) == shown
    fail()
    assert len(caplog.records) == shown + 1
