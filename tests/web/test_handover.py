"""Work for the main thread."""

import threading

import pytest

from groupnet_det.web.handover import Handover


@pytest.fixture
def handover():
    """One that a thread called ``server`` serves."""
    made = Handover()
    threading.Thread(target=made.serve, daemon=True, name="server").start()
    return made


def test_tasks_run_in_the_thread_that_serves(handover):
    assert handover.run(lambda: threading.current_thread().name) == "server"


def test_errors_are_the_callers(handover):
    with pytest.raises(ZeroDivisionError):
        handover.run(lambda: 1 // 0)
    assert handover.run(lambda: 5) == 5  # and the next one is served


def test_who_waits_is_reported_when_it_ends():
    handover, errors = Handover(), []

    def interrupted():
        raise KeyboardInterrupt

    def ask():
        try:
            handover.run(interrupted)
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        handover.serve()
    thread.join()
    assert errors == ["the page is being closed"]
