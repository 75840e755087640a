"""Measurements in a process of its own, whose memory and threads nothing has touched before."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from groupnet_det.errors import UserError


def number_from_process(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> float:
    """The number that a Python process prints as its last line.

    Args:
        arguments: Arguments of the interpreter.
        environment: Variables that it has besides those of this process.

    Raises:
        UserError: It failed; the message is the last line of its errors.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise UserError((done.stderr.strip().splitlines() or ["it ended without a word"])[-1])
    return float(done.stdout.splitlines()[-1])
