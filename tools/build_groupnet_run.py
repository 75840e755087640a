#!/usr/bin/env python3
"""Compile groupnet-run and the C library: packed models without Python and without torch.

  python tools/build_groupnet_run.py          # into build/native
  python tools/build_groupnet_run.py --arm    # into build/aarch64, by Debian's cross compiler

The folder then holds groupnet-run, groupnet.h, libgroupnet.a and, natively, libgroupnet.so. What is
built for ARM is static and runs there, or under qemu-aarch64.
"""

import argparse
import shutil
import sys
from pathlib import Path

from groupnet_det.errors import UserError
from groupnet_det.runtime.backends.native_build import (
    CSRC,
    TARGETS,
    BuildTarget,
    compile_files,
    link_library,
    link_program,
    run,
    sources_of,
)

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"native": "native", "arm": "aarch64"}


def build(target: BuildTarget, output: Path) -> Path:
    """Compile all into a folder; the program.

    Raises:
        ExtensionError: A command is missing, or fails.
    """
    target.check()
    program, library = output / "groupnet-run", output / "libgroupnet.a"
    folder = output / "objects"
    objects = compile_files(target, sources_of("core", "kernels", "capi"), folder)
    library.unlink(missing_ok=True)  # ar would add to it
    run(target.archiver, "rcs", library, *objects)
    own = compile_files(target, sources_of("cli"), folder)
    link_program(target, [*own, library], program)
    if not target.link_flags:
        link_library(target, objects, output / "libgroupnet.so")
    shutil.copy(CSRC / "include/groupnet.h", output)
    return program


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arm", dest="target", action="store_const", const="arm")
    parser.add_argument("--output", type=Path, help="folder; build/native or build/aarch64")
    parser.set_defaults(target="native")
    arguments = parser.parse_args()
    output = arguments.output or ROOT / "build" / FOLDERS[arguments.target]
    try:
        print(build(TARGETS[arguments.target], output))
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
