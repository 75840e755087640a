"""Errors of engines that are not available on this machine."""

from types import ModuleType

from groupnet_det.errors import UserError
from groupnet_det.extras import MissingExtraError, import_extra


class EngineUnavailableError(UserError):
    """An engine cannot run here; the message says why, and the fix."""


def require(*packages: str) -> ModuleType:
    """Import packages of the extra ``bench``, and return the first.

    Raises:
        EngineUnavailableError: One of them is not installed.
    """
    try:
        return import_extra("bench", packages)[0]
    except MissingExtraError as error:
        raise EngineUnavailableError(str(error)) from error
