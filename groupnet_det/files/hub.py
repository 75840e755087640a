"""Models on the Hugging Face hub: names such as ``hf://user/name@v1``, fetching and pushing.

huggingface_hub does the work (the extra ``hub``). It keeps what was fetched in its cache, finds the
user's token, and is set up by its own variables: ``HF_HOME``, ``HF_TOKEN``, ``HF_HUB_OFFLINE``,
``HF_ENDPOINT``.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from groupnet_det.errors import UserError, shortened
from groupnet_det.extras import import_extra
from groupnet_det.version import __version__

PathLike = str | os.PathLike[str]

PREFIX = "hf:/"  # of hf://, which pathlib shortens
PART = r"[a-z0-9][\w.-]*"  # so that none is hidden or leads up
NAME = re.compile(
    rf"hf://?(?P<repo>{PART}/{PART})(?:@(?P<revision>refs/pr/\d+|{PART}))?(?:/(?P<file>{PART}))?",
    re.ASCII | re.IGNORECASE,
)
COMMIT = re.compile("[0-9a-f]{40}")
LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
# Errors of huggingface_hub, subclasses first -> what they mean for the user.
REASONS = {
    "GatedRepoError": f"its owner grants access; ask for it on its page, then {LOG_IN}",
    "RepositoryNotFoundError": f"it does not exist or is private; fix the name, or {LOG_IN}",
    "RevisionNotFoundError": "it has no such revision; name a branch, a tag or a commit after @",
    "LocalEntryNotFoundError": "the hub cannot be reached, and the cache does not have it",
    "EntryNotFoundError": "it lacks this file; `groupnet-det push` makes models that have all",
}

logger = logging.getLogger(__name__)


class HubError(UserError):
    """A model on the hub cannot be named, fetched or pushed so."""


@dataclass(frozen=True)
class HubName:
    """The parts of a name on the hub.

    Attributes:
        repo: ``user/name``.
        revision: A branch, a tag or a commit; None for the main branch.
        file: In the repository's root; empty where the model itself is named.
    """

    repo: str
    revision: str | None = None
    file: str = ""

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"hf://{self.repo}{revision}{f'/{self.file}' if self.file else ''}"


def on_hub(name: PathLike) -> bool:
    """Whether it is a name of the hub, not a path."""
    return os.fspath(name).startswith(PREFIX)


def parse_name(name: PathLike) -> HubName:
    """
    Raises:
        HubError: It is not of the form ``hf://user/name[@revision][/file]``.
    """
    match = NAME.fullmatch(os.fspath(name))
    if not match:
        raise HubError(
            f"{shortened(os.fspath(name))} names no model; the form is "
            "hf://user/name[@revision][/FILE.gnp], with a branch, a tag or a commit as revision"
        )
    return HubName(match["repo"], match["revision"], match["file"] or "")


def fetch(name: HubName, limits: Mapping[str, int]) -> Path:
    """Fetch files of one commit into the cache. A process asks once and keeps that commit.

    Args:
        name: Name of the model.
        limits: Files of its root, and how many bytes each may have. No others are fetched.

    Returns:
        The folder with the files.

    Raises:
        HubError: A file is missing or too large, or neither the hub nor the cache gives it.
        MissingExtraError: huggingface_hub is not installed.
    """
    return _fetch(HubName(name.repo, name.revision), tuple(limits.items()))


@lru_cache
def _fetch(model: HubName, limits: tuple[tuple[str, int], ...]) -> Path:
    (hub,) = import_extra("hub", ["huggingface_hub"])
    path = Path()
    for file, limit in limits:
        wanted = HubName(model.repo, model.revision, file)
        with _one_line(wanted, hub):
            path = _fetch_file(hub, wanted, limit)
        # The other files are of the same commit, which the cache keeps in a folder of that name.
        model = HubName(model.repo, path.parent.name)
    logger.info(f"{model} is in {path.parent}")
    return path.parent


def _fetch_file(hub: Any, wanted: HubName, limit: int) -> Path:
    place = {"repo_id": wanted.repo, "filename": wanted.file, "revision": wanted.revision}
    if COMMIT.fullmatch(wanted.revision or ""):
        cached = hub.try_to_load_from_cache(**place)
        if isinstance(cached, str):
            return _checked(Path(cached), wanted, limit)
    api = _api(hub)
    url = hub.hf_hub_url(**place, endpoint=api.endpoint)
    try:
        seen = api.get_hf_file_metadata(url=url)
    except Exception as error:
        if 400 <= _status(error) < 500:
            raise
        unreached = f"{wanted}: the hub cannot be reached ({_first_line(error, hub)})"
        try:
            cached = hub.hf_hub_download(**place, local_files_only=True)
        except hub.errors.LocalEntryNotFoundError:
            raise HubError(f"{unreached}, and the cache does not have it") from None
        logger.warning(f"{unreached}; the copy in the cache is used")
        return _checked(Path(cached), wanted, limit)
    _check_size(seen.size or 0, wanted, limit)
    return _checked(Path(api.hf_hub_download(**place)), wanted, limit)


def _checked(path: Path, wanted: HubName, limit: int) -> Path:
    _check_size(path.stat().st_size, wanted, limit)
    return path


def _check_size(size: int, wanted: HubName, limit: int) -> None:
    if size > limit:
        raise HubError(f"{wanted} has {size} bytes; the limit is {limit}")


def push_files(
    name: HubName, files: Mapping[str, Path | bytes], *, message: str, private: bool = False
) -> str:
    """Put files into a repository, in one commit; it is made where there is none.

    Args:
        name: Name of the model, without revision and file.
        files: Files by their names on the hub; other files there stay as they are.
        message: Commit message.
        private: Whether others must not see the model.

    Returns:
        The address of the commit.

    Raises:
        HubError: The hub refuses or cannot be reached, or the model is public and is not to be.
        MissingExtraError: huggingface_hub is not installed.
    """
    (hub,) = import_extra("hub", ["huggingface_hub"])
    api = _api(hub)
    with _one_line(name, hub):
        api.create_repo(name.repo, private=private or None, exist_ok=True)
        if private and not api.model_info(name.repo).private:
            raise HubError(f"{name} is there already, and public; make it private on its page")
        operations = [
            hub.CommitOperationAdd(path, content if isinstance(content, bytes) else str(content))
            for path, content in files.items()
        ]
        commit = api.create_commit(name.repo, operations, commit_message=message)
    _fetch.cache_clear()
    return str(commit.commit_url)


def _api(hub: Any) -> Any:
    return hub.HfApi(library_name="groupnet_det", library_version=__version__)


@contextmanager
def _one_line(name: HubName, hub: Any) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # also of the HTTP library, another one in each release
        # Without its cause, whose text may repeat what was sent, the token included.
        raise HubError(f"{name}: {_reason(error, hub)}") from None


def _reason(error: Exception, hub: Any) -> str:
    for kind, reason in REASONS.items():
        if isinstance(error, getattr(hub.errors, kind)):
            return reason
    if _status(error) in (401, 403):
        return f"the hub does not allow it: {LOG_IN}"
    return _first_line(error, hub)


def _status(error: Exception) -> int:
    """Status of a response of HTTP; 0 if the hub gave none."""
    return getattr(getattr(error, "response", None), "status_code", 0)


def _first_line(error: Exception, hub: Any) -> str:
    line = (str(error).splitlines() or [type(error).__name__])[0]
    token = hub.get_token()
    return line.replace(token, "(token)") if token else line
