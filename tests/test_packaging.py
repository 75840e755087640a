"""The source distribution builds a wheel, and the wheel works from any folder."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string

import pytest

from groupnet_det import __version__
from groupnet_det.cli import COMMANDS
from groupnet_det.files.paths import config_names

pytestmark = pytest.mark.slow
WITHOUT_ENGINE = {**os.environ, "GROUPNET_DET_NO_EXTENSION": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def run(*command, cwd, environment=WITHOUT_ENGINE):
    command = [sys.executable, *map(str, command)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    return done


@pytest.fixture(scope="module")
def sources(root, tmp_path_factory):
    """The unpacked source distribution."""
    folder = tmp_path_factory.mktemp("sources")
    done = run(
        *("setup.py", "-q", "egg_info", "--egg-base", folder, "sdist", "--dist-dir", folder),
        cwd=root,
    )
    assert done.returncode == 0, done.stderr
    with tarfile.open(folder / f"groupnet_det-{__version__}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / f"groupnet_det-{__version__}"


@pytest.fixture(scope="module")
def wheel(sources, tmp_path_factory):
    """The wheel without engine, built from there."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = ("-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation")
    done = run(*pip, "-w", folder, sources, cwd=folder)
    assert done.returncode == 0, done.stderr
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Run Python where the package is the wheel's: ``installed(words, cwd=)``."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)

    def start(*words, cwd):
        environment = {**WITHOUT_ENGINE, "PYTHONPATH": str(folder)}
        return run("-W", "ignore", *words, cwd=cwd, environment=environment)

    return start


def test_the_sources_hold_all_that_builds_the_engine(root, sources):
    for folder in ("groupnet_det", "tools", "demo", "configs"):
        for path in (root / folder).rglob("*"):
            if path.suffix in (".py", ".cpp", ".h", ".c", ".json", ".yaml", ".typed"):
                assert (sources / path.relative_to(root)).is_file(), path


def test_the_wheel_holds_the_commands_and_configs(root, wheel):
    assert wheel.name == f"groupnet_det-{__version__}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"{command.module.replace('.', '/')}.py" for command in COMMANDS.values()}
    wanted |= {f"groupnet_det/configs/{name}.yaml" for name in config_names()}
    wanted |= {
        str(path.relative_to(root)) for path in (root / "groupnet_det/commands").rglob("*.yaml")
    }
    wanted |= {"groupnet_det/py.typed", "groupnet_det/configs/Base/recipes/Photo-Digits.yaml"}
    assert wanted <= names
    assert not [name for name in names if name.endswith((".so", ".pyc", ".cpp"))]
    assert not [name for name in names if "/development/" in name]
    assert {name.split("/")[0].split("-")[0] for name in names} == {"groupnet_det"}


def test_the_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = message_from_string(archive.read(name).decode())
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Version"] == __version__
    assert "Typing :: Typed" in metadata.get_all("Classifier")
    assert metadata.get_payload().startswith("# groupnet_det")


def test_the_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
        assert "groupnet-det = groupnet_det.cli:main" in archive.read(name).decode()


def test_extras_that_messages_name_are_there(root, wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        extras = message_from_string(archive.read(name).decode()).get_all("Provides-Extra")
    text = "".join(path.read_text() for path in (root / "groupnet_det").rglob("*.py"))
    named = set(re.findall(r'import_extra\("([\w-]+)"|groupnet-det\[([\w-]+)\]', text))
    named = {name for pair in named for name in pair if name}
    assert {"bench", "completion", "wandb", "mlflow"} <= named <= set(extras)


def test_it_runs_from_any_folder(installed, tmp_path):
    done = installed("-m", "groupnet_det", "--version", cwd=tmp_path)
    assert done.stdout == f"groupnet_det {__version__}\n"
    done = installed("-m", "groupnet_det", "compare", "--help", cwd=tmp_path)
    assert "usage: python -m groupnet_det compare" in done.stdout, done.stderr
    config = ("--config-file", "quick/classifier_groupnet_mnist5k")
    done = installed(
        *("-m", "groupnet_det", "train", *config, "MODEL.GROUPNET.NUM_BASES", "9"), cwd=tmp_path
    )
    assert "error: MODEL.GROUPNET.NUM_BASES (K) is 9" in done.stderr


def test_a_missing_engine_is_reported_in_one_line(installed, tiny_packed, tmp_path):
    code = (
        "import sys\n"
        "from groupnet_det import PackedPredictor\n"
        "from groupnet_det.errors import ExtensionError\n"
        "try:\n"
        "    PackedPredictor(sys.argv[1])\n"
        "except ExtensionError as error:\n"
        "    print(error)\n"
        "PackedPredictor(sys.argv[1], backend='reference')\n"
    )
    done = installed("-c", code, tiny_packed / "model.gnp", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("the engine for packed models is not built (")
    assert "pip install --no-build-isolation ." in line
