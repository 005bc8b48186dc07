"""A web server on loopback, good and bad: the first part of the path asked for says how it behaves."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from runner.ground.json_value import Json

LATIN = "Grüße"
MEGABYTE = 1 << 20


class Asked(NamedTuple):
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


class WebServer(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1, in a thread. `asked` are all requests so far."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[Asked] = []
        self.was_asked = Event()
        self.over = Event()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_port}/{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client may leave in the middle of an answer."""


@contextmanager
def serving() -> Iterator[WebServer]:
    server = WebServer()
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WebServer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body)
        self.server.asked.append(asked)
        self.server.was_asked.set()
        mode, *rest = urlsplit(self.path).path.strip("/").split("/")
        getattr(self, f"be_{mode}", self.be_echo)(asked, rest)

    def send(self, status: int, body: bytes, kind: str = "text/plain", **headers: str) -> None:
        self.send_response(status)
        given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        for name, value in {"content-type": kind, "content-length": str(len(body)), **given}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_json(self, value: Json, status: int = 200, **headers: str) -> None:
        self.send(status, json.dumps(value).encode(), "application/json", **headers)

    def be_echo(self, asked: Asked, _rest: list[str]) -> None:
        self.send_json(asked._asdict())

    def be_status(self, _asked: Asked, rest: list[str]) -> None:
        self.send_json({"error": "so it is"}, int(rest[0]), Retry_After="7")

    def be_to(self, asked: Asked, rest: list[str]) -> None:
        """Redirect to `?where=`, with the status in the path."""
        where = parse_qs(urlsplit(asked.path).query)["where"][0]
        self.send(int(rest[0]), b"", Location=where)

    def be_round(self, _asked: Asked, _rest: list[str]) -> None:
        self.send(302, b"", Location="/round")

    def be_hang(self, _asked: Asked, _rest: list[str]) -> None:
        self.server.over.wait(20)
        self.close_connection = True

    def be_second(self, asked: Asked, rest: list[str]) -> None:
        """Answer from the second request on."""
        is_first = [other.path for other in self.server.asked].count(asked.path) == 1
        (self.be_hang if is_first else self.be_echo)(asked, rest)

    def be_dribble(self, _asked: Asked, _rest: list[str]) -> None:
        self.send(200, b"", content_length="1000000")
        while not self.server.over.wait(0.02):
            self.wfile.write(b" ")

    def be_vanish(self, _asked: Asked, _rest: list[str]) -> None:
        self.close_connection = True

    def be_cut(self, _asked: Asked, _rest: list[str]) -> None:
        self.send(200, b"half", content_length="8")
        self.close_connection = True

    def be_large(self, _asked: Asked, rest: list[str]) -> None:
        self.send(200, b"x" * (int(rest[0]) * MEGABYTE))

    def be_large_json(self, _asked: Asked, rest: list[str]) -> None:
        self.send_json("x" * (int(rest[0]) * MEGABYTE))

    def be_packed(self, _asked: Asked, _rest: list[str]) -> None:
        self.send(200, gzip.compress(b"unpacked"), Content_Encoding="gzip")

    def be_cut_packed(self, _asked: Asked, _rest: list[str]) -> None:
        self.send(200, gzip.compress(b"unpacked" * 1000)[:-30], Content_Encoding="gzip")

    def be_not_packed(self, _asked: Asked, _rest: list[str]) -> None:
        self.send(200, b"plain", Content_Encoding="gzip")

    def be_strange(self, _asked: Asked, rest: list[str]) -> None:
        self.send(200, b"whatever", Content_Encoding=rest[0])

    def be_bomb(self, _asked: Asked, _rest: list[str]) -> None:
        """What unpacks to 10 GB: the same compressed megabytes, again and again."""
        self.send(200, b"", Content_Encoding="gzip", content_length=str(1 << 24))
        packing = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        while not self.server.over.is_set():
            self.wfile.write(packing.compress(bytes(16 * MEGABYTE)) + packing.flush(zlib.Z_SYNC_FLUSH))

    def be_text(self, asked: Asked, _rest: list[str]) -> None:
        """The bytes of `?hex=`, said to be of `?kind=`."""
        given = parse_qs(urlsplit(asked.path).query, keep_blank_values=True)
        self.send(200, bytes.fromhex(given["hex"][0]), given["kind"][0])

    def be_cookies(self, _asked: Asked, _rest: list[str]) -> None:
        self.send_response(204)
        self.send_header("x-many", "a")
        self.send_header("x-many", "b")
        self.end_headers()


for _method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(Handler, f"do_{_method}", Handler.answer)
