"""The served page, asked by a client that is not a browser and keeps to no rule."""

import http.client
import json
import os
import socket
from urllib.parse import urlsplit

import pytest

from groupnet_det.web.offered_models import CLASS
from groupnet_det.web.uploads import REFUSAL

META = {"_type": "gradio.FileData"}
SECONDS = 60  # that anything may take
JSON = {"Content-Type": "application/json"}


class Client:
    """Speaks HTTP with a server of this machine."""

    def __init__(self, served):
        self.served = served
        self.port = urlsplit(served.address).port

    def ask(self, method, path, body=None, headers=()):
        """Status and text of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.putrequest(method, path, skip_host=True)
            given = {"Host": f"127.0.0.1:{self.port}", **dict(headers)}
            if body is not None:
                given["Content-Length"] = str(len(body))
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def join(self, function, data, session="s"):
        """Call a function of the page by its number: status and text."""
        (number,) = (
            number
            for number, fn in self.served.blocks.fns.items()
            if fn.api_name == function or number == function
        )
        call = {"fn_index": number, "data": data, "session_hash": session}
        return self.ask("POST", "/gradio_api/queue/join", json.dumps(call).encode(), JSON)

    def quoted(self, session="s"):
        """The outcome of the call of a session."""
        _, text = self.ask("GET", f"/gradio_api/queue/data?session_hash={session}")
        (end,) = (line for line in text.splitlines() if "process_completed" in line)
        return json.loads(end.removeprefix("data: "))

    def upload(self, content, name="photo.png"):
        """Where the page has put a file."""
        mark = "----mark"
        body = (
            f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
            "Content-Type: image/png\r\n\r\n"
        ).encode()
        body += content + f"\r\n--{mark}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        status, text = self.ask("POST", "/gradio_api/upload", body, kind)
        assert status == 200
        return json.loads(text)[0]


@pytest.fixture
def client(served):
    return Client(served)


@pytest.fixture
def name(web_models):
    return web_models["classifier"].name


def test_an_uploaded_image_is_answered(client, photo, name):
    path = client.upload(photo.read_bytes())
    status, _ = client.join("predict", [{"path": path, "meta": META}, CLASS, name, 0.5])
    assert status == 200
    outcome = client.quoted()
    assert outcome["success"]
    drawn, html, *_ = outcome["output"]["data"]
    assert "gn-bar" in html
    assert client.ask("GET", f"/gradio_api/file={drawn['path']}")[0] == 200


@pytest.mark.parametrize("meta", [META, None, "missing"], ids=["marked", "null", "unmarked"])
@pytest.mark.parametrize("place", ["picture", "missing", "pipe", "device", "link", "address"])
def test_files_of_the_machine_are_not_read(client, served, photo, name, tmp_path, place, meta):
    paths = {
        "picture": str(photo),
        "missing": str(tmp_path / "missing.png"),
        "pipe": str(tmp_path / "pipe.png"),
        "device": "/dev/zero",
        "link": str(served.folder / "link.png"),
        "address": f"http://127.0.0.1:{client.port}/favicon.ico",
    }
    os.mkfifo(paths["pipe"])
    if place == "link":
        (served.folder / "link.png").symlink_to(photo)
    picture = {"path": paths[place], "orig_name": "photo.png", "meta": meta}
    if meta == "missing":
        del picture["meta"]
    try:
        answer = client.join("predict", [picture, CLASS, name, 0.5])
    finally:
        (served.folder / "link.png").unlink(missing_ok=True)
    assert answer == (400, json.dumps({"detail": REFUSAL}))  # the same for all of them


def test_files_are_not_named_anywhere_in_a_call(client, photo, name):
    file = {"path": str(photo), "meta": META}
    for data in ([None, file, name, 0.5], [None, CLASS, [[{"a": file}]], 0.5]):
        assert client.join("predict", data) == (400, json.dumps({"detail": REFUSAL}))


def test_what_is_timed_is_not_the_callers_to_say(client, photo, name):
    """``time`` takes what the server keeps, and there is nothing in this session."""
    picture = {"path": client.upload(photo.read_bytes()), "name": name}
    status, _ = client.join("time", [picture, False], "t")
    assert status == 200
    outcome = client.quoted("t")
    assert outcome["output"]["data"] == [""]


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b"{}" + b" " * (1 << 20)])
def test_calls_that_are_none(client, body):
    assert client.ask("POST", "/gradio_api/queue/join", body, JSON)[0] in (400, 413)


@pytest.mark.parametrize("route", ["run", "api", "call", "call/v2"])
@pytest.mark.parametrize("function", ["predict", "time", "choose", "load_example"])
def test_functions_are_not_called_by_name_or_number_beside_the_queue(client, route, function):
    for number in client.served.blocks.fns:
        call = json.dumps({"fn_index": number, "data": [], "session_hash": "r"}).encode()
        status, _ = client.ask("POST", f"/gradio_api/{route}/{function}", call, JSON)
        assert status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "component_server"),
        ("GET", "proxy=http://127.0.0.1/"),
        ("HEAD", "proxy=http://127.0.0.1/"),
        ("GET", "deep_link?session_hash=s"),
        ("POST", "stream/a"),
        ("GET", "file//etc/passwd"),
        ("POST", "process_recording"),
        ("GET", "runs"),
        ("GET", "openapi.json"),
        ("GET", "queue/status"),
    ],
)
def test_what_the_page_does_not_use_is_not_served(client, method, path):
    assert client.ask(method, f"/gradio_api/{path}", b"{}" if method == "POST" else None)[0] == 404


@pytest.mark.parametrize("encoded", [False, True], ids=["plain", "encoded"])
def test_files_are_handed_out_without_a_hint_which_there_are(client, photo, tmp_path, encoded):
    answers = set()
    for path in (photo, tmp_path / "missing.png", "/etc/passwd", "http://127.0.0.1/", tmp_path):
        text = str(path).replace("/", "%2F") if encoded else str(path)
        answers.add(client.ask("GET", f"/gradio_api/file={text}"))
    assert answers == {(404, json.dumps({"detail": REFUSAL}))}


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:{port}", "127.0.0.1", "localhost", "127.0.0.1:1"),
        *("127.0.0.1.evil.example:{port}", "localhost.:{port}", "0.0.0.0:{port}", "127.1:{port}"),
        *("[::]:{port}", "::1:{port}", "evil@localhost:{port}", "", None),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("OPTIONS", "/"),
        ("POST", "/gradio_api/queue/join"),
        ("GET", "/gradio_api/queue/data?session_hash=s"),
        ("GET", "/gradio_api/heartbeat/s"),
        ("POST", "/gradio_api/upload"),
        ("GET", "/assets/a.js"),
    ],
)
def test_other_hosts_are_refused(client, host, method, path):
    host = host and host.format(port=client.port)
    headers = {"Host": host, "Access-Control-Request-Method": "POST", "Origin": f"http://{host}"}
    status, text = client.ask(method, path, b"" if method == "POST" else None, headers)
    # Without any host the server's own reader of HTTP may refuse.
    assert status == 403 or (host is None and status == 400)
    assert "groupnet" not in text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_this_machine_is_answered(client, host):
    headers = {"Host": f"{host}:{client.port}", "Origin": f"http://{host}:{client.port}"}
    status, text = client.ask("GET", "/", headers=headers)
    assert status == 200
    assert "groupnet_det" in text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_pages_of_others_are_refused(client, origin):
    for method, path in (("POST", "/gradio_api/upload"), ("GET", "/gradio_api/heartbeat/s")):
        assert client.ask(method, path, headers={"Origin": origin})[0] == 403


def test_two_hosts_are_refused(client):
    lines = [f"Host: 127.0.0.1:{client.port}", "Host: evil.example", "Connection: close"]
    with socket.create_connection(("127.0.0.1", client.port), timeout=SECONDS) as connection:
        connection.sendall("\r\n".join(["GET / HTTP/1.1", *lines, "", ""]).encode())
        assert connection.recv(4096).split(b" ")[1] in (b"400", b"403")


def test_web_sockets_are_refused(client):
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    assert client.ask("GET", "/gradio_api/queue/join", headers=headers)[0] in (403, 404)
