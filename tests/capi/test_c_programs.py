"""The header in plain C and in C++, and the example of the documentation."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from groupnet_det.runtime.predictor import PackedPredictor

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
LANGUAGES = {
    "C99": ["cc", "-std=c99", "-x", "c"],
    "C17": ["cc", "-std=c17", "-x", "c"],
    "C++11": ["c++", "-std=c++11", "-x", "c++"],
    "C++20": ["c++", "-std=c++20", "-x", "c++"],
}


def run(*command, **options):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, **options)


def compiled(command, source, native, program):
    if shutil.which(command[0]) is None:
        pytest.skip(f"no compiler ({command[0]})")
    library = ["-x", "none", native / "libgroupnet.a", "-lstdc++", "-lm", "-pthread"]
    done = run(*command, *WARNINGS, f"-I{native}", source, *library, "-o", program)
    assert done.returncode == 0, done.stderr
    return program


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_function(native, root, write_model, tmp_path, language):
    source = root / "tests/csrc/c_api/program.c"
    program = compiled(LANGUAGES[language], source, native, tmp_path / "program")
    model = write_model(resize=30, crop=25)
    done = run(program, model)
    assert done.returncode == 0, done.stdout
    image = (np.arange(37 * 50 * 3) * 7 % 251).astype(np.uint8).reshape(37, 50, 3)
    expected = PackedPredictor(model, backend="reference")(image).top(3)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(name, np.float32(share)) for share, name in lines] == [
        (name, np.float32(share)) for name, share in expected
    ]


def test_nothing_leaks(native, root, write_model, tmp_path):
    if shutil.which("valgrind") is None:
        pytest.skip("no valgrind")
    source = root / "tests/csrc/c_api/program.c"
    program = compiled(LANGUAGES["C99"], source, native, tmp_path / "program")
    check = ["valgrind", "--leak-check=full", "--error-exitcode=9", "-q"]
    # Without the instructions of AVX-512, which it does not know.
    done = run(
        *check, program, write_model(), env={"GROUPNET_DET_ISA": "portable", "PATH": "/usr/bin"}
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def page(root):
    return (root / "docs/use/c-api.md").read_text()


def test_the_example_of_the_documentation(page, native, write_model, tmp_path):
    (example,) = re.findall(r"```c\n(.*?)```", page, re.DOTALL)
    (tmp_path / "example.c").write_text(example)
    program = compiled(LANGUAGES["C99"], tmp_path / "example.c", native, tmp_path / "example")
    model = write_model("model.gnp", resize=256, crop=224)
    done = run(program, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    grey = np.full((480, 640, 3), 128, np.uint8)
    name, share = PackedPredictor(model, backend="reference")(grey).top(1)[0]
    assert done.stdout == f"{name}: {share:.4f}\n"


def test_the_command_of_the_documentation(page, native, tmp_path):
    """How it is compiled, word for word."""
    (example,) = re.findall(r"```c\n(.*?)```", page, re.DOTALL)
    (command,) = re.findall(r"^    (cc .*example\.c.*)$", page, re.MULTILINE)
    if shutil.which("cc") is None:
        pytest.skip("no compiler (cc)")
    (tmp_path / "example.c").write_text(example)
    (tmp_path / "build").mkdir()
    (tmp_path / "build/native").symlink_to(native)
    done = run(*command.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "example").is_file()
