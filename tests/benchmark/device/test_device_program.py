"""The program with models inside, compiled here and for ARM, which an emulator runs."""

import json
import subprocess

import pytest

from groupnet_det.benchmark.device.device_models import DeviceModel, checksum_of, noise
from groupnet_det.benchmark.device.device_program import build_device_program
from groupnet_det.packed.packed_file import read_packed
from groupnet_det.pretrained import pretrained
from groupnet_det.runtime.backends.native_build import TARGETS
from groupnet_det.runtime.reference.interpreter import run_reference
from tests.capi.conftest import build

NAMES = ("classifier_groupnet_mnist5k", "semseg_groupnet_photo_digits")
SIZE = (32, 48)


def small_model(name):
    path = pretrained(name).path
    outputs = run_reference(read_packed(path), noise((1, *SIZE, 3)))
    checksum = checksum_of(list(outputs.values()))
    return DeviceModel(name=name, path=path, timed=SIZE, checked=SIZE, checksum=checksum)


@pytest.fixture(scope="module", params=["native", "arm"])
def device_program(request, root, tmp_path_factory):
    """Run the program with models as given, ``device_program(models, *options)``."""
    library = build(root, request.param) / "libgroupnet.a"
    target = TARGETS[request.param]
    folder = tmp_path_factory.mktemp("program")

    def run(models, *options):
        program = build_device_program(target, models, library, folder)
        command = [*target.runner, program, *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    run.emulated = bool(target.runner)
    return run


def test_times_and_bits(device_program):
    models = [small_model(name) for name in NAMES]
    done = device_program(models, "--rounds", "3", "--burst-ms", "1", "--threads", "2")
    assert done.returncode == 0, done.stderr
    table, line = done.stdout.strip().rsplit("\n", 1)
    figures = json.loads(line)
    assert figures["emulated"] is device_program.emulated
    assert ("EMULATED" in table) is device_program.emulated
    assert figures["processor"] not in ("", "unknown")
    assert figures["cores"] >= 1
    assert [model["name"] for model in figures["models"]] == list(NAMES)
    for model in figures["models"]:
        assert (model["height"], model["width"], model["equal"]) == (*SIZE, True)
        (times,) = model["times"]
        assert times["threads"] == 2
        assert 0 < times["least_ms"] <= times["median_ms"]
        assert sum(model["name"] in row for row in table.splitlines()) == 2


def test_other_bits_are_an_error(device_program):
    right = small_model(NAMES[0])
    wrong = DeviceModel(**{**vars(right), "checksum": right.checksum ^ 1})
    done = device_program([right, wrong], "--check")
    assert done.returncode == 1
    assert done.stderr.startswith("error: outputs differ")
    figures = json.loads(done.stdout.splitlines()[-1])
    assert [model["equal"] for model in figures["models"]] == [True, False]
    assert [model["times"] for model in figures["models"]] == [[], []]


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--rounds"], ["--threads", "x"], ["file"]])
def test_wrong_options(device_program, words):
    done = device_program([small_model(NAMES[0])], *words)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: groupnet-benchmark")
