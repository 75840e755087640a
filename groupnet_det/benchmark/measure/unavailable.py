"""Errors of engines that are not available on this machine."""

from types import ModuleType

from groupnet_det.errors import UserError
from groupnet_det.extras import ExtraAbsentError, import_extra


class SideAbsentError(UserError):
    """A side cannot be measured here; the message says why, and the fix."""


def require(*packages: str) -> ModuleType:
    """Import packages of the extra ``bench``, and return the first.

    Raises:
        SideAbsentError: One of them is not installed.
    """
    try:
        return import_extra("bench", packages)[0]
    except ExtraAbsentError as error:
        raise SideAbsentError(str(error)) from error
