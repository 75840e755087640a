"""Install Detectron2, which is not on the package index under its own name.

1. A working installation is kept.
2. Otherwise upstream is built from GitHub at a pinned commit.
3. If GitHub cannot be reached (or, with a loud message, if that build fails), a republished wheel
   of upstream is unpacked: its tag says CPython 3.10, but its Python code is portable, and
   groupnet_det uses nothing of its compiled part.

torch and torchvision must be installed already. Usable by itself:
``python tools/install_detectron2.py [--source auto|upstream|wheel]``.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

COMMIT = "02b5c4e295e990042a714712c21dc79b731e8833"
UPSTREAM = f"detectron2 @ git+https://github.com/facebookresearch/detectron2.git@{COMMIT}"
WHEEL = (
    "sal-detectron2==0.7.2"
    " --hash=sha256:491af0c7f79bdb2d178e46f6cb16a97c4ac968d45c41ea3f6b6435d59bbee561"
)
# What upstream's setup.py asks for; the wheel, which pins numpy<2, comes without dependencies.
REQUIREMENTS = [
    "setuptools>=77,<81",  # detectron2.model_zoo imports pkg_resources
    "Pillow>=7.1",
    "matplotlib",
    "pycocotools>=2.0.2",
    "termcolor>=1.1",
    "yacs>=0.1.8",
    "tabulate",
    "cloudpickle",
    "tqdm>4.29.0",
    "tensorboard",
    "fvcore>=0.1.5,<0.1.6",
    "iopath>=0.1.7,<0.1.10",
    "omegaconf>=2.1,<2.4",
    "hydra-core>=1.1",
    "packaging",
]

# Builds and runs Detectron2's own RetinaNet: proves the import, the layers and the box operations.
CHECK = """
import torch
from detectron2 import model_zoo
from detectron2.config import get_cfg
from detectron2.data import transforms
from detectron2.engine import DefaultTrainer
from detectron2.evaluation import COCOEvaluator
from detectron2.modeling import build_model
from detectron2.utils.visualizer import Visualizer
cfg = get_cfg()
cfg.MODEL.META_ARCHITECTURE = "RetinaNet"
cfg.MODEL.BACKBONE.NAME = "build_retinanet_resnet_fpn_backbone"
cfg.MODEL.RESNETS.OUT_FEATURES = cfg.MODEL.FPN.IN_FEATURES = ["res3", "res4", "res5"]
cfg.MODEL.DEVICE = "cpu"
model = build_model(cfg).eval()
with torch.no_grad():
    assert "instances" in model([{"image": torch.zeros(3, 64, 64)}])[0]
"""


def check() -> tuple[bool, str]:
    """Whether Detectron2 imports and runs in a fresh interpreter, and its last error line."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK], capture_output=True, text=True, cwd=tempfile.gettempdir()
    )
    lines = done.stderr.strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else ""


def github_reachable(timeout_s: float = 5.0) -> bool:
    try:
        socket.create_connection(("github.com", 443), timeout=timeout_s).close()
    except OSError:
        return False
    return True


def pip_install(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)


def install_upstream() -> None:
    print(f"Building Detectron2 {COMMIT[:7]} from GitHub (some minutes) ...", flush=True)
    pip_install(*REQUIREMENTS, "wheel", "ninja")
    # No isolation: it is compiled against the torch that is installed here.
    pip_install("--no-build-isolation", UPSTREAM)


def install_wheel() -> None:
    print("Unpacking the republished Detectron2 wheel ...", flush=True)
    pip_install(*REQUIREMENTS)
    site_packages = Path(sysconfig.get_path("purelib"))
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder) / "requirement.txt"
        requirement.write_text(WHEEL + "\n")
        unpacked = Path(folder) / "unpacked"
        pip_install(
            *("--only-binary=:all:", "--no-deps", "--require-hashes", "--python-version", "3.10"),
            *("--target", str(unpacked), "-r", str(requirement)),
        )
        # The wheel also carries Detectron2's scripts as a top-level package `tools`: left out.
        for part in [unpacked / "detectron2", *unpacked.glob("sal_detectron2-*")]:
            shutil.rmtree(site_packages / part.name, ignore_errors=True)
            shutil.move(part, site_packages / part.name)


def install(source: str) -> str:
    """Install from `source` and return in words what was done."""
    upstream, wheel = f"upstream at {COMMIT[:7]}, built here", "the republished wheel 0.7.2"
    if source == "wheel" or (source == "auto" and not github_reachable()):
        install_wheel()
        return wheel
    try:
        install_upstream()
    except subprocess.CalledProcessError:
        if source == "upstream":
            raise
        print("The build from GitHub FAILED (see above); taking the republished wheel instead.")
        install_wheel()
        return wheel
    return upstream


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--source", choices=["auto", "upstream", "wheel"], default="auto")
    source = parser.parse_args(argv).source

    working, _ = check()
    if working:
        print("Detectron2: the installed one works and is kept.")
        return 0
    try:
        done = install(source)
    except subprocess.CalledProcessError as error:
        print(f"Detectron2: pip failed with exit code {error.returncode}, see above.")
        return 1
    working, problem = check()
    if not working:
        print(f"Detectron2: installed {done}, but it does not run: {problem}", file=sys.stderr)
        return 1
    print(f"Detectron2: installed {done}; it imports and runs.")
    return 0


if __name__ == "__main__":  # before the package can be imported
    sys.exit(main())
