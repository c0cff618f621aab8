"""The debug buffer and the flow filters (`set ffilter`, `debug flow basic`, `get dbuf stream`; screenos-cli §2.1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nsemu.flow.packet import IPSEC, UDP
from nsemu.flow.steps import Endpoints, PacketReceived
from nsemu.runtime.trace import Hop
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import Ipv4Packet

DEFAULT_SIZE = 4 * 1024 * 1024
_PROTOCOL: Final = 9
_CARRIERS: Final = IPSEC | {UDP}


@dataclass(frozen=True, slots=True)
class FlowFilter:
    """One filter: its words are ANDed, several filters ORed. Addresses are ints; None matches all."""

    source: int | None = None
    destination: int | None = None
    source_port: int | None = None
    destination_port: int | None = None
    protocol: int | None = None

    def matches(self, packet: Ipv4Packet) -> bool:
        """Whether a packet passes the filter."""
        ports = packet.payload[:4] if packet.protocol in {6, 17} and not packet.fragment_offset else b""
        found = (int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:4], "big")) if len(ports) == 4 else None
        return self._fits((packet.source, packet.destination), packet.protocol, found)

    def matches_inside(self, ends: Endpoints) -> bool:
        """The same for what came out of a tunnel."""
        ports = (ends.source_port, ends.destination_port) if ends.protocol in {6, 17} else None
        return self._fits((ends.source, ends.destination), ends.protocol, ports)

    def _fits(self, addresses: tuple[int, int], protocol: int, ports: tuple[int, int] | None) -> bool:
        source_port, destination_port = ports or (None, None)
        return (
            self.source in {None, addresses[0]}
            and self.destination in {None, addresses[1]}
            and self.protocol in {None, protocol}
            and (self.source_port is None or self.source_port == source_port)
            and (self.destination_port is None or self.destination_port == destination_port)
        )


class DebugBuffer:
    """Lines of debug output up to a size in octets, oldest dropped first; and what is being debugged."""

    def __init__(self) -> None:
        self.size = DEFAULT_SIZE
        self._lines: deque[str] = deque()
        self._octets = 0
        self.active: dict[str, str] = {}
        self.filters: list[FlowFilter] = []

    def write(self, text: str) -> None:
        """Add text, which ends with a newline."""
        self._lines.append(text)
        self._octets += len(text)
        while self._octets > self.size and self._lines:
            self._octets -= len(self._lines.popleft())

    def resize(self, octets: int) -> None:
        """`set dbuf size`: keep what fits, the newest."""
        self.size = octets
        self.write("")

    def clear(self) -> None:
        """`clear db`."""
        self._lines.clear()
        self._octets = 0

    @property
    def used(self) -> int:
        """Octets in the buffer."""
        return self._octets

    def stream(self) -> str:
        """`get dbuf stream`."""
        return "".join(self._lines)

    @property
    def flow(self) -> bool:
        """Whether packets are traced."""
        return "flow" in self.active

    def wants(self, packet: bytes) -> bool:
        """Whether a packet passes the flow filters; without filters all do."""
        if not self.filters:
            return True
        try:
            parsed = Ipv4Packet.parse_quote(packet)
        except MalformedPacket:
            return False
        return any(item.matches(parsed) for item in self.filters)

    def may_want_inside(self, packet: bytes) -> bool:
        """Whether a packet that passes no filter may carry one that does: it could be IPsec for the device."""
        return bool(self.filters) and len(packet) > _PROTOCOL and packet[_PROTOCOL] in _CARRIERS

    def wants_inside(self, hops: Sequence[Hop]) -> bool:
        """Whether a packet that came out of a tunnel in one of the hops passes the flow filters."""
        inside = (step.endpoints for hop in hops for step in hop.steps[1:] if isinstance(step, PacketReceived))
        return any(item.matches_inside(ends) for ends in inside for item in self.filters)
