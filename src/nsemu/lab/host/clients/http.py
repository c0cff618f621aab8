"""An HTTP client: one request, one answer (RFC 9112)."""

from __future__ import annotations

import re

from nsemu.lab.host.clients.base import Client
from nsemu.runtime.tcp.channel import Channel


class HttpClient(Client):
    """Sends a request and keeps the answer: `head` (status line and fields) and `body`."""

    def __init__(self, channel: Channel, method: str, authority: str, target: str) -> None:
        super().__init__(channel)
        self._method = method
        self._request = f"{method} {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
        self._input = b""
        self._length: int | None = None
        self.head: list[str] = []
        self.body = b""
        self.complete = False

    def connected(self) -> None:
        """Ask."""
        super().connected()
        self.channel.send(self._request.encode("latin-1"))

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
