#!/usr/bin/env python3
"""Compile groupnet-run and the C library: packed models without Python and without torch.

  python tools/build_groupnet_run.py          # into build/native
  python tools/build_groupnet_run.py --arm    # into build/aarch64, by Debian's cross compiler
  python tools/build_groupnet_run.py --static # and groupnet-run-static, which needs no library
  python tools/build_groupnet_run.py --benchmark # and groupnet-benchmark; with --arm, for ARM

The folder then holds groupnet-run, groupnet.h, libgroupnet.a and, natively, libgroupnet.so. What is
built for ARM is static and runs there, or under qemu-aarch64.

Natively, groupnet-run reads PNG files where pkg-config finds libpng, and JPEG files where it finds
libjpeg; otherwise, as on ARM, only PPM and PGM.

groupnet-benchmark is static and needs no file: packed models are inside. It times them, and checks
that their outputs have the reference's bits.
"""

import argparse
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from groupnet_det.errors import UserError
from groupnet_det.runtime.backends.native_build import (
    CSRC,
    HERE,
    TARGETS,
    BuildTarget,
    build_lock,
    compile_files,
    link_library,
    link_program,
    sources_of,
    write_archive,
)

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"native": "native", "arm": "aarch64"}
# Flags of the command, whose own files take little time, and of the linker for a small program.
SMALL = ("-Os", "-ffunction-sections", "-fdata-sections")
# What runs once for a file, or for an image size.
RUN_ONCE = ("core/format", "core/plan", "core/weights")
STATIC = ("-static", "-s", "-Wl,--gc-sections", "-Wl,-z,noseparate-code")
# pkg-config's name of a library -> what is defined where it is used.
IMAGE_LIBRARIES = {"libpng": "GROUPNET_PNG", "libjpeg": "GROUPNET_JPEG"}


def build(target: BuildTarget, output: Path, *, static: bool = False) -> Path:
    """Compile all into a folder; the program.

    Raises:
        ExtensionError: A command is missing, or fails.
    """
    target.check()
    with build_lock(output):
        return _build(target, output, static=static)


def _build(target: BuildTarget, output: Path, *, static: bool) -> Path:
    program, library = output / "groupnet-run", output / "libgroupnet.a"
    folder = output / "objects"
    objects = compile_files(target, sources_of("kernels"), folder)
    once = sources_of(*RUN_ONCE)
    others = [path for path in sources_of("core", "capi") if path not in once]
    for option, files in (("-Os", once), ("-O2", others)):
        objects += compile_files(replace(target, flags=(*target.flags, option)), files, folder)
    write_archive(target, objects, library)
    options = (*target.flags, *SMALL, *image_options(target, "--cflags"))
    own = compile_files(replace(target, flags=options), sources_of("cli"), folder)
    link_program(target, [*own, library, *image_options(target, "--libs")], program)
    if static:
        program = output / "groupnet-run-static"
        libraries = image_options(target, "--static", "--libs")
        link_program(replace(target, link_flags=STATIC), [*own, library, *libraries], program)
    if not target.link_flags:
        link_library(target, objects, output / "libgroupnet.so")
    shutil.copy(CSRC / "include/groupnet.h", output)
    return program


def build_benchmark(target: BuildTarget, output: Path) -> Path:
    """Compile groupnet-benchmark and the library that it uses; the program.

    Raises:
        ExtensionError: A command is missing, or fails.
    """
    # These need torch, which the command and the library are compiled without.
    from groupnet_det.benchmark.device.device_models import device_models
    from groupnet_det.benchmark.device.device_program import build_device_program

    build(target, output)
    with build_lock(output):
        folder = output / "benchmark"
        folder.mkdir(exist_ok=True)
        library = output / "libgroupnet.a"
        return build_device_program(target, device_models(folder), library, folder)


def image_options(target: BuildTarget, *options: str) -> list[str]:
    """pkg-config's flags of the image libraries that are here, and the macros that say so."""
    if target.link_flags or target.machine != HERE or shutil.which("pkg-config") is None:
        return []
    words = []
    for library, name in IMAGE_LIBRARIES.items():
        command = ["pkg-config", *options, library]
        found = subprocess.run(command, capture_output=True, text=True)
        if found.returncode == 0:
            words += [*found.stdout.split(), *([f"-D{name}"] if "--cflags" in options else [])]
    return words


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--arm", dest="target", action="store_const", const="arm")
    kinds.add_argument("--static", action="store_true")
    parser.add_argument("--benchmark", action="store_true")
    parser.add_argument("--output", type=Path, help="folder; build/native or build/aarch64")
    parser.set_defaults(target="native")
    arguments = parser.parse_args()
    output = arguments.output or ROOT / "build" / FOLDERS[arguments.target]
    try:
        target = TARGETS[arguments.target]
        if arguments.benchmark:
            print(build_benchmark(target, output))
        else:
            print(build(target, output, static=arguments.static))
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
