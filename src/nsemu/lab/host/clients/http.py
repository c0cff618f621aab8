"""An HTTP client: one request, one answer (RFC 9112)."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass

from nsemu.lab.host.clients.base import Client
from nsemu.runtime.tcp.channel import Channel
from nsemu.wire.http import FORM


@dataclass(frozen=True, slots=True)
class HttpTask:
    """What to ask for. `credentials` (user, password) are sent with it (RFC 7617); `form` is the text of a POST."""

    method: str
    authority: str
    target: str
    credentials: tuple[str, str] | None = None
    form: str = ""

    def text(self) -> str:
        """The request."""
        fields = [f"Host: {self.authority}", "Connection: close"]
        if self.credentials is not None:
            token = b64encode(":".join(self.credentials).encode()).decode("ascii")
            fields.append(f"Authorization: Basic {token}")
        if self.method == "POST":
            fields += [f"Content-Type: {FORM}", f"Content-Length: {len(self.form.encode('latin-1', 'replace'))}"]
        return "\r\n".join([f"{self.method} {self.target} HTTP/1.1", *fields, "", self.form])


class HttpClient(Client):
    """Sends a request and keeps the answer: `head` (status line and fields) and `body`."""

    def __init__(self, channel: Channel, request: HttpTask) -> None:
        super().__init__(channel)
        self._method = request.method
        self._request = request.text()
        self._input = b""
        self._length: int | None = None
        self.head: list[str] = []
        self.body = b""
        self.complete = False

    def connected(self) -> None:
        """Ask."""
        super().connected()
        self.channel.send(self._request.encode("latin-1", "replace"))

    def received(self, data: bytes) -> None:
        """The head up to the empty line, then the body."""
        super().received(data)
        self._input += data
        if not self.head:
            end = self._input.find(b"\r\n\r\n")
            if end < 0:
                return
            self.head = self._input[:end].decode("latin-1").split("\r\n")
            self._input = self._input[end + 4 :]
            self._length = self._body_length()
        if self._length is not None and len(self._input) >= self._length:
            self._end(self._input[: self._length])

    def peer_closed(self) -> None:
        """Without a length, the end of the connection is the end of the body."""
        if self.head and not self.complete and self._length is None:
            self._end(self._input)
        self.channel.close()

    def _end(self, body: bytes) -> None:
        self.body = body
        self.complete = True
        self.channel.close()

    def _body_length(self) -> int | None:
        if self._method == "HEAD":
            return 0
        for line in self.head[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "content-length" and re.fullmatch(r"\s*[0-9]{1,12}\s*", value):
                return int(value)
        return None
