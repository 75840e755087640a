"""The C library and groupnet-run, compiled once; what cannot be compiled here is skipped."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from groupnet_det.errors import ExtensionError
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.backends.native_build import TARGETS
from tests.packed.programs import group_net_example

from .library import Library

FOLDERS = {"native": "build/native", "arm": "build/aarch64"}


def build(root, name):
    """The folder with the products, by the tool that users call."""
    try:
        TARGETS[name].check()
    except ExtensionError as error:
        pytest.skip(f"{name}: {error}")
    options = [] if name == "native" else [f"--{name}"]
    command = [sys.executable, "tools/build_groupnet_run.py", *options]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return root / FOLDERS[name]


@pytest.fixture(scope="session")
def native(root):
    """Folder of what is compiled for this machine."""
    return build(root, "native")


@pytest.fixture(scope="session", params=list(FOLDERS))
def groupnet_run(request, root):
    """Run the command: ``groupnet_run(*words)`` gives the finished process, or a running
    one with ``start=True``."""
    return runner(root, request.param)


def runner(root, name):
    """What `groupnet_run` is for one target."""
    program = build(root, name) / "groupnet-run"

    def run(*words, start=False):
        command = [*TARGETS[name].runner, str(program), *map(str, words)]
        if start:
            return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture(scope="session")
def library(native):
    """The shared library, by ctypes."""
    return Library(native / "libgroupnet.so")


def mild_example():
    """A small classifier whose probabilities are all visible."""
    packed = group_net_example(groups=2, width=16)
    packed.tensors[packed.program.steps[-1].branches[0].terms[0].weight] *= 0.03
    return packed


@pytest.fixture
def write_model(tmp_path):
    """Write the packed file of a small classifier, ``write_model(resize=, crop=, ...)``."""

    def write(name="model.gnp", packed=None, **info):
        packed = packed or mild_example()
        preprocessing = {**packed.info["preprocessing"]}
        for key in ("resize", "crop", "format"):
            if key in info:
                preprocessing[key] = info.pop(key)
        members = {**packed.info, "preprocessing": preprocessing, **info}
        members = {key: value for key, value in members.items() if value is not None}
        write_packed(tmp_path / name, packed.program, members, packed.tensors)
        return tmp_path / name

    return write


@pytest.fixture
def write_image(tmp_path):
    """Write noise as a PPM or PGM file."""

    def write(height=50, width=70, name="image.ppm", seed=0):
        channels = (3,) if name.endswith("ppm") else ()
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, *channels), np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def answer():
    """The members that groupnet-run prints with --json."""
    return lambda done: json.loads(done.stdout)
