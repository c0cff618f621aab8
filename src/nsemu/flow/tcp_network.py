"""IPv4 as a TCP of the device sees it: of its management services, and of logins in the name of a server.

Answers go the way the last segment of the peer came: out of its virtual router, and back into the tunnel that it came
out of, never in clear instead.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from nsemu.flow.originate import answer_in_frame, egress_towards, originate
from nsemu.flow.packet import Packet
from nsemu.flow.state import FlowState
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.ip import SendResult
from nsemu.runtime.trace import PacketTrace
from nsemu.wire.ipv4 import Ipv4Packet

_TUNNEL_MTU: Final = 1390
"""What a segment through a tunnel may take: the MSS of 1350 that devices use for tunnels, and its headers."""

_MOST_WAYS: Final = 1024
_MULTICAST: Final = 0xE0000000
_Ends = tuple[int, int]


class _Way(NamedTuple):
    """How a segment came in: `macs` are the addresses of the frame of an answer to it, where a bridge took it."""

    ingress: RunInterface
    tunnel: int | None
    macs: bytes


class LocalNetwork:
    """The device as its TCP sees it; the ways of the peers' last segments are remembered."""

    def __init__(self, state: FlowState) -> None:
        self.scheduler = state.scheduler
        self.counters: Counter[str] = Counter()
        self._state = state
        self._ways: dict[_Ends, _Way] = {}

    def learn(self, packet: Packet) -> None:
        """Remember the way of a segment."""
        ends = (packet.destination, packet.source)
        self._ways.pop(ends, None)
        if len(self._ways) >= _MOST_WAYS:
            del self._ways[next(iter(self._ways))]
        tunnel = packet.tunnel.identifier if packet.tunnel is not None else None
        macs = packet.link_source + packet.link_destination + packet.link_tag if packet.link_destination else b""
        self._ways[ends] = _Way(packet.ingress, tunnel, macs)

    def source_for(self, destination: int) -> int | None:
        """Connections are only taken, never made: always None."""
        del destination
        return None

    def mtu_towards(self, destination: int) -> int | None:
        """By the interface it leaves through."""
        found = next((way for (_, remote), way in reversed(self._ways.items()) if remote == destination), None)
        if found is None:
            return None
        egress = egress_towards(self._state, found.ingress.vrouter, destination)
        if egress is None or egress.is_tunnel or found.tunnel is not None:
            return _TUNNEL_MTU
        return egress.mtu

    def is_broadcast(self, address: int) -> bool:
        """Only packets for the device's own addresses come here, or for those in whose name it speaks."""
        return address >= _MULTICAST

    def send(
        self,
        destination: int,
        protocol: int,
        payload: bytes,
        *,
        source: int | None = None,
        df: bool = False,
        trace: PacketTrace | None = None,
    ) -> SendResult:
        """Send a segment back along its way; fragments where it must, so `df` is not asked for."""
        del df
        state, way = self._state, self._ways.get((source or 0, destination))
        if way is None:
            return SendResult.NO_ROUTE
        vrouter, tunnel = way.ingress.vrouter, way.tunnel
        path = state.paths.get(tunnel) if tunnel is not None else None
        through = path if path is not None and path.bound is None else None
        if tunnel is not None and through is None:
            egress = egress_towards(state, vrouter, destination)
            if egress is None or not egress.is_tunnel:
                return SendResult.NO_ROUTE
        packet = Ipv4Packet(source or 0, destination, protocol, payload, identification=state.next_identification())
        if way.macs and packet.source not in state.local_addresses:
            left = answer_in_frame(state, packet, way.ingress, way.macs, trace)
        else:
            left = originate(state, packet, vrouter, trace, through)
        return SendResult.SENT if left else SendResult.NO_ROUTE
