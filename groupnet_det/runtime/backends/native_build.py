"""Compile the engine without torch: for its own tests, and for the C interface."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from groupnet_det.errors import ExtensionError
from groupnet_det.files.paths import PACKAGE

CSRC = PACKAGE / "csrc"


@dataclass(frozen=True, kw_only=True)
class BuildTarget:
    """Compiler, flags and runner of a build.

    Attributes:
        compiler: A command for C++.
        archiver: A command.
        machine: Whose flags to take.
        flags: For all files and for the linker.
        link_flags: For the linker of programs.
        runner: What programs are started by.
        needs: Debian packages that have the commands.
    """

    compiler: str
    archiver: str = "ar"
    machine: str
    flags: tuple[str, ...] = ()
    link_flags: tuple[str, ...] = ()
    runner: tuple[str, ...] = ()
    needs: str = "g++"

    def check(self) -> None:
        """
        Raises:
            ExtensionError: A command is missing.
        """
        commands = [self.compiler.split()[0], self.archiver, *self.runner[:1]]
        missing = [command for command in commands if shutil.which(command) is None]
        if missing:
            raise ExtensionError(f"{', '.join(missing)} not found; install {self.needs}")


HERE = platform.machine().lower().replace("amd64", "x86_64").replace("arm64", "aarch64")
NATIVE = os.environ.get("CXX", "g++")


def _sanitize(*names: str) -> tuple[str, ...]:
    return (f"-fsanitize={','.join(names)}", "-fno-sanitize-recover=all", "-O1", "-g1")


TARGETS: Mapping[str, BuildTarget] = {
    "native": BuildTarget(compiler=NATIVE, machine=HERE),
    "sanitize": BuildTarget(compiler=NATIVE, machine=HERE, flags=_sanitize("address", "undefined")),
    "sanitize_threads": BuildTarget(compiler=NATIVE, machine=HERE, flags=_sanitize("thread")),
    "arm": BuildTarget(
        compiler="aarch64-linux-gnu-g++",
        archiver="aarch64-linux-gnu-ar",
        machine="aarch64",
        link_flags=("-static",),
        runner=("qemu-aarch64",),
        needs="g++-aarch64-linux-gnu qemu-user",
    ),
}


@contextmanager
def build_lock(folder: Path) -> Iterator[None]:
    """Hold a folder of build products: who else builds there, in whatever process, waits."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
        yield


def sources_of(*folders: str) -> list[Path]:
    """The C++ files of some folders of ``csrc``, and of those in them."""
    return sorted(path for folder in folders for path in (CSRC / folder).rglob("*.cpp"))


def compile_files(target: BuildTarget, sources: Iterable[Path], folder: Path) -> list[Path]:
    """Compile each file, with the flags of its instruction set; the object files in `folder`.

    An object that is there already, made by the same command, is kept where it is newer than its
    source and all headers, those beside the source among them.

    Raises:
        ExtensionError: The compiler refuses one.
    """
    flags = json.loads((CSRC / "flags.json").read_text())
    folder.mkdir(parents=True, exist_ok=True)
    sources = list(sources)
    headers = {*CSRC.rglob("*.h"), *(path for s in sources for path in s.parent.glob("*.h"))}
    headers_changed = max(path.stat().st_mtime for path in headers)

    def compile_one(source: Path) -> Path:
        own = flags.get(target.machine, {}).get(source.name, [])
        options = [*flags["core"], *own, *target.flags, f"-I{CSRC}"]
        command = [*target.compiler.split(), *options, "-c", str(source)]
        digest = hashlib.sha256(json.dumps(command).encode()).hexdigest()[:12]
        made = folder / f"{source.parent.name}_{source.stem}_{digest}.o"
        changed = max(source.stat().st_mtime, headers_changed)
        if not made.is_file() or made.stat().st_mtime <= changed:
            run(*command, "-o", made)
        return made

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, sources))


def link_program(target: BuildTarget, objects: Iterable[str | Path], program: Path) -> None:
    """
    Raises:
        ExtensionError: The linker fails.
    """
    _link(target, (*target.flags, *target.link_flags), objects, program)


def link_library(target: BuildTarget, objects: Iterable[Path], library: Path) -> None:
    """A shared library.

    Raises:
        ExtensionError: The linker fails.
    """
    _link(target, ("-shared", *target.flags), objects, library)


def _link(
    target: BuildTarget, flags: Iterable[str], objects: Iterable[str | Path], made: Path
) -> None:
    """Put the file in its place in one step, as others may be running the one before."""
    new = made.with_name(f"{made.name}.new")
    run(*target.compiler.split(), *flags, *objects, "-pthread", "-o", new)
    new.replace(made)


def write_archive(target: BuildTarget, objects: Iterable[Path], library: Path) -> None:
    """A static library, in place of one that is there.

    Raises:
        ExtensionError: The archiver fails.
    """
    new = library.with_name(f"{library.name}.new")
    new.unlink(missing_ok=True)  # ar would add to it
    run(target.archiver, "rcs", new, *objects)
    new.replace(library)


def run(*command: str | Path) -> None:
    """Run a command whose output is for the user.

    Raises:
        ExtensionError: It fails.
    """
    words = [str(part) for part in command]
    code = subprocess.run(words).returncode
    if code:
        raise ExtensionError(f"exit code {code} of {words[0]}")
