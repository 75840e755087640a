#!/usr/bin/env python3
"""Compile the packed engine without torch, and run its own tests.

  python tools/test_engine.py
  python tools/test_engine.py --sanitize
  python tools/test_engine.py --arm        # Debian's cross compiler and qemu-user

The same program in all three: every kernel against plain loops, whole packed programs against what
the reference in PyTorch computes, and files that were tampered with.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "groupnet_det/csrc"
TESTS = ROOT / "tests/csrc"


@dataclass(frozen=True, kw_only=True)
class Target:
    """How to compile and to run.

    Attributes:
        compiler: A command.
        machine: Whose flags to take.
        flags: For all files and for the linker.
        runner: What the program is started by.
        needs: Debian packages that have the commands.
    """

    compiler: str
    machine: str
    flags: tuple[str, ...] = ()
    runner: tuple[str, ...] = ()
    needs: str = "g++"


HERE = platform.machine().lower().replace("amd64", "x86_64")
NATIVE = os.environ.get("CXX", "g++")
TARGETS = {
    "native": Target(compiler=NATIVE, machine=HERE),
    "sanitize": Target(
        compiler=NATIVE,
        machine=HERE,
        flags=("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1", "-g1"),
    ),
    "arm": Target(
        compiler="aarch64-linux-gnu-g++",
        machine="aarch64",
        runner=("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"),
        needs="g++-aarch64-linux-gnu qemu-user",
    ),
}


def build(target: Target, folder: Path) -> Path:
    """Compile the test program; returns its path."""
    flags = json.loads((CSRC / "flags.json").read_text())
    sources = [*CSRC.glob("core/*.cpp"), *CSRC.glob("kernels/*.cpp"), *TESTS.glob("*.cpp")]

    def compile_one(source: Path) -> str:
        made = folder / f"{source.parent.name}_{source.stem}.o"
        own = flags.get(target.machine, {}).get(source.name, [])
        run(
            target.compiler,
            *flags["core"],
            *own,
            *target.flags,
            f"-I{CSRC}",
            "-c",
            source,
            "-o",
            made,
        )
        return str(made)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    program = folder / "test_engine"
    run(target.compiler, *target.flags, *objects, "-pthread", "-o", program)
    return program


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("sanitize", "arm"):
        parser.add_argument(f"--{name}", dest="target", action="store_const", const=name)
    parser.set_defaults(target="native")
    parser.add_argument("--mutations", type=int, default=1000, help="files to tamper with")
    arguments = parser.parse_args()
    target = TARGETS[arguments.target]
    absent = [c for c in (target.compiler, *target.runner[:1]) if shutil.which(c) is None]
    if absent:
        print(f"error: {', '.join(absent)} not found; install {target.needs}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            program = build(target, folder)
            run(sys.executable, TESTS / "write_examples.py", folder / "examples")
            run(*target.runner, program, folder / "examples", str(arguments.mutations))
        except subprocess.CalledProcessError as error:
            print(f"error: exit code {error.returncode} of {error.cmd[0]}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
