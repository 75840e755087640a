"""The command as one file that needs no library."""

import os
import shutil
import subprocess
import sys

import pytest

MOST = 3_000_000  # bytes
LIBRARIES = ("libpng.a", "libjpeg.a", "libz.a")


def has(library):
    """Whether the compiler finds a static library."""
    command = ["g++", f"-print-file-name={library}"]
    found = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return os.path.isabs(found)


def test_a_static_program(native, root, write_model, write_image):
    if shutil.which("pkg-config") is None or not all(map(has, LIBRARIES)):
        pytest.skip("no static libraries for images")
    command = [sys.executable, "tools/build_groupnet_run.py", "--static"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    program = root / "build/native/groupnet-run-static"
    assert program.stat().st_size < MOST
    words = [write_model(), write_image(), "--json"]
    said = [
        subprocess.run([path, *words], capture_output=True, text=True, check=True).stdout
        for path in (program, native / "groupnet-run")
    ]
    assert said[0] == said[1] != ""
