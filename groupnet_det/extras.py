"""Imports of optional packages, which the extras install."""

import importlib
from collections.abc import Sequence
from types import ModuleType

from .errors import UserError


class MissingExtraError(UserError):
    """An optional package is not installed; the message states the command to install it."""


def import_extra(extra: str, packages: Sequence[str]) -> list[ModuleType]:
    """Import packages of an extra.

    Args:
        extra: Name of the extra in ``pyproject.toml``.
        packages: Names of modules.

    Raises:
        MissingExtraError: One of them cannot be imported.
    """
    modules = []
    for package in packages:
        try:
            modules.append(importlib.import_module(package))
        except ImportError as error:
            name = package.partition(".")[0]
            raise MissingExtraError(
                f"{name} cannot be imported ({error}); pip install 'groupnet-det[{extra}]'"
            ) from error
    return modules
