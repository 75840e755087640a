"""Builds of the same folder, which wait for each other."""

import subprocess
import sys
import time

from groupnet_det.runtime.backends.native_build import TARGETS, build_lock, link_program

HOLD = """
import sys
from pathlib import Path
from groupnet_det.runtime.backends.native_build import build_lock
with build_lock(Path(sys.argv[1])):
    print("held", flush=True)
"""


def test_another_process_waits(tmp_path):
    folder = tmp_path / "build"
    with build_lock(folder):
        command = [sys.executable, "-c", HOLD, folder]
        other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        released = time.monotonic()
        assert other.poll() is None
    printed, _ = other.communicate(timeout=120)
    assert printed == "held\n"
    assert time.monotonic() >= released


def test_a_program_that_runs_is_replaced(tmp_path):
    source, program = tmp_path / "program.cpp", tmp_path / "program"
    source.write_text("#include <cstdio>\nint main() { std::getchar(); }\n")
    link_program(TARGETS["native"], [source], program)
    running = subprocess.Popen([program], stdin=subprocess.PIPE)
    source.write_text("int main() { return 3; }\n")
    link_program(TARGETS["native"], [source], program)
    assert subprocess.run([program]).returncode == 3
    running.communicate(b"x")
    assert running.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["program", "program.cpp"]
