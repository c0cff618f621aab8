"""An HTTP/1.1 server (RFC 9110, RFC 9112): GET and HEAD of a few pages and of the host's files; keep-alive."""

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
from nsemu.wire.http import METHODS, REASONS, BadRequest, HttpRequest, response, split_head

PORT: Final = 80
MAXIMUM_SIZE: Final = 64 << 20


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
        try:
            head = split_head(self._input)
            if head is None:
                return False
            request = HttpRequest.parse(head[0])
            self._input = self._input[head[1] :]
            self._skip = request.body_length
        except BadRequest as error:
            self._refuse(error)
            return False
        self._answer(request)
        return True

    def _answer(self, request: HttpRequest) -> None:
        close = not request.keep_alive
        if request.method not in {"GET", "HEAD"}:
            status = 405 if request.method in METHODS else 501
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
        lines = [f"Server: {self._context.host}"]
        if status == 405:
            lines.append("Allow: GET, HEAD")
        if close:
            lines.append("Connection: close")
        elif request is not None and request.version < (1, 1):
            lines.append("Connection: keep-alive")
        answer = response(status, page.body, lines, content_type=page.content_type)
        only_head = request is not None and request.method == "HEAD"
        self.channel.send(answer[: len(answer) - len(page.body)] if only_head else answer)
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
    title = f"{status} {REASONS[status]}"
    return Page(f"<html><head><title>{title}</title></head><body><p>{escape(text)}</p></body></html>\n".encode())
