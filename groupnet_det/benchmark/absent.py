"""How a side says that it cannot be had on this machine."""

import importlib
from types import ModuleType

from groupnet_det.errors import UserError


class SideAbsentError(UserError):
    """A side cannot be measured here; the message says why, and the mend."""


def require(*packages: str) -> ModuleType:
    """Import packages of the extra ``bench``, and return the first.

    Raises:
        SideAbsentError: One of them is not installed.
    """
    modules = []
    for package in packages:
        try:
            modules.append(importlib.import_module(package))
        except ImportError as error:
            name = package.partition(".")[0]
            raise SideAbsentError(
                f"{name} cannot be imported ({error}); pip install 'groupnet-det[bench]'"
            ) from error
    return modules[0]
