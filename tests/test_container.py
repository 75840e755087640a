"""The image's recipe, as far as it can be read without an engine for containers."""

import re
import subprocess

import pytest

from .conftest import ROOT

RECIPE = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
LINES = [line.split(maxsplit=1) for line in RECIPE.splitlines() if re.match("[A-Z]+ ", line)]
IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text().splitlines()
    if line and not line.startswith("#")
]


def of(kind):
    return [rest for name, rest in LINES if name == kind]


def test_what_is_run_is_run_by_a_user():
    kinds = [name for name, _ in LINES]
    (number,) = of("USER")
    assert int(number)  # a name would not do for hosts that refuse root
    assert re.search(rf"useradd .*--uid {number} user$", of("RUN")[1])
    assert kinds.index("USER") < kinds.index("COPY") < kinds.index("CMD")
    assert all(f"--chown={number} " in line for line in of("COPY"))


def test_its_python_is_one_that_the_project_takes():
    (base,) = of("FROM")
    version = re.fullmatch(r"python:(\d+\.\d+)-slim-\w+", base)[1]
    assert f"Programming Language :: Python :: {version}" in "".join(
        (ROOT / name).read_text() for name in ("setup.py", "pyproject.toml")
    )


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"(?<=make )[a-z]+|(?<=\"make\", \")[a-z]+", RECIPE)))
)
def test_targets_of_make_are_there(target):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_layer_with_torch_needs_nothing_that_is_copied_later(tmp_path):
    source = of("COPY")[0].split()[1]
    (tmp_path / "tools").mkdir()
    (tmp_path / source).write_bytes((ROOT / source).read_bytes())
    (code,) = re.findall(r'PYTHONPATH=tools \S+ -c "(.*)"', RECIPE)
    quiet = "import subprocess; subprocess.run = lambda words, check: print(*words); "
    done = subprocess.run(
        ["python3", "-I", "-c", f"import sys; sys.path.append('tools'); {quiet}{code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "pip install" in done.stdout
    assert "torch" in done.stdout


def test_what_git_ignores_stays_out_of_the_image():
    """But folders of the root, which need no `**`."""
    lines = (ROOT / ".gitignore").read_text().splitlines()
    wanted = [line.strip("/") for line in lines if line and line[0] not in "#!"]
    kept = [line[1:].strip("/") for line in lines if line.startswith("!")]
    assert [line for line in wanted if not {line, f"**/{line}"} & set(IGNORED)] == []
    assert [line for line in kept if f"!{line}" not in IGNORED] == []


def test_the_image_holds_no_secrets():
    assert {".git", "**/.env", "**/.netrc", "**/.pypirc"} <= set(IGNORED)
    assert not re.search("token|password|secret|apikey", RECIPE, re.IGNORECASE)
