"""A stand-in for the Hugging Face hub: what huggingface_hub asks it for, in memory."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from groupnet_det.files import hub as own

TOKEN = "hf_secretsecretsecretsecretsecretsecr"


@dataclass
class Repo:
    """A repository.

    Attributes:
        private: Whether it is only there for those with the token.
        commits: Files by name, by commit.
        refs: Commits by branch and tag.
    """

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        """Files over those that are there; the new commit."""
        content = {**self.commits.get(self.refs.get(ref, ""), {}), **files}
        digest = hashlib.sha1(repr((ref, sorted(content.items()))).encode()).hexdigest()
        self.commits[digest] = content
        self.refs[ref] = digest
        return digest


@dataclass
class Hub:
    """What the server holds, and how it behaves.

    Attributes:
        repos: By ``user/name``.
        asked: Method and path of each request.
        status: Answer to everything, where it is not 0; its text repeats what was sent.
        announced: Bytes that each file has by the answers without content, where it is not -1.
    """

    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    status: int = 0
    announced: int = -1


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing: tests look at what was asked."""

    def answer(self, status: int = 200, content: Any = b"", **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(data)), **named}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def handle_any(self) -> None:
        self.hub.asked.append((self.command, self.path))
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) or self.chunks()
        if self.hub.status:
            said = f"refused {self.headers['Authorization']}"
            return self.answer(self.hub.status, {"error": said}, X_Error_Message=said)
        for pattern, method in self.ROUTES.items():
            match = re.fullmatch(pattern, f"{self.command} {self.path}")
            if match:
                return method(self, body, **match.groupdict())
        return self.answer(501, {"error": f"not in the stand-in: {self.command} {self.path}"})

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815

    def chunks(self) -> bytes:
        body = b""
        while self.headers.get("Transfer-Encoding") == "chunked":
            size = int(self.rfile.readline(), 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if not size:
                break
        return body

    def knows_user(self) -> bool:
        return self.headers["Authorization"] == f"Bearer {TOKEN}"

    def repo(self, name: str) -> Repo | None:
        """The repository; None where it is not for this user, who is told."""
        found = self.hub.repos.get(name)
        if found and (self.knows_user() or not found.private):
            return found
        self.answer(401, {"error": "no"}, X_Error_Code="RepoNotFound")
        return None

    def resolve(self, body: bytes, name: str, revision: str, file: str) -> None:
        repo = self.repo(name)
        if not repo:
            return None
        commit = repo.refs.get(revision, revision)
        if commit not in repo.commits:
            return self.answer(404, {"error": "no"}, X_Error_Code="RevisionNotFound")
        if file not in repo.commits[commit]:
            return self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        content = repo.commits[commit][file]
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        size = {"Content_Length": str(self.hub.announced)}
        told = size if self.command == "HEAD" and self.hub.announced >= 0 else {}
        return self.answer(200, content, ETag=etag, X_Repo_Commit=commit, **told)

    def about(self, body: bytes, name: str) -> None:
        repo = self.repo(name)
        if repo:
            known = {"id": name, "sha": repo.refs.get("main"), "private": repo.private}
            self.answer(200, {**known, "siblings": [], "tags": []})

    def create(self, body: bytes) -> None:
        if not self.knows_user():
            return self.answer(401, {"error": "Invalid username or password."})
        wanted = json.loads(body)
        name = f"{wanted['organization']}/{wanted['name']}"
        known = {"url": f"{self.hub.url}/{name}", "id": name, "name": name}
        if name in self.hub.repos:
            return self.answer(409, {**known, "error": "it is there already"})
        private = wanted.get("private") or wanted.get("visibility") == "private"
        self.hub.repos[name] = Repo(private=bool(private))
        return self.answer(200, known)

    def validate(self, body: bytes) -> None:
        self.answer(200, {"errors": [], "warnings": []})

    def preupload(self, body: bytes, name: str) -> None:
        modes = {True: "lfs", False: "regular"}
        files = [
            {
                "path": file["path"],
                "uploadMode": modes[file["path"].endswith((".safetensors", ".gnp"))],
                "shouldIgnore": False,
                "oid": None,
            }
            for file in json.loads(body)["files"]
        ]
        self.answer(200, {"files": files})

    def batch(self, body: bytes, name: str) -> None:
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.hub.url}/lfs/{each['oid']}"}}}
            for each in json.loads(body)["objects"]
        ]
        self.answer(200, {"transfer": "basic", "objects": objects})

    def store(self, body: bytes, oid: str) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            return self.answer(400, {"error": "another content"})
        self.hub.blobs[oid] = body
        return self.answer()

    def commit(self, body: bytes, name: str) -> None:
        files = {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "lfsFile":
                files[value["path"]] = self.hub.blobs[value["oid"]]
        oid = self.hub.repos[name].commit(files)
        known = {"commitOid": oid, "commitUrl": f"{self.hub.url}/{name}/commit/{oid}"}
        self.answer(200, {**known, "success": True, "hookOutput": ""})

    NAME = r"(?P<name>[^/?]+/[^/?]+)"
    ROUTES: ClassVar[dict[str, Callable[..., None]]] = {
        rf"(?:GET|HEAD) /{NAME}/resolve/(?P<revision>[^/]+)/(?P<file>.+)": resolve,
        rf"GET /api/models/{NAME}(?:/revision/main)?(?:\?.*)?": about,
        r"POST /api/repos/create": create,
        r"POST /api/validate-yaml": validate,
        rf"POST /api/models/{NAME}/preupload/main": preupload,
        rf"POST /{NAME}\.git/info/lfs/objects/batch": batch,
        r"PUT /lfs/(?P<oid>\w+)": store,
        rf"POST /api/models/{NAME}/commit/main": commit,
    }


@contextmanager
def serve() -> Iterator[Hub]:
    """The server on a free port of this machine."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a server the hub of this process, as HF_ENDPOINT does of those to come."""
    from huggingface_hub import constants

    template = f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@contextmanager
def visit(server: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In there, huggingface_hub asks the server, as the user with `TOKEN`, with a new cache."""
    from huggingface_hub import constants

    point_at(server.url, monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    # Xet is a protocol of its own, which the oldest releases do not have.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    own._fetch.cache_clear()
    yield
    own._fetch.cache_clear()
