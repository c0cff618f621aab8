"""The telnet protocol under a console, on any stream of octets (RFC 854, RFC 857, RFC 858).

A device echoes whatever the client says about ECHO, as real ones do: scripts that refuse every option read their echo.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nsemu.lab.host.telnet_options import DO, ECHO, SUPPRESS_GO_AHEAD, WILL, TelnetDecoder, command, escape

_OURS: Final = frozenset({ECHO, SUPPRESS_GO_AHEAD})


class TelnetWire:
    """`send` takes octets for the client; `write` is text for it, `feed` gives the text of octets that came."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._decoder = TelnetDecoder(_OURS, frozenset({SUPPRESS_GO_AHEAD}), offered=_OURS)

    def offer(self) -> None:
        """The first octets of a connection."""
        self._send(command(WILL, ECHO) + command(WILL, SUPPRESS_GO_AHEAD) + command(DO, SUPPRESS_GO_AHEAD))

    def write(self, text: str) -> None:
        """Text for the client."""
        self._send(escape(text.encode("latin-1", "replace")))

    def feed(self, data: bytes) -> str:
        """What was typed; commands are answered. An interrupt or a break is ctrl-C."""
        text, answers = self._decoder.feed(data)
        if answers:
            self._send(answers)
        return text.decode("latin-1")
