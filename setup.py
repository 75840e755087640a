"""Build of the engine, and of a wheel with the configs; all else is in pyproject.toml.

A wheel carries ``configs`` inside the package; in a checkout, and in an editable installation, they
stay where they are. It has no commands that need a checkout.
"""

import importlib.util
import json
import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent

# The engine that runs packed models: optional, see INSTALL.md.
SKIP = "GROUPNET_DET_NO_EXTENSION"
CSRC = ROOT / "groupnet_det/csrc"
# Each file of kernels is compiled for one instruction set and chosen when the engine runs.
FLAGS = json.loads((CSRC / "flags.json").read_text())


# What goes into a wheel besides the package.
CARRIED = ("configs/**/*.yaml", "configs/**/*.py")


def carried_files() -> list[str]:
    """Files of `CARRIED`, from the root."""
    paths = (path for pattern in CARRIED for path in ROOT.glob(pattern))
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


def why_no_engine() -> str:
    """The reason why the engine is not even tried; empty if it is."""
    if os.environ.get(SKIP):
        return f"{SKIP} is set"
    if importlib.util.find_spec("torch") is None:
        return "torch is not in the environment that builds; add --no-build-isolation"
    return ""


class BuildPackage(build_py):
    """The package, and in a wheel the configs inside of it."""

    def run(self) -> None:
        super().run()
        if why_no_engine():
            report_no_engine(why_no_engine())
        if self.editable_mode:
            return
        for name in carried_files():
            target = Path(self.build_lib) / "groupnet_det" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(str(ROOT / name), str(target), preserve_mode=False)


class Wheel(bdist_wheel):
    """Nothing in it depends on the version of Python: torch loads the engine."""

    def get_tag(self) -> tuple[str, str, str]:
        *_, platform_tag = super().get_tag()
        return "py3", "none", platform_tag


def report_no_engine(reason: str) -> None:
    print(
        f"\ngroupnet_det: the engine for packed models was NOT built ({reason}).\n"
        "All else works. It needs a C++ compiler, and torch in this environment: "
        "pip install --no-build-isolation . (INSTALL.md)\n",
        file=sys.stderr,
    )


class BuildEngine(build_ext):
    """Compile the engine with the torch that is installed, or say why there is none."""

    def build_extension(self, ext: Extension) -> None:
        try:
            self.compile_engine(ext)
        except Exception as error:  # whatever it is, the Python package works without the engine
            report_no_engine(str(error))

    def compile_engine(self, ext: Extension) -> None:
        from torch.utils.cpp_extension import include_paths, library_paths

        include_dirs = [str(CSRC), *include_paths()]
        jobs = [(source, self.flags_for(source)) for source in ext.sources]

        def compile_one(job: tuple[str, list[str]]) -> list[str]:
            source, flags = job
            return self.compiler.compile(
                [source], self.build_temp, include_dirs=include_dirs, extra_postargs=flags
            )

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = [obj for made in pool.map(compile_one, jobs) for obj in made]
        target = self.get_ext_fullpath(ext.name)
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        self.compiler.link_shared_object(
            objects,
            target,
            libraries=["c10", "torch_cpu"],
            library_dirs=library_paths(),
            extra_postargs=["-pthread"],
            target_lang="c++",
        )

    @staticmethod
    def flags_for(source: str) -> list[str]:
        path = Path(source)
        if "torch_ops" in path.parts:  # torch's headers want C++20
            return ["-std=c++20" if flag == "-std=c++17" else flag for flag in FLAGS["core"]]
        machine = platform.machine().lower().replace("amd64", "x86_64")
        return [*FLAGS["core"], *FLAGS.get(machine, {}).get(path.name, [])]

    def get_ext_filename(self, fullname: str) -> str:
        return f"{fullname.replace('.', '/')}.so"  # of any Python: torch loads it


ENGINE = Extension(
    "groupnet_det._engine",
    sources=sorted(
        str(path.relative_to(ROOT))
        for folder in ("core", "kernels", "torch_ops")
        for path in (CSRC / folder).rglob("*.cpp")
    ),
    optional=True,
)

setup(
    ext_modules=[] if why_no_engine() else [ENGINE],
    cmdclass={"build_py": BuildPackage, "build_ext": BuildEngine, "bdist_wheel": Wheel},
)
