"""Imports that are allowed in each part of the package."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_importing_the_package_imports_nothing_heavy():
    heavy = "{'torch', 'detectron2', 'numpy', 'cv2', 'matplotlib'}"
    done = run(f"import sys, groupnet_det; print(sorted({heavy} & set(sys.modules)))")
    assert done.stdout.strip() == "[]", done.stderr


MISSING = {"detectron2", "fvcore", "iopath", "yacs"}


@pytest.fixture(scope="module")
def environment_without_detectron2(root, tmp_path_factory):
    """A folder with all installed packages but those, to be the only place of packages."""
    packages = tmp_path_factory.mktemp("packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        hides_python = entry.stem in sys.stdlib_module_names  # such as `typing` for Python 2
        if entry.name.split("-")[0] not in {*MISSING, "sal_detectron2"} and not hides_python:
            (packages / entry.name).symlink_to(entry)
    return {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{packages}"}


def run_without_detectron2(code, environment):
    command = [sys.executable, "-S", "-c", code]  # -S: no site-packages
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_that_environment_lacks_detectron2(environment_without_detectron2):
    for name in MISSING:
        done = run_without_detectron2(f"import {name}", environment_without_detectron2)
        assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "from groupnet_det import Quantization, GroupNetResNet; import torch;"
        "print(GroupNetResNet(width=0.125)(torch.zeros(1, 3, 64, 64))['res5'].shape)",
        "import groupnet_det.quantizers, groupnet_det.layers",
        "import groupnet_det.data.datasets.photo_digits, groupnet_det.data.loading.seeded_batches",
        "import groupnet_det.analysis.precision_map, groupnet_det.evaluation.saved.coco_scores",
        "from groupnet_det import PackedPredictor",
    ],
    ids=["network", "layers", "data", "tools", "runtime"],
)
def test_parts_that_need_no_detectron2_import_without_it(code, environment_without_detectron2):
    done = run_without_detectron2(code, environment_without_detectron2)
    assert done.returncode == 0, done.stderr


def test_public_names():
    import groupnet_det

    assert "add_groupnet_config" in dir(groupnet_det)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = groupnet_det.nothing
