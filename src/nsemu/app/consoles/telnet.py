"""A telnet port of a device (RFC 854): the same options and characters as inside the lab, on a real socket.

telnetlib3 was not taken: its negotiation delays the login, and the lab needs a telnet without sockets anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nsemu.app.consoles.hub import Hub, Session
from nsemu.cli.login import Caller
from nsemu.cli.telnet import TelnetWire
from nsemu.device.device import Device


class TelnetProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, hub: Hub, device: Device) -> None:
        self._hub = hub
        self._device = device
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None
        self._wire = TelnetWire(self._send)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Offer the options and ask for the name."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        address, port = transport.get_extra_info("peername")[:2]
        self._session = Session(
            self._hub, self._device, Caller("Telnet", address, port), self._wire.write, transport.close
        )
        self._wire.offer()
        self._session.begin(self._session.login.dialogue())

    def data_received(self, data: bytes) -> None:
        """Text and telnet commands."""
        text = self._wire.feed(data)
        if text and self._session is not None:
            self._session.receive(text)

    def eof_received(self) -> bool:
        """The client half-closed: nothing more will be typed."""
        if self._session is not None:
            self._session.finish()
        return self._session is not None and self._session in self._hub.sessions

    def connection_lost(self, _error: Exception | None) -> None:
        """The wire is gone."""
        if self._session is not None:
            self._session.end()

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def telnet_factory(hub: Hub, device: Device) -> Callable[[], TelnetProtocol]:
    """What the event loop calls for each connection to a device's port."""
    return lambda: TelnetProtocol(hub, device)
