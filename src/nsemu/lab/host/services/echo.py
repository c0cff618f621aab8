"""The echo service (RFC 862): what comes is sent back."""

from __future__ import annotations

from nsemu.lab.host.services.context import ServiceContext
from nsemu.runtime.tcp.channel import Channel, Conversation

PORT = 7


class EchoService(Conversation):
    """One TCP connection of the echo service."""

    def __init__(self, channel: Channel, _context: ServiceContext) -> None:
        super().__init__(channel)

    def received(self, data: bytes) -> None:
        """Send it back."""
        self.channel.send(data)
