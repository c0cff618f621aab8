"""A syslog server on a host (RFC 3164 over UDP): it keeps the newest messages and shows them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from nsemu.lab.ip_stack import IpStack
from nsemu.lab.udp_layer import UdpReceived, UdpSocket
from nsemu.sim.scheduler import MILLISECOND, SECOND, Instant
from nsemu.wire.address import format_ipv4
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.syslog import FACILITIES, PORT, SEVERITIES, SyslogMessage

__all__ = ["PORT", "KeptMessage", "SyslogServer"]

KEPT: Final = 10_000
_FACILITY_NAMES: Final = {number: name for name, number in FACILITIES.items()}


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message with the virtual instant of its arrival and the address it came from."""

    at: Instant
    source: int
    message: SyslogMessage

    def __str__(self) -> str:
        facility = _FACILITY_NAMES.get(self.message.facility, str(self.message.facility))
        label = f"{facility}.{SEVERITIES[self.message.severity]}"
        seconds = f"{self.at // SECOND}.{self.at % SECOND // MILLISECOND:03d}"
        return f"{seconds} {format_ipv4(self.source)} {label} {self.message.text}"


class SyslogServer:
    """Takes messages at its port into `kept`."""

    def __init__(self, stack: IpStack, kept: deque[KeptMessage], port: int = PORT) -> None:
        """Raises ValueError when the port is taken."""
        self._stack = stack
        self._kept = kept
        self.socket: UdpSocket = stack.udp.bind(port, self._take)

    def _take(self, datagram: UdpReceived) -> None:
        try:
            message = SyslogMessage.parse(datagram.payload)
        except MalformedPacket:
            self._stack.counters["malformed"] += 1
            return
        self._kept.append(KeptMessage(self._stack.scheduler.now, datagram.source, message))
