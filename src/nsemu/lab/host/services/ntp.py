"""An NTP server on a host (RFC 5905): the time of the lab, or one that is wrong on purpose.

`offset` moves its clock, `keys` sign answers to those who ask with one of them, `stratum` 0 makes it unsynchronised.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nsemu.device.clock import EPOCH
from nsemu.lab.ip_stack import IpStack
from nsemu.lab.udp_layer import UdpReceived, UdpSocket
from nsemu.sim.scheduler import Instant
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ntp import CLIENT, PORT, SERVER, UNSYNCHRONISED, NtpMessage, timestamp

__all__ = ["PORT", "NtpServer", "TimeSource"]


@dataclass(slots=True)
class TimeSource:
    """What the server tells. `offset` in seconds."""

    offset: float = 0.0
    stratum: int = 2
    keys: dict[int, bytes] = field(default_factory=dict)
    asked: int = 0

    def date(self, now: Instant) -> datetime:
        """UTC as the server believes it."""
        return EPOCH + timedelta(microseconds=now // 1000) + timedelta(seconds=self.offset)


class NtpServer:
    """Answers at its port."""

    def __init__(self, stack: IpStack, source: TimeSource, port: int = PORT) -> None:
        """Raises ValueError when the port is taken."""
        self._stack = stack
        self._source = source
        self.socket: UdpSocket = stack.udp.bind(port, self._answer)

    def _answer(self, datagram: UdpReceived) -> None:
        try:
            asked = NtpMessage.parse(datagram.payload)
        except MalformedPacket:
            self._stack.counters["malformed"] += 1
            return
        if asked.mode != CLIENT:
            return
        source = self._source
        source.asked += 1
        key = source.keys.get(asked.key_id)
        known = asked.key_id if key is not None and asked.is_authentic(key) else 0
        now = timestamp(source.date(self._stack.scheduler.now))
        answer = NtpMessage(
            SERVER,
            source.stratum,
            asked.transmit,
            now,
            now,
            now,
            leap=0 if source.stratum else UNSYNCHRONISED,
            version=asked.version,
            poll=asked.poll,
            identifier=b"LOCL",
            key_id=known,
        )
        local = datagram.destination if self._stack.is_local(datagram.destination) else None
        self.socket.send(datagram.source, datagram.source_port, answer.build(key or b""), source=local)
