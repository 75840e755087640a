#!/usr/bin/env python3
"""Compile the packed engine without torch, and run its own tests.

  python tools/test_engine.py
  python tools/test_engine.py --sanitize
  python tools/test_engine.py --sanitize-threads   # the tests of concurrency alone
  python tools/test_engine.py --arm        # Debian's cross compiler and qemu-user

The same program in all: every kernel against plain loops, whole packed programs against what the
reference in PyTorch computes, many threads at once, and files that were tampered with.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from groupnet_det.errors import UserError
from groupnet_det.runtime.native_build import (
    TARGETS,
    Target,
    compile_files,
    link_program,
    run,
    sources_of,
)

TESTS = Path(__file__).resolve().parent.parent / "tests/csrc"


def build(target: Target, folder: Path) -> Path:
    """Compile the test program; returns its path."""
    sources = [*sources_of("core", "kernels", "capi"), *TESTS.glob("*.cpp")]
    program = folder / "test_engine"
    link_program(target, compile_files(target, sources, folder), program)
    return program


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("sanitize", "sanitize-threads", "arm"):
        parser.add_argument(
            f"--{name}", dest="target", action="store_const", const=name.replace("-", "_")
        )
    parser.set_defaults(target="native")
    parser.add_argument("--mutations", type=int, default=1000, help="files to tamper with")
    arguments = parser.parse_args()
    target = TARGETS[arguments.target]
    only = ["concurrency"] if arguments.target == "sanitize_threads" else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        examples = folder / "examples"
        try:
            target.check()
            program = build(target, folder)
            run(sys.executable, TESTS / "write_examples.py", examples)
            run(*target.runner, program, examples, str(arguments.mutations), *only)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
