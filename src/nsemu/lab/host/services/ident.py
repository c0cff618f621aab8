"""The identification service (RFC 1413): who on this host owns a TCP connection."""

from __future__ import annotations

import re
from typing import Final

from nsemu.lab.host.services.context import ServiceContext
from nsemu.runtime.tcp.channel import Channel, LineConversation

PORT: Final = 113
_REQUEST: Final = re.compile(r"\s*(\d{1,5})\s*,\s*(\d{1,5})\s*", re.ASCII)


class IdentService(LineConversation):
    """One connection. All connections of a host belong to its first user."""

    def __init__(self, channel: Channel, context: ServiceContext) -> None:
        super().__init__(channel)
        self._context = context

    def line(self, text: str) -> None:
        """A request: our port, the asker's port."""
        found = _REQUEST.fullmatch(text)
        ports = (int(found[1]), int(found[2])) if found else (0, 0)
        if not all(1 <= port <= 65535 for port in ports):
            self.say(f"{ports[0]} , {ports[1]} : ERROR : INVALID-PORT")
        elif self._exists(*ports):
            user = next(iter(self._context.store.users))
            self.say(f"{ports[0]} , {ports[1]} : USERID : UNIX : {user}")
        else:
            self.say(f"{ports[0]} , {ports[1]} : ERROR : NO-USER")

    def _exists(self, local_port: int, remote_port: int) -> bool:
        # RFC 1413 §4: the addresses are those of the query itself.
        asker = self.channel.remote.address
        return any(
            socket.local.port == local_port and socket.remote == (asker, remote_port)
            for socket in self._context.tcp.sockets()
        )
