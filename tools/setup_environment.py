#!/usr/bin/env python3
"""Install all that groupnet_det needs into the environment of the Python that runs this script.

Safe to repeat and to interrupt: what is installed is kept, and a stamp in the environment, written
last, makes a finished set-up return at once. ``--force`` ignores the stamp; ``--extra web docs``
adds the packages of extras to a finished set-up.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = Path(sys.prefix) / ".groupnet_det_ready"
INPUTS = [
    *("setup.py", "pyproject.toml", "tools/setup_environment.py"),
    "groupnet_det/commands/install_detectron2.py",
    "groupnet_det/csrc",
]

# The release that the project is tested with; elsewhere, any that pyproject.toml admits.
TESTED_TORCH = {"x86_64": ("torch==2.14.1", "torchvision==0.29.1")}
ADMITTED_TORCH = ("torch>=2.4,<3", "torchvision>=0.19,<1")

# torch's C++ extensions want >= 77, `detectron2.model_zoo` wants pkg_resources, gone in 81.
BUILD_TOOLS = ["setuptools>=77,<81", "wheel", "ninja"]


def fingerprint() -> str:
    """The content of the stamp: it changes with requirements, checkout and interpreter."""
    digest = hashlib.sha256(f"{ROOT} {sys.version}".encode())
    for name in INPUTS:
        path = ROOT / name
        for file in sorted(path.rglob("*.*")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def pip_install(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *arguments],
        check=True,
    )


def installed_version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def install_torch() -> None:
    """An installed torch is kept, and torchvision is chosen to fit it."""
    torch_version = installed_version("torch")
    if torch_version:
        pip_install(f"torch=={torch_version}", ADMITTED_TORCH[1])
    else:
        pip_install(*TESTED_TORCH.get(platform.machine(), ADMITTED_TORCH))


def install_opencv() -> None:
    """Any installed ``cv2`` is kept; otherwise the headless build, which needs no libGL."""
    if importlib.util.find_spec("cv2") is None:
        pip_install("opencv-python-headless>=4.8")


def install_detectron2() -> None:
    subprocess.run([sys.executable, str(ROOT / "tools/install_detectron2.py")], check=True)


def install_project() -> None:
    """This checkout, editable, with the tools of its tests."""
    install_beside_torch("--no-build-isolation", "-e", f"{ROOT}[dev]")


def install_extras(extras: list[str]) -> None:
    """Install the packages of extras in one step, so that their versions fit each other."""
    valid = metadata.metadata("groupnet-det").get_all("Provides-Extra") or []
    unknown = sorted(set(extras) - set(valid))
    if unknown:
        sys.exit(f"error: pyproject.toml has no extra {unknown[0]!r}; valid: {', '.join(valid)}")
    install_beside_torch("--quiet", f"groupnet-det[{','.join(extras)}]")  # itself is installed


def install_beside_torch(*arguments: str) -> None:
    """Install with constraints that keep torch as it is."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        for name in ("torch", "torchvision"):
            constraints.write(f"{name}=={installed_version(name)}\n")
        constraints.flush()
        pip_install("-c", constraints.name, *arguments)


def report_engine() -> None:
    """pip hides what the compiler says; without the engine all works but packed models."""
    code = (
        "import torch\n"
        "from groupnet_det.errors import ExtensionError\n"
        "from groupnet_det.runtime.backends.extension import load_extension\n"
        "try:\n"
        "    load_extension()\n"
        "    print('engine for packed models:', *torch.ops.groupnet_det.available_isas())\n"
        "except ExtensionError as error:\n"
        "    print('WARNING:', error)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


STEPS: list[tuple[str, Callable[[], None]]] = [
    ("build tools", lambda: pip_install(*BUILD_TOOLS)),
    ("torch and torchvision", install_torch),
    ("OpenCV", install_opencv),
    ("Detectron2", install_detectron2),
    ("groupnet_det and its tests", install_project),
    ("the engine for packed models", report_engine),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--force", action="store_true", help="go through all steps again")
    parser.add_argument(
        "--extra", nargs="+", metavar="NAME", help="add the packages of extras, and do nothing else"
    )
    arguments = parser.parse_args()
    if arguments.extra:
        title = f"extras {', '.join(arguments.extra)}"
        return go_through([(title, lambda: install_extras(arguments.extra))])
    if sys.version_info < (3, 10):  # noqa: UP036 (this is the message for the user)
        print(
            f"groupnet_det needs Python 3.10; {sys.executable} is {sys.version.split()[0]}."
            " Name another one: make demo BOOTSTRAP_PYTHON=python3.12",
            file=sys.stderr,
        )
        return 1
    if not arguments.force and STAMP.is_file() and STAMP.read_text() == fingerprint():
        return 0
    failed = go_through(STEPS)
    if not failed:
        STAMP.write_text(fingerprint())
        print(f"== set-up finished: {sys.executable}", flush=True)
    return failed


def go_through(steps: list[tuple[str, Callable[[], None]]]) -> int:
    """The exit code: 1 if a step fails, with a message."""
    for number, (title, step) in enumerate(steps, start=1):
        print(f"== set-up {number}/{len(steps)}: {title}", flush=True)
        try:
            step()
        except subprocess.CalledProcessError as error:
            print(
                f"set-up stopped at '{title}' (exit {error.returncode}); the lines above say why."
                " Fix that and run the same command again: it goes on where it stopped."
                " INSTALL.md lists the known traps.",
                file=sys.stderr,
            )
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
