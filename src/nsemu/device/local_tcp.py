"""The device's own TCP (RFC 9293): what management services listen on, over the device's routing and tunnels.

Owns the table of connections of one power-on.
"""

from __future__ import annotations

from collections.abc import Mapping

from nsemu.config.access import SSH_PORT, TELNET_PORT, AdminAccess
from nsemu.flow.packet import Packet
from nsemu.flow.state import FlowState
from nsemu.flow.tcp_network import LocalNetwork
from nsemu.runtime.tcp.table import ConversationFactory, TcpTable
from nsemu.sim.entropy import Stream
from nsemu.wire.ipv4 import Ipv4Packet

_Ends = tuple[int, int]


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
