"""Signals that end the page, after which its uploads are removed."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

# Ctrl-C, what service managers and `kill` send, and the end of the terminal.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def ending_by_signals() -> Iterator[None]:
    """While each of `ENDING` raises ``KeyboardInterrupt`` in the main thread, once: a second one
    would stop what is done at the end. One that is ignored, as under ``nohup``, stays so."""
    before = {number: signal.getsignal(number) for number in ENDING}
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def end(number: int, _: FrameType | None) -> None:
        for one in taken:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])
