"""An HTTP/1.1 server (RFC 9110, RFC 9112): GET and HEAD of a few pages and of the host's files; keep-alive.

No clock, so no Date field (RFC 9110 §6.6.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from nsemu.lab.host.services.context import ServiceContext
from nsemu.lab.host.store import FileError, pattern_octets
from nsemu.runtime.tcp.channel import Channel, Conversation
from nsemu.wire.address import format_ipv4

PORT: Final = 80
MAXIMUM_HEAD: Final = 16384
MAXIMUM_SIZE: Final = 64 << 20

_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"})
_REQUEST_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/(\d)\.(\d)")
_FIELD: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")


class BadRequest(ValueError):
    """The request is not what HTTP allows; `status` is the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The head of a request. Field names are in lower case; a repeated field is joined with commas."""

    method: str
    target: str
    version: tuple[int, int]
    fields: dict[str, str]

    @classmethod
    def parse(cls, head: str) -> HttpRequest:
        """The lines before the empty one. Raises BadRequest."""
        lines = [line.removesuffix("\r") for line in head.split("\n")]
        start = _REQUEST_LINE.fullmatch(lines[0])
        if start is None:
            raise BadRequest(400, "the request line is malformed")
        version = (int(start[3]), int(start[4]))
        if version[0] != 1:
            raise BadRequest(505, f"HTTP/{version[0]}.{version[1]} is not supported")
        fields: dict[str, str] = {}
        for line in lines[1:]:
            found = _FIELD.fullmatch(line)
            if found is None:
                raise BadRequest(400, "a header field is malformed")
            name = found[1].lower()
            fields[name] = f"{fields[name]}, {found[2]}" if name in fields else found[2]
        request = cls(start[1], start[2], version, fields)
        # RFC 9112 §3.2
        if version >= (1, 1) and "host" not in fields:
            raise BadRequest(400, "the Host field is missing")
        return request

    @property
    def keep_alive(self) -> bool:
        """Whether the connection goes on after the answer (RFC 9112 §9.3)."""
        options = {word.strip().lower() for word in self.fields.get("connection", "").split(",")}
        if self.version >= (1, 1):
            return "close" not in options
        return "keep-alive" in options

    @property
    def body_length(self) -> int:
        """Octets that follow the head. Raises BadRequest."""
        if "transfer-encoding" in self.fields:
            raise BadRequest(501, "transfer codings are not supported")
        text = self.fields.get("content-length", "0")
        if not re.fullmatch(r"[0-9]{1,12}", text):
            raise BadRequest(400, "Content-Length is no number")
        return int(text)


@dataclass(frozen=True, slots=True)
class Page:
    """What a path gives."""

    body: bytes
    content_type: str = "text/html"


class HttpService(Conversation):
    """One connection to the server."""

    def __init__(self, channel: Channel, context: ServiceContext) -> None:
        super().__init__(channel)
        self._context = context
        self._input = b""
        self._skip = 0
        self._ended = False

    def received(self, data: bytes) -> None:
        """Answer every request that is complete, in order (pipelining: RFC 9112 §9.3.2)."""
        self._input += data
        while not self._ended and self._step():
            pass

    def _step(self) -> bool:
        if self._skip:
            skipped = min(self._skip, len(self._input))
            self._input = self._input[skipped:]
            self._skip -= skipped
            if self._skip:
                return False
        self._input = self._input.lstrip(b"\r\n")  # RFC 9112 §2.2
        end = re.search(rb"\r?\n\r?\n", self._input)
        if end is None:
            if len(self._input) > MAXIMUM_HEAD:
                self._refuse(BadRequest(431, "the header is too long"))
            return False
        head = self._input[: end.start()].decode("latin-1")
        self._input = self._input[end.end() :]
        try:
            request = HttpRequest.parse(head)
            self._skip = request.body_length
        except BadRequest as error:
            self._refuse(error)
            return False
        self._answer(request)
        return True

    def _answer(self, request: HttpRequest) -> None:
        close = not request.keep_alive
        if request.method not in {"GET", "HEAD"}:
            status = 405 if request.method in _METHODS else 501
            self._respond(status, _error_page(status, f"method {request.method}"), close=close, request=request)
            return
        page = self._page(request.target)
        if page is None:
            self._respond(404, _error_page(404, f"no page {request.target}"), close=close, request=request)
        else:
            self._respond(200, page, close=close, request=request)

    def _refuse(self, error: BadRequest) -> None:
        self._respond(error.status, _error_page(error.status, str(error)), close=True)

    def _respond(self, status: int, page: Page, *, close: bool, request: HttpRequest | None = None) -> None:
        lines = [
            f"HTTP/1.1 {status} {_REASONS[status]}",
            f"Server: {self._context.host}",
            f"Content-Type: {page.content_type}",
            f"Content-Length: {len(page.body)}",
        ]
        if status == 405:
            lines.append("Allow: GET, HEAD")
        if close:
            lines.append("Connection: close")
        elif request is not None and request.version < (1, 1):
            lines.append("Connection: keep-alive")
        head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
        self.channel.send(head if request is not None and request.method == "HEAD" else head + page.body)
        if close:
            self._ended = True
            self.channel.close()

    def _page(self, target: str) -> Page | None:
        try:
            parts = urlsplit(target)
        except ValueError:
            return None
        maker = _PAGES.get(parts.path)
        if maker is not None:
            return maker(self._context, self.channel, parse_qs(parts.query))
        files = self._context.store.files
        try:
            body = files.read(files.resolve("/", unquote(parts.path)))
        except FileError:
            return None
        return Page(body, "text/plain" if parts.path.endswith(".txt") else "application/octet-stream")


_Query = dict[str, list[str]]


def _index(context: ServiceContext, channel: Channel, _query: _Query) -> Page:
    name, client = escape(context.host), format_ipv4(channel.remote.address)
    return Page(
        f"<html><head><title>{name}</title></head>\n"
        f"<body><h1>{name}</h1>\n<p>You are {client}, port {channel.remote.port}.</p></body></html>\n".encode()
    )


def _whoami(_context: ServiceContext, channel: Channel, _query: _Query) -> Page:
    return Page(f"{format_ipv4(channel.remote.address)}\n".encode(), "text/plain")


def _big(_context: ServiceContext, _channel: Channel, query: _Query) -> Page | None:
    text = query.get("size", ["1048576"])[0]
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > MAXIMUM_SIZE:
        return None
    return Page(pattern_octets(int(text)), "text/plain")


_PAGES: Final[dict[str, Callable[[ServiceContext, Channel, _Query], Page | None]]] = {
    "/": _index,
    "/index.html": _index,
    "/whoami": _whoami,
    "/big": _big,
}


def _error_page(status: int, text: str) -> Page:
    title = f"{status} {_REASONS[status]}"
    return Page(f"<html><head><title>{title}</title></head><body><p>{escape(text)}</p></body></html>\n".encode())
