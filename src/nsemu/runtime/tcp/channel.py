"""What a service or client sees of its connection, and what the connection sees of it.

A `Conversation` is a protocol's side of one connection: plain method calls, no sockets and no clock.
"""

from __future__ import annotations

from typing import Protocol

from nsemu.runtime.tcp.states import Endpoint, TcpFailure


class Channel(Protocol):
    """One connection, as its user sees it."""

    @property
    def local(self) -> Endpoint:
        """Our address and port."""

    @property
    def remote(self) -> Endpoint:
        """The peer's address and port."""

    @property
    def acknowledged(self) -> int:
        """Grows with what the peer has confirmed."""

    def send(self, data: bytes) -> None:
        """Queue data; dropped when the connection has ended (`closed` tells that)."""

    def close(self) -> None:
        """Send no more; what the peer sends still comes."""

    def abort(self) -> None:
        """End at once, with a RST."""


class Conversation:
    """Does nothing of itself: a protocol overrides what concerns it. `channel` is set before any call."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    def connected(self) -> None:
        """The handshake is done."""

    def received(self, data: bytes) -> None:
        """Data came, in order; its boundaries mean nothing."""

    def peer_closed(self) -> None:
        """The peer sends no more. The default is to send no more either."""
        self.channel.close()

    def closed(self, failure: TcpFailure | None) -> None:
        """The connection ended: orderly (None) or not. The last call."""


MAXIMUM_LINE = 8192


class LineConversation(Conversation):
    """A protocol of text lines (CR LF, or LF alone): calls `line` for each, without its end."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel)
        self._partial = b""

    def received(self, data: bytes) -> None:
        """Cut into lines; a line longer than MAXIMUM_LINE ends the conversation."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self.line(line.removesuffix(b"\r").decode("latin-1"))
        if len(self._partial) > MAXIMUM_LINE:
            self._partial = b""
            self.too_long()

    def line(self, text: str) -> None:
        """One line came."""

    def too_long(self) -> None:
        """A line without end: the peer does not speak this protocol."""
        self.channel.abort()

    def say(self, text: str) -> None:
        """Send a line."""
        self.channel.send(text.encode("latin-1", "replace") + b"\r\n")
