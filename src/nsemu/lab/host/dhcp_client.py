"""A host that gets its address by DHCP: the client of `runtime.dhcp_client` on the host's interface.

A lease gives the address, the default route, DNS servers and a domain; its end takes them away again.
"""

from __future__ import annotations

from nsemu.config.dhcp import ClientSettings
from nsemu.lab.ip_interface import IpInterface
from nsemu.lab.ip_stack import IpStack
from nsemu.lab.udp_layer import UdpReceived
from nsemu.runtime.dhcp_client import DhcpClient, Lease
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import BROADCAST_ADDRESS, format_ipv4
from nsemu.wire.dhcp import CLIENT_PORT, SERVER_PORT, DhcpMessage
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.udp import UdpDatagram


class HostDhcp:
    """The client of one interface; `client.lease` is what it has."""

    def __init__(self, stack: IpStack, interface: IpInterface, stream: Stream) -> None:
        self._stack = stack
        self._interface = interface
        self._socket = stack.udp.bind(CLIENT_PORT, self._receive)
        self.client = DhcpClient(self, stack.scheduler, stream, ClientSettings())
        interface.on_up = self.client.start

    def release(self) -> None:
        """Give the address back, and have none until `client.renew`."""
        self.client.release()
        self._stack.set_addresses(self._interface, (), 0)

    def describe(self) -> str:
        """The state and the lease, a line each."""
        lease = self.client.lease
        if lease is None:
            return f"{self._interface.name}: {self.client.state.value}, no lease\n"
        left = (lease.since + lease.seconds * SECOND - self._stack.scheduler.now) // SECOND
        gateway = format_ipv4(lease.gateway) if lease.gateway else "-"
        return (
            f"{self._interface.name}: {self.client.state.value}, {lease.address} from {format_ipv4(lease.server)}, "
            f"lease {lease.seconds} s, {left} s left\n"
            f"gateway {gateway}, dns {' '.join(map(format_ipv4, lease.dns)) or '-'}, domain {lease.domain or '-'}\n"
        )

    # -- what the client needs (runtime.dhcp_client.ClientWire) ------------------------------------------------

    def hardware(self) -> bytes:
        """The MAC address of the interface."""
        return self._interface.mac

    def broadcast(self, message: bytes, source: int) -> None:
        """To everybody on the wire."""
        self._socket.send(BROADCAST_ADDRESS, SERVER_PORT, message, source=source)

    def unicast(self, message: bytes, source: int, server: int) -> None:
        """To the server."""
        self._socket.send(server, SERVER_PORT, message, source=source)

    def hand_back(self, message: bytes, lease: Lease) -> None:
        """A release, at once: there is no time for ARP before the address goes."""
        ends = (lease.address.address, lease.server)
        payload = UdpDatagram(CLIENT_PORT, SERVER_PORT, message).build(*ends)
        self._interface.transmit(lease.link, Ipv4Packet(*ends, PROTOCOL_UDP, payload).build(), None)

    def bound(self, lease: Lease) -> None:
        """The address, and the default route, come into force."""
        self._stack.set_addresses(self._interface, (lease.address,), lease.gateway)

    def lost(self, lease: Lease) -> None:
        """The lease is over."""
        del lease
        self._stack.set_addresses(self._interface, (), 0)

    def _receive(self, datagram: UdpReceived) -> None:
        if datagram.source_port != SERVER_PORT:
            return
        try:
            message = DhcpMessage.parse(datagram.payload)
        except MalformedPacket:
            self._stack.counters["malformed"] += 1
            return
        self.client.receive(message, self._interface.sender)
