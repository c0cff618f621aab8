"""The telnet protocol under a console, on any stream of octets (RFC 854, RFC 857, RFC 858).

A device echoes whatever the client says about ECHO, as real ones do: scripts that refuse every option read their echo.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from nsemu.cli.login import Caller, Login
from nsemu.cli.teletype import Line, Teletype
from nsemu.runtime.tcp.channel import Channel, Conversation
from nsemu.runtime.tcp.states import TcpFailure
from nsemu.runtime.telnet import DO, ECHO, SUPPRESS_GO_AHEAD, WILL, TelnetDecoder, command, escape
from nsemu.wire.address import format_ipv4

if TYPE_CHECKING:
    from nsemu.device.device import Device

PORT: Final = 23
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


class TelnetConsole(Conversation):
    """A telnet session from inside the lab. Everything in it is virtual time, the idle time as well."""

    def __init__(self, channel: Channel, device: Device) -> None:
        super().__init__(channel)
        self._device = device
        self._login = Login(device, Caller("Telnet", format_ipv4(channel.remote.address), channel.remote.port))
        self._login.hang_up = self._leave
        self._wire = TelnetWire(channel.send)
        line = Line(self._wire.write, channel.close, device.scheduler.after)
        self._teletype = Teletype(
            device.scheduler, line, lambda: device.config.system.console_timeout, self._login.timed_out
        )

    def connected(self) -> None:
        """Offer the options and ask for the name."""
        self._device.on_restart.append(self._end)
        self._wire.offer()
        self._teletype.begin(self._login.dialogue())

    def received(self, data: bytes) -> None:
        """Text and telnet commands."""
        self._teletype.receive(self._wire.feed(data))

    def peer_closed(self) -> None:
        """Nothing more will be typed."""
        self._teletype.hang_up()

    def closed(self, failure: TcpFailure | None) -> None:
        """The connection is gone."""
        del failure
        self._end()

    def _leave(self) -> None:
        """The device closes the session, and with it the connection."""
        self._teletype.hang_up()
        self._end()

    def _end(self) -> None:
        if self._end in self._device.on_restart:
            self._device.on_restart.remove(self._end)
        self._teletype.hang_up()
        self._login.left()


def serve_telnet(device: Device) -> None:
    """Let hosts of the lab reach a device's console by telnet, where its configuration allows that."""
    device.serve_tcp(PORT, lambda channel: TelnetConsole(channel, device))
