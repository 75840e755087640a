"""Folders of configs and results: next to the package in a checkout, inside it in a wheel."""

import difflib
import os
from pathlib import Path

from groupnet_det.errors import ConfigError

PACKAGE = Path(__file__).resolve().parent.parent


def project_root() -> Path:
    """The folder that contains ``configs``."""
    return PACKAGE if (PACKAGE / "configs").is_dir() else PACKAGE.parent


def work_folder() -> Path:
    """Default folder of models and outputs: the checkout, or the current folder if the package is
    installed."""
    root = project_root()
    return Path.cwd() if root == PACKAGE else root


def results_folder() -> Path:
    """The folder of measurements."""
    return work_folder() / "results"


def find_config(name: str | os.PathLike[str]) -> str:
    """The path of a config file.

    Args:
        name: A file, or the name of a config of the project, such as
            ``quick/retinanet_groupnet_photo_digits``, with or without ``configs/`` and ``.yaml``.

    Raises:
        ConfigError: Neither exists; the message lists similar names.
    """
    path = os.fspath(name)
    if os.path.isfile(path):
        return path
    short = path.removeprefix("configs/").removesuffix(".yaml")
    known = config_names()
    if short in known:
        return str(project_root() / "configs" / f"{short}.yaml")
    near = difflib.get_close_matches(short, known, n=3, cutoff=0.5)
    hint = f"; near: {', '.join(near)}" if near else ""
    raise ConfigError(
        f"config file {path} does not exist, and the project has no config of this name{hint}"
    )


def config_names() -> list[str]:
    """Names of the project's YAML configs, except building blocks (``Base``)."""
    folder = project_root() / "configs"
    names = (path.relative_to(folder).with_suffix("") for path in folder.rglob("*.yaml"))
    return sorted(name.as_posix() for name in names if name.parts[0] != "Base")
