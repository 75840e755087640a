#!/usr/bin/env python3
"""Compile the packed engine without torch, and run its own tests.

  python tools/test_engine.py
  python tools/test_engine.py --sanitize
  python tools/test_engine.py --sanitize --short   # without the long loops, and few mutations
  python tools/test_engine.py --sanitize-threads   # the tests with many threads alone
  python tools/test_engine.py --arm        # Debian's cross compiler and qemu-user

The same program in all: every kernel against plain loops, packed programs against what the
reference in PyTorch computes, many threads at once, and files that were tampered with. Object files
stay in build/test_engine.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from groupnet_det.errors import UserError
from groupnet_det.runtime.backends.native_build import (
    TARGETS,
    BuildTarget,
    build_lock,
    compile_files,
    link_program,
    run,
    sources_of,
)

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests/csrc"
OBJECTS = ROOT / "build/test_engine"
MUTATIONS, FEW_MUTATIONS = 1000, 300
SHORT = ["messages", "plain_steps", "memory_plan", "shapes", "detect", "broken_files"]


def build(target: BuildTarget, folder: Path) -> Path:
    """Compile the test program; returns its path."""
    sources = [*sources_of("core", "kernels", "capi"), *TESTS.glob("*.cpp")]
    program = folder / "test_engine"
    with build_lock(folder):
        link_program(target, compile_files(target, sources, folder), program)
    return program


def chosen_tests(target: str, *, short: bool) -> list[str]:
    """Names of a group of tests, or none for all."""
    if target == "sanitize_threads":
        return ["concurrency", "strips"]
    return SHORT if short else []


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("sanitize", "sanitize-threads", "arm"):
        parser.add_argument(
            f"--{name}", dest="target", action="store_const", const=name.replace("-", "_")
        )
    parser.set_defaults(target="native")
    parser.add_argument("--mutations", type=int, help="files to tamper with")
    parser.add_argument(
        "--short", action="store_true", help="without the long loops, and few mutations"
    )
    arguments = parser.parse_args()
    target = TARGETS[arguments.target]
    mutations = arguments.mutations or (FEW_MUTATIONS if arguments.short else MUTATIONS)
    only = chosen_tests(arguments.target, short=arguments.short)
    with tempfile.TemporaryDirectory() as name:
        examples = Path(name) / "examples"
        try:
            target.check()
            program = build(target, OBJECTS / arguments.target)
            run(sys.executable, TESTS / "write_examples.py", examples)
            run(*target.runner, program, examples, str(mutations), *only)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
