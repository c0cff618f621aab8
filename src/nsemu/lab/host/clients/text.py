"""Clients that send text and show what comes: telnet, echo, ident, and one that only connects."""

from __future__ import annotations

from typing import Final

from nsemu.lab.host.clients.base import Client, Dialogue, Step
from nsemu.runtime.tcp.channel import Channel
from nsemu.runtime.telnet import ECHO, SUPPRESS_GO_AHEAD, TelnetDecoder, escape

_PROMPT_ENDS: Final = (":", "$", "#", ">", "%")


class TelnetClient(Client):
    """A line-mode terminal: `take` gives what was printed, `send_line` types."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel)
        self._decoder = TelnetDecoder(
            frozenset({SUPPRESS_GO_AHEAD}), frozenset({ECHO, SUPPRESS_GO_AHEAD}), offered=frozenset()
        )
        self._text = bytearray()
        self._since_typed = bytearray()

    def received(self, data: bytes) -> None:
        """Text and telnet commands, mixed."""
        super().received(data)
        text, answers = self._decoder.feed(data)
        if answers:
            self.channel.send(answers)
        self._text += text
        self._since_typed += text

    @property
    def at_prompt(self) -> bool:
        """Whether the last thing printed since we typed looks like a question or a prompt."""
        return self._since_typed.decode("latin-1").rstrip(" ").endswith(_PROMPT_ENDS)

    def send_line(self, line: str) -> None:
        """Type a line and Return (CR LF, RFC 854)."""
        self._since_typed.clear()
        self.channel.send(escape(line.encode("latin-1", "replace")) + b"\r\n")

    def take(self) -> str:
        """What was printed since the last call, with plain line ends."""
        text = self._text.decode("latin-1").replace("\r\n", "\n").replace("\r", "")
        self._text.clear()
        return text


class EchoClient(Client):
    """Sends a text and reads it back."""

    def __init__(self, channel: Channel, text: bytes) -> None:
        super().__init__(channel)
        self._sent = text
        self.answer = b""

    def connected(self) -> None:
        """Send it."""
        super().connected()
        self.channel.send(self._sent)

    def received(self, data: bytes) -> None:
        """Enough when as much has come as was sent."""
        super().received(data)
        self.answer += data
        if len(self.answer) >= len(self._sent):
            self.channel.close()


class IdentClient(Dialogue):
    """Asks an ident server who owns a connection; `answer` is its line."""

    def __init__(self, channel: Channel, server_port: int, client_port: int) -> None:
        super().__init__(channel)
        self._steps = [Step(None, ("",), self._take)]
        self._question = f"{server_port} , {client_port}"
        self.answer = ""

    def connected(self) -> None:
        """Ask at once: an ident server does not greet."""
        super().connected()
        self.say(self._question)

    def _take(self, reply: list[str]) -> None:
        self.answer = reply[0]


class ConnectClient(Client):
    """Opens a connection and closes it."""

    def connected(self) -> None:
        """That is all."""
        super().connected()
        self.channel.close()
