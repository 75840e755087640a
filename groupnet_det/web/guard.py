"""Guard of the page's server: serves what the page uses and refuses the rest before Gradio sees
it.

Gradio serves any name of the host, so that a page of somebody else whose name is made to point
to this machine could read all (DNS rebinding); its clients may call every function by its number,
have addresses fetched, and ask for files by path.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from groupnet_det.errors import DataError

from .uploads import Uploads

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NAMES = ("127.0.0.1", "localhost", "[::1]")  # of this machine
API = "/gradio_api/"
FILE = f"{API}file="
JOIN = f"{API}queue/join"
# Of Gradio's interface, what the page itself uses; of a name with a slash at the end, all below.
# Everything else, as calls of functions by their names, fetching and streaming, is not served.
ROUTES: dict[str, tuple[str, ...]] = {
    "GET": ("queue/data", "heartbeat/", "upload_progress", "info", "startup-events", "app_id"),
    "HEAD": ("startup-events",),
    "POST": ("upload", "queue/join", "reset", "cancel"),
}
MAX_JOIN = 1 << 20  # bytes of a call: names, and paths of files


class RefusedError(Exception):
    """A request is refused."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Guard:
    """Stands before a server's application (ASGI)."""

    def __init__(self, app: App, uploads: Uploads) -> None:
        """
        Args:
            app: Gradio's application.
            uploads: The files that may be used and handed out.
        """
        self.app = app
        self.uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":  # the page has no use for web sockets
            return await send({"type": "websocket.close", "code": 1008})
        try:
            _check_sender(scope)
            self._check_route(scope["method"], scope["path"])
            if scope["path"] == JOIN:
                receive = await self._checked(receive)
        except RefusedError as error:
            return await _refuse(send, error)
        return await self.app(scope, receive, send)

    def _check_route(self, method: str, path: str) -> None:
        if method in ("GET", "HEAD") and path.startswith(FILE):
            try:
                self.uploads.checked(path.removeprefix(FILE))
            except DataError as error:
                raise RefusedError(404, str(error)) from None
        elif path.startswith(API):
            name = path.removeprefix(API)
            if not any(_fits(name, route) for route in ROUTES.get(method, ())):
                raise RefusedError(404, "not found")
        elif method not in ("GET", "HEAD"):
            raise RefusedError(405, "not allowed")

    async def _checked(self, receive: Receive) -> Receive:
        """A function's call, read as data and written again, with files of the folder alone."""
        try:
            call = json.loads(await _body(receive))
            self.uploads.check_all(call)
        except DataError as error:
            raise RefusedError(400, str(error)) from None
        except (ValueError, RecursionError):
            raise RefusedError(400, "this is not a call of the page") from None
        body = json.dumps(call).encode()
        return _replay(body, receive)


def _check_sender(scope: Scope) -> None:
    """See that a request is made to this machine by its name, and by no page of somebody else.

    Raises:
        RefusedError: It is not.
    """
    port = (scope.get("server") or ("", None))[1]
    valid = {f"{name}:{port}" for name in NAMES}
    if _header(scope, b"host") not in [[name] for name in valid]:
        raise RefusedError(403, f"valid hosts: {', '.join(sorted(valid))}")
    origins = _header(scope, b"origin")
    if origins and origins not in [[f"http://{name}"] for name in valid]:
        raise RefusedError(403, "this request is made by another page")


def guarded(uploads: Uploads) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """Make a ``lifespan`` of ASGI that puts a `Guard` before all of Gradio's application when its
    server starts."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        app.middleware_stack = Guard(app.middleware_stack, uploads)
        yield

    return lifespan


def _header(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").lower() for key, value in scope["headers"] if key == name]


def _fits(name: str, route: str) -> bool:
    return name.startswith(route) if route.endswith("/") else name.rstrip("/") == route


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_JOIN:
            raise RefusedError(413, "the call is too long")
        if not message.get("more_body", False):
            return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """Make a `receive` that first returns a body that has been read."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message


async def _refuse(send: Send, error: RefusedError) -> None:
    body = json.dumps({"detail": str(error)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    start = {"type": "http.response.start", "status": error.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
