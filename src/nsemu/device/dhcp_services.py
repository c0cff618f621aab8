"""DHCP for others: which messages come to the servers and relays of a device, and how their messages leave.

Servers are in `dhcp_server`. The relay is here (RFC 1542 §4, RFC 2131 §4.1): requests go to its servers with the
address of the interface, answers to the client on the wire of the interface they are addressed to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from nsemu.config.device import DeviceConfig
from nsemu.config.dhcp import LEARNED, DhcpRelaySettings, dhcp_relays, dhcp_servers
from nsemu.device.dhcp_server import DhcpServers
from nsemu.device.names import addresses_of
from nsemu.device.own_traffic import send_own
from nsemu.flow.originate import originate
from nsemu.flow.state import FlowState
from nsemu.runtime.dhcp_client import DhcpClient
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.entropy import Stream
from nsemu.wire.address import BROADCAST_ADDRESS, BROADCAST_MAC
from nsemu.wire.dhcp import CLIENT_PORT, REQUEST, SERVER_PORT, DhcpMessage, DhcpType
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.udp import UdpDatagram, checksum_is_right

MOST_HOPS: Final = 16  # RFC 1542 §4.1.1
_IPV4: Final = b"\x08\x00"
_Ports = tuple[int, int]


class DhcpServices:
    """The servers and relays of a device. `lookup` gives the addresses of a domain name."""

    def __init__(self, state: FlowState, stream: Stream, lookup: Callable[[str], tuple[int, ...]]) -> None:
        self._flow = state
        self._lookup = lookup
        self.servers = DhcpServers(state, stream, broadcast=self._as_client, answer=self._answer)
        self.relays: Mapping[str, DhcpRelaySettings] = {}

    def configure(self, config: DeviceConfig, clients: Iterable[DhcpClient]) -> None:
        """Follow the configuration, and what the device's own clients have learned."""
        self.servers.configure(dhcp_servers(config), _learned(clients))
        self.relays = dhcp_relays(config)
        if self.servers.servers or self.relays:
            self._flow.udp_handlers[SERVER_PORT] = self._routed
        else:
            self._flow.udp_handlers.pop(SERVER_PORT, None)

    def stop(self) -> None:
        """Do nothing any more."""
        self.servers.stop()
        self.relays = {}

    # -- in ----------------------------------------------------------------------------------------------------

    def heard(self, ingress: RunInterface, frame: bytes) -> None:
        """A broadcast came in: a request of a client, or an offer of another server."""
        if ingress.name not in self.servers.servers and ingress.name not in self.relays:
            return
        try:
            packet = Ipv4Packet.parse(frame[14:], verify=True)
            if packet.protocol != PROTOCOL_UDP or packet.is_fragment:
                return
            datagram = UdpDatagram.parse(packet.payload)
            if not checksum_is_right(packet.payload, packet.source, packet.destination):
                return
            if datagram.destination_port not in {SERVER_PORT, CLIENT_PORT}:
                return
            message = DhcpMessage.parse(datagram.payload)
        except MalformedPacket:
            return
        if datagram.destination_port == SERVER_PORT and message.operation == REQUEST:
            self._request(ingress, message)
        elif datagram.destination_port == CLIENT_PORT and message.type == DhcpType.OFFER:
            self.servers.found_rival(ingress, message)

    def _routed(self, payload: bytes, source: _Ports, destination: _Ports, trace: PacketTrace | None) -> None:
        """A message to an address of the device: a renewal, a request by a relay, an answer to our relay."""
        del source, trace
        owner = self._flow.local_addresses.get(destination[0])
        try:
            message = DhcpMessage.parse(payload)
        except MalformedPacket:
            return
        if owner is None:
            return
        if message.operation == REQUEST:
            self._request(owner, message)
            return
        client_side = self._flow.local_addresses.get(message.relay)
        if client_side is not None and client_side.name in self.relays:
            self._to_client(client_side, message)

    def _request(self, ingress: RunInterface, message: DhcpMessage) -> None:
        if self.servers.receive(ingress, message):
            return
        relay = self.relays.get(ingress.name)
        if relay is None or message.hops >= MOST_HOPS or not ingress.address:
            return
        relayed = replace(message, hops=message.hops + 1, relay=message.relay or ingress.address).build()
        for server in relay.servers:
            for address in addresses_of(server, self._lookup)[:1]:
                payload = UdpDatagram(SERVER_PORT, SERVER_PORT, relayed).build(ingress.address, address)
                packet = Ipv4Packet(ingress.address, address, PROTOCOL_UDP, payload)
                send_own(self._flow, packet, ingress, policy_based=relay.vpn)

    # -- out ---------------------------------------------------------------------------------------------------

    def _as_client(self, interface: RunInterface, message: DhcpMessage) -> None:
        self._broadcast(interface, message, (CLIENT_PORT, SERVER_PORT), 0)

    def _answer(self, interface: RunInterface, message: DhcpMessage) -> None:
        """RFC 2131 §4.1: to the relay, to a client that has its address, or on the wire."""
        has_address = message.client and message.type != DhcpType.NAK
        if not message.relay and not has_address:
            self._to_client(interface, message)
            return
        port = SERVER_PORT if message.relay else CLIENT_PORT
        to, source = message.relay or message.client, interface.address
        payload = UdpDatagram(SERVER_PORT, port, message.build()).build(source, to)
        packet = Ipv4Packet(source, to, PROTOCOL_UDP, payload, identification=self._flow.next_identification())
        originate(self._flow, packet, interface.vrouter)

    def _to_client(self, interface: RunInterface, message: DhcpMessage) -> None:
        """By link address to a client without IP address, to everybody when it cannot take that."""
        to = message.yours or message.client
        if message.broadcast or not to:
            self._broadcast(interface, message, (SERVER_PORT, CLIENT_PORT), interface.address)
        else:
            self._transmit(interface, message, (SERVER_PORT, CLIENT_PORT), (interface.address, to), message.hardware)

    def _broadcast(self, interface: RunInterface, message: DhcpMessage, ports: _Ports, source: int) -> None:
        self._transmit(interface, message, ports, (source, BROADCAST_ADDRESS), BROADCAST_MAC)

    def _transmit(
        self, interface: RunInterface, message: DhcpMessage, ports: _Ports, ends: tuple[int, int], link: bytes
    ) -> None:
        if not interface.carrier:
            return
        payload = UdpDatagram(*ports, message.build()).build(*ends)
        packet = Ipv4Packet(*ends, PROTOCOL_UDP, payload, identification=self._flow.next_identification())
        self._flow.upcalls.send_frame(interface, link + interface.mac + _IPV4 + packet.build(), None)


def _learned(clients: Iterable[DhcpClient]) -> dict[int, bytes]:
    """What clients with `update-dhcpserver` were told, and servers may pass on."""
    found: dict[int, bytes] = {}
    for client in clients:
        if client.lease is not None and client.settings.passes_on:
            found |= {code: value for code, value in client.lease.options if code in LEARNED and code not in found}
    return found
