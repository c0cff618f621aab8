"""The device as a DHCP client on its interfaces (RFC 2131 §4.4; B201, B207, B208, B323).

One client an interface. What a server gives is run-time state: `leased` puts it into the configuration in force, never
into the one that the admin wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from nsemu.config.device import DeviceConfig
from nsemu.config.dhcp import ClientSettings, client_settings
from nsemu.config.interface import Interface
from nsemu.config.vrouter import RouteKey, StaticRoute
from nsemu.flow.originate import originate
from nsemu.flow.state import FlowState
from nsemu.runtime.dhcp_client import DhcpClient, Lease
from nsemu.runtime.event_log import Level
from nsemu.runtime.interface import RunInterface
from nsemu.sim.entropy import Stream
from nsemu.wire.address import BROADCAST_ADDRESS, BROADCAST_MAC, Prefix, format_ipv4
from nsemu.wire.dhcp import CLIENT_PORT, SERVER_PORT, DhcpMessage
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.udp import UdpDatagram, checksum_is_right

_DEFAULT_ROUTE: Final = Prefix(0, 0)
_IPV4: Final = b"\x08\x00"
_LOG_TYPE: Final = 527


class _Wire:
    """One interface of the device, as its client sees it."""

    def __init__(self, state: FlowState, name: str, changed: Callable[[], None]) -> None:
        self._flow = state
        self._name = name
        self._changed = changed

    def hardware(self) -> bytes:
        interface = self._flow.interfaces.get(self._name)
        return interface.mac if interface is not None else bytes(6)

    def broadcast(self, message: bytes, source: int) -> None:
        self._transmit(message, (source, BROADCAST_ADDRESS), BROADCAST_MAC)

    def unicast(self, message: bytes, source: int, server: int) -> None:
        interface = self._flow.interfaces.get(self._name)
        if interface is not None and interface.address == source:
            payload = UdpDatagram(CLIENT_PORT, SERVER_PORT, message).build(source, server)
            originate(self._flow, Ipv4Packet(source, server, PROTOCOL_UDP, payload), interface.vrouter)

    def hand_back(self, message: bytes, lease: Lease) -> None:
        # The address goes in this moment, so there is no time for ARP.
        self._transmit(message, (lease.address.address, lease.server), lease.link)

    def bound(self, lease: Lease) -> None:
        address, server = format_ipv4(lease.address.address), format_ipv4(lease.server)
        text = f"DHCP client on interface {self._name} has got IP address {address} from server {server}."
        self._flow.upcalls.log(_LOG_TYPE, Level.INFORMATION, text)
        self._changed()

    def lost(self, lease: Lease) -> None:
        text = f"DHCP client on interface {self._name} has lost IP address {format_ipv4(lease.address.address)}."
        self._flow.upcalls.log(_LOG_TYPE, Level.WARNING, text)
        self._changed()

    def _transmit(self, message: bytes, ends: tuple[int, int], link: bytes) -> None:
        interface = self._flow.interfaces.get(self._name)
        if interface is None or not interface.carrier:
            return
        payload = UdpDatagram(CLIENT_PORT, SERVER_PORT, message).build(*ends)
        packet = Ipv4Packet(*ends, PROTOCOL_UDP, payload)
        self._flow.upcalls.send_frame(interface, link + interface.mac + _IPV4 + packet.build(), None)


class DhcpClients:
    """All clients of a device, by interface. `changed` is called when a lease came, went or has other terms."""

    def __init__(self, state: FlowState, stream: Stream, changed: Callable[[], None]) -> None:
        self._flow = state
        self._scheduler = state.scheduler
        self._stream = stream
        self._changed = changed
        self.clients: dict[str, DhcpClient] = {}

    @property
    def leases(self) -> Mapping[str, Lease]:
        """The leases in force."""
        return {name: client.lease for name, client in self.clients.items() if client.lease is not None}

    def configure(self, config: DeviceConfig) -> None:
        """Begin and end clients as the configuration says."""
        wanted = {one.name: client_settings(config, one) for one in config.interfaces.values() if one.dhcp_client}
        for name in [name for name in self.clients if name not in wanted]:
            self.release(name)
            del self.clients[name]
        for name, settings in wanted.items():
            known = self.clients.get(name)
            if known is None:
                self.clients[name] = self._make(name, settings)
            elif known.settings != settings:
                begin = known.settings.server != settings.server
                known.settings = settings
                if begin:
                    known.start()

    def _make(self, name: str, settings: ClientSettings) -> DhcpClient:
        wire = _Wire(self._flow, name, self._changed)
        client = DhcpClient(wire, self._scheduler, self._stream, settings)
        client.start()
        return client

    def carrier(self, name: str) -> None:
        """A link came up: see whether the old address still holds there."""
        client = self.clients.get(name)
        if client is not None:
            client.start()

    def renew(self, name: str) -> None:
        """`exec dhcp client X renew`: ask for the address again, now."""
        self.clients[name].renew()

    def release(self, name: str) -> None:
        """Give the address back."""
        self.clients[name].release()

    def stop(self) -> None:
        """Forget everything (the device restarts)."""
        for client in self.clients.values():
            client.stop()
        self.clients.clear()

    def takes(self, frame: bytes) -> bool:
        """Whether a frame is an answer to a client: UDP to port 68, to everybody or to an address not yet ours."""
        if len(frame) < 42 or frame[23] != PROTOCOL_UDP:
            return False
        start = 14 + (frame[14] & 15) * 4
        return frame[start + 2 : start + 4] == CLIENT_PORT.to_bytes(2, "big") and not frame[20] & 0x3F | frame[21]

    def receive(self, interface: RunInterface, frame: bytes) -> None:
        """An answer."""
        try:
            packet = Ipv4Packet.parse(frame[14:], verify=True)
            datagram = UdpDatagram.parse(packet.payload)
            message = DhcpMessage.parse(datagram.payload)
        except MalformedPacket:
            return
        right = checksum_is_right(packet.payload, packet.source, packet.destination)
        if right and datagram.source_port == SERVER_PORT:
            self.clients[interface.name].receive(message, frame[6:12])


def leased(config: DeviceConfig, leases: Mapping[str, Lease]) -> DeviceConfig:
    """The configuration in force: with the addresses and gateways of the leases.

    A default route without gateway on a DHCP interface gets the lease's gateway (B208); where there is none, one is
    added (B201). Nothing of this is ever printed as configuration.
    """
    clients = {one.name for one in config.interfaces.values() if one.dhcp_client}
    if not clients:
        return config
    interfaces = {name: _addressed(record, leases.get(name)) for name, record in config.interfaces.items()}
    routes = dict(config.routes)
    for name, lease in leases.items():
        vrouter = config.zones[config.interfaces[name].zone].vrouter if name in clients else ""
        if lease.gateway and vrouter:
            _add_gateway(routes, vrouter, name, lease.gateway)
    return replace(config, interfaces=interfaces, routes=routes)


def _addressed(record: Interface, lease: Lease | None) -> Interface:
    if not record.dhcp_client:
        return record
    return replace(record, address=lease.address if lease is not None else None)


def _add_gateway(routes: dict[RouteKey, StaticRoute], vrouter: str, interface: str, gateway: int) -> None:
    own = [key for key in routes if (key.vrouter, key.prefix, key.interface) == (vrouter, _DEFAULT_ROUTE, interface)]
    for key in own:
        if key.gateway is None:
            routes[key] = replace(routes[key], learned_gateway=gateway)
    if not own:
        key = RouteKey(vrouter, _DEFAULT_ROUTE, interface)
        routes[key] = StaticRoute(key, learned_gateway=gateway)
