import subprocess
import sys

import pytest

# Engines that are closed in the order in which they were opened, then the end of a child, whose
# signal takes the alternate stack since a handler in Python waits for it.
CLOSE_TWO = """
import signal, subprocess
from groupnet_det.benchmark.engines.openvino_engines import inference
import numpy as np
import openvino.opset1 as ops, openvino

signals = []
signal.signal(signal.SIGCHLD, lambda number, frame: signals.append(number))


def opened():
    x = ops.parameter([1, 3, 8, 8], np.float32)
    run = inference(openvino.Model([ops.relu(x)], [x]), [np.ones((1, 3, 8, 8), np.float32)], 1)
    assert run()[0].sum() == 3 * 8 * 8
    return run


first, second = opened(), opened()
del first
del second
subprocess.run(["true"], check=True)
assert signal.SIGCHLD in signals, signals
print("alive")
"""


def test_signals_after_closed_engines():
    pytest.importorskip("openvino", reason="openvino is missing; pip install '.[bench]'")
    command = [sys.executable, "-X", "faulthandler", "-c", CLOSE_TWO]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "alive\n"
