"""The device's own TCP (RFC 9293): what management services listen on, over the device's routing and tunnels.

Owns the table of connections of one power-on. Answers go the way the last segment of the peer came: out of its virtual
router, and back into the tunnel that it came out of, never in clear instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from nsemu.config.access import SSH_PORT, TELNET_PORT, AdminAccess
from nsemu.flow.originate import egress_towards, originate
from nsemu.flow.packet import Packet
from nsemu.flow.state import FlowState
from nsemu.runtime.ip import SendResult
from nsemu.runtime.tcp.table import ConversationFactory, TcpTable
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.entropy import Stream
from nsemu.wire.ipv4 import Ipv4Packet

_TUNNEL_MTU: Final = 1390
"""What a segment through a tunnel may take: the MSS of 1350 that devices use for tunnels, and its headers."""

_MOST_WAYS: Final = 256
_Ends = tuple[int, int]


class LocalNetwork:
    """The device as its TCP sees it. `ways` remembers how each peer's last segment came in."""

    def __init__(self, state: FlowState) -> None:
        self.scheduler = state.scheduler
        self.counters: Counter[str] = Counter()
        self._state = state
        self._ways: dict[_Ends, tuple[str, int | None]] = {}

    def learn(self, packet: Packet) -> None:
        """Remember the way of a segment."""
        ends = (packet.destination, packet.source)
        self._ways.pop(ends, None)
        if len(self._ways) >= _MOST_WAYS:
            del self._ways[next(iter(self._ways))]
        self._ways[ends] = (packet.ingress.vrouter, packet.tunnel.identifier if packet.tunnel is not None else None)

    def source_for(self, destination: int) -> int | None:
        """Connections are only taken, never made: always None."""
        del destination
        return None

    def mtu_towards(self, destination: int) -> int | None:
        """By the interface it leaves through."""
        found = next((way for (_, remote), way in reversed(self._ways.items()) if remote == destination), None)
        if found is None:
            return None
        egress = egress_towards(self._state, found[0], destination)
        if egress is None or egress.is_tunnel or found[1] is not None:
            return _TUNNEL_MTU
        return egress.mtu

    def is_broadcast(self, address: int) -> bool:
        """Only packets for the device's own addresses come here."""
        return address not in self._state.local_addresses

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
        vrouter, tunnel = way
        path = state.paths.get(tunnel) if tunnel is not None else None
        through = path if path is not None and path.bound is None else None
        if tunnel is not None and through is None:
            egress = egress_towards(state, vrouter, destination)
            if egress is None or not egress.is_tunnel:
                return SendResult.NO_ROUTE
        packet = Ipv4Packet(source or 0, destination, protocol, payload, identification=state.next_identification())
        left = originate(state, packet, vrouter, trace, through)
        return SendResult.SENT if left else SendResult.NO_ROUTE


class LocalTcp:
    """`services` maps a usual port to what is said there; a table of connections lasts from power-on to power-off.

    `follow` tells where the configuration has put them.
    """

    def __init__(self, services: Mapping[int, ConversationFactory]) -> None:
        self._services = services
        self._places: dict[int, int] = {}
        self._network: LocalNetwork | None = None
        self._table: TcpTable | None = None

    def start(self, state: FlowState, stream: Stream) -> None:
        """Power on."""
        self._network = LocalNetwork(state)
        self._table = TcpTable(self._network, stream)
        for port, factory in self._services.items():
            self._table.listen(self._place(port), factory)
        state.tcp_handler = self.receive

    def stop(self) -> None:
        """Power off: connections are gone without a word."""
        if self._table is not None:
            self._table.stop()

    def serve(self, port: int, factory: ConversationFactory) -> None:
        """Open a port that was added to the services after power-on."""
        if self._table is not None:
            self._table.listen(self._place(port), factory)

    def follow(self, access: AdminAccess) -> None:
        """Let services answer where `set admin … port` says; connections go on where they are."""
        places = {TELNET_PORT: access.telnet_port, SSH_PORT: access.ssh_port}
        if places == self._places or self._table is None:
            return
        for listener in self._table.listeners():
            self._table.stop_listening(listener)
        self._places = places
        for port, factory in self._services.items():
            self._table.listen(self._place(port), factory)

    def _place(self, port: int) -> int:
        return self._places.get(port, port)

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that are served, in order."""
        return tuple(sorted(self._place(port) for port in self._services))

    def connections(self) -> list[tuple[str, _Ends, _Ends]]:
        """State, local end and remote end of each connection; an end is an address and a port."""
        if self._table is None:
            return []
        return [
            (
                socket.connection.state.name.lower().replace("_", "-"),
                (socket.local.address, socket.local.port),
                (socket.remote.address, socket.remote.port),
            )
            for socket in self._table.sockets()
        ]

    def receive(self, packet: Packet) -> bool:
        """A segment for an address of the device, on a port that the admin allows; whether it is one that is served."""
        if self._table is None or self._network is None or packet.destination_port not in self.ports:
            return False
        self._network.learn(packet)
        whole = Ipv4Packet.parse(packet.data)
        trace = packet.trace
        self._table.receive(whole, whole.payload, packet.ingress, trace)
        return True
