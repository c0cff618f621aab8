"""The device as a DHCP client on its interfaces (RFC 2131 §4.4; B201, B207, B208, B323).

One state machine an interface. What a server gives is run-time state: `leased` puts it into the configuration in
force, never into the one that the admin wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from nsemu.config.device import DeviceConfig
from nsemu.config.interface import Interface
from nsemu.config.vrouter import RouteKey, StaticRoute
from nsemu.flow.originate import originate
from nsemu.flow.state import FlowState
from nsemu.runtime.event_log import Level
from nsemu.runtime.interface import RunInterface
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import SECOND, Duration, Instant, Timer
from nsemu.wire.address import BROADCAST_ADDRESS, BROADCAST_MAC, AddressError, Prefix, format_ipv4, parse_mask
from nsemu.wire.dhcp import CLIENT_PORT, REPLY, REQUEST, SERVER_PORT, DhcpMessage, DhcpOption, DhcpType
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.udp import UdpDatagram, checksum_is_right

_DEFAULT_ROUTE: Final = Prefix(0, 0)
_IPV4: Final = b"\x08\x00"
_FIRST_WAIT, _LONGEST_WAIT = 4 * SECOND, 64 * SECOND  # RFC 2131 §4.1
_SHORTEST_RENEWAL: Final = 60 * SECOND  # RFC 2131 §4.4.5
_PARAMETERS: Final = bytes(
    (DhcpOption.SUBNET_MASK, DhcpOption.ROUTER, DhcpOption.DNS_SERVER, DhcpOption.DOMAIN_NAME, DhcpOption.LEASE_TIME)
)
_LOG_TYPE: Final = 527


class State(Enum):
    """Where a client is (RFC 2131 figure 5); the value is what views print."""

    INIT = "init"
    SELECTING = "selecting"
    REQUESTING = "requesting"
    REBOOTING = "rebooting"
    BOUND = "bound"
    RENEWING = "renewing"
    REBINDING = "rebinding"


_HAS_ADDRESS: Final = {State.BOUND, State.RENEWING, State.REBINDING, State.REBOOTING}


@dataclass(frozen=True, slots=True)
class Lease:
    """What a server gave. Times count from `since`, in seconds; `gateway` 0 for none.

    `link` is the link address that the answer came from, of the server or of a relay before it.
    """

    address: Prefix
    server: int
    gateway: int
    dns: tuple[int, ...]
    domain: str
    seconds: int
    renewal: int
    rebinding: int
    since: Instant
    link: bytes = b""

    @property
    def terms(self) -> tuple[object, ...]:
        """What the device uses of it; a renewal with equal terms changes nothing (B323)."""
        return (self.address, self.gateway, self.dns)


@dataclass(slots=True)
class Client:
    """One interface. `server` is the only one to accept, 0 for any; `wait` the time until the next attempt."""

    interface: str
    server: int
    state: State = State.INIT
    transaction: int = 0
    offer: DhcpMessage | None = None
    lease: Lease | None = None
    wait: Duration = _FIRST_WAIT
    link: bytes = b""
    timer: Timer | None = None


class DhcpClients:
    """All clients of a device, by interface. `changed` is called when a lease came, went or has other terms."""

    def __init__(self, state: FlowState, stream: Stream, changed: Callable[[], None]) -> None:
        self._flow = state
        self._scheduler = state.scheduler
        self._stream = stream
        self._changed = changed
        self.clients: dict[str, Client] = {}

    @property
    def leases(self) -> Mapping[str, Lease]:
        """The leases in force."""
        return {name: client.lease for name, client in self.clients.items() if client.lease is not None}

    def configure(self, config: DeviceConfig) -> None:
        """Begin and end clients as the configuration says."""
        wanted = {one.name: one for one in config.interfaces.values() if one.dhcp_client}
        for name in [name for name in self.clients if name not in wanted]:
            self.release(name)
            del self.clients[name]
        for name, record in wanted.items():
            known = self.clients.get(name)
            if known is None:
                self.clients[name] = Client(name, record.dhcp_server)
                self._start(self.clients[name])
            elif known.server != record.dhcp_server:
                known.server = record.dhcp_server
                self._start(known)

    def carrier(self, name: str) -> None:
        """A link came up: see whether the old address still holds there (RFC 2131 §3.2)."""
        client = self.clients.get(name)
        if client is not None:
            self._start(client)

    def renew(self, name: str) -> None:
        """`exec dhcp client X renew`: ask for the address again, now."""
        client = self.clients[name]
        if client.lease is None:
            self._start(client)
        else:
            self._go(client, State.RENEWING)

    def release(self, name: str) -> None:
        """Give the address back."""
        client = self.clients[name]
        self._rest(client)
        lease, client.lease, client.state = client.lease, None, State.INIT
        if lease is not None:
            server = lease.server.to_bytes(4, "big")
            options: dict[int, bytes] = {
                DhcpOption.MESSAGE_TYPE: bytes((DhcpType.RELEASE,)),
                DhcpOption.SERVER_IDENTIFIER: server,
            }
            message = self._message(client, options, lease.address.address)
            # The address goes in this moment, so there is no time for ARP.
            self._transmit(client, message, (lease.address.address, lease.server), lease.link)

    def stop(self) -> None:
        """Forget everything (the device restarts)."""
        for client in self.clients.values():
            self._rest(client)
        self.clients.clear()

    # -- what comes in -----------------------------------------------------------------------------------------

    def takes(self, frame: bytes) -> bool:
        """Whether a frame is an answer to a client: UDP to port 68, to everybody or to an address not yet ours."""
        if len(frame) < 42 or frame[23] != PROTOCOL_UDP:
            return False
        start = 14 + (frame[14] & 15) * 4
        return frame[start + 2 : start + 4] == CLIENT_PORT.to_bytes(2, "big") and not frame[20] & 0x3F | frame[21]

    def receive(self, interface: RunInterface, frame: bytes) -> None:
        """An answer."""
        client = self.clients[interface.name]
        try:
            packet = Ipv4Packet.parse(frame[14:], verify=True)
            datagram = UdpDatagram.parse(packet.payload)
            message = DhcpMessage.parse(datagram.payload)
        except MalformedPacket:
            return
        right = checksum_is_right(packet.payload, packet.source, packet.destination)
        ours = (message.operation, message.transaction, message.hardware) == (REPLY, client.transaction, interface.mac)
        if not right or not ours or datagram.source_port != SERVER_PORT:
            return
        server = message.address(DhcpOption.SERVER_IDENTIFIER)
        if server is None or (client.server and server != client.server):
            return
        handler = _TRANSITIONS.get((client.state, message.type))
        if handler is not None:
            client.link = frame[6:12]
            handler(self, client, message)

    def _offered(self, client: Client, message: DhcpMessage) -> None:
        if _lease_of(message, self._scheduler.now) is not None:
            client.offer = message
            self._go(client, State.REQUESTING)

    def _acknowledged(self, client: Client, message: DhcpMessage) -> None:
        # RFC 2131 §4.4.1: times count from the request.
        lease = _lease_of(message, self._scheduler.now)
        if lease is None:
            return
        self._rest(client)
        lease = replace(lease, link=client.link)
        old, client.lease = client.lease, lease
        client.state, client.offer = State.BOUND, None
        client.timer = self._scheduler.after(lease.renewal * SECOND, self._go, client, State.RENEWING)
        if old is None or old.terms != lease.terms:
            address, server = format_ipv4(lease.address.address), format_ipv4(lease.server)
            text = f"DHCP client on interface {client.interface} has got IP address {address} from server {server}."
            self._flow.upcalls.log(_LOG_TYPE, Level.INFORMATION, text)
            self._changed()

    def _refused(self, client: Client, _message: DhcpMessage) -> None:
        self._lose(client)

    def _lose(self, client: Client) -> None:
        """No address any more: begin from nothing."""
        lost, client.lease = client.lease, None
        self._start(client)
        if lost is not None:
            text = (
                f"DHCP client on interface {client.interface} has lost IP address {format_ipv4(lost.address.address)}."
            )
            self._flow.upcalls.log(_LOG_TYPE, Level.WARNING, text)
            self._changed()

    # -- what goes out -----------------------------------------------------------------------------------------

    def _start(self, client: Client) -> None:
        self._go(client, State.SELECTING if client.lease is None else State.REBOOTING)

    def _go(self, client: Client, state: State) -> None:
        self._rest(client)
        client.state = state
        client.wait = _FIRST_WAIT
        if state is not State.REQUESTING:
            client.transaction = self._stream.integer(0, 0xFFFFFFFF)
        # Not at once: what the same commit changes is in force first.
        client.timer = self._scheduler.after(0, self._attempt, client)

    def _rest(self, client: Client) -> None:
        if client.timer is not None:
            client.timer.cancel()
            client.timer = None

    def _attempt(self, client: Client) -> None:
        """Send what the state asks for, and come back when there was no answer."""
        lease, now = client.lease, self._scheduler.now
        if lease is not None and now >= lease.since + lease.seconds * SECOND:
            self._lose(client)
            return
        if lease is not None and client.state is State.RENEWING and now >= lease.since + lease.rebinding * SECOND:
            client.state = State.REBINDING
        if client.state is State.REQUESTING and client.wait > _LONGEST_WAIT // 4:
            self._start(client)
            return
        self._send(client, lease)
        client.timer = self._scheduler.after(self._next_wait(client, lease, now), self._attempt, client)
        client.wait = min(client.wait * 2, _LONGEST_WAIT)

    def _next_wait(self, client: Client, lease: Lease | None, now: Instant) -> Duration:
        if lease is None or client.state not in {State.RENEWING, State.REBINDING}:
            return client.wait
        # RFC 2131 §4.4.5: half of what is left until the next stage, not less than a minute.
        end = lease.rebinding if client.state is State.RENEWING else lease.seconds
        left = lease.since + end * SECOND - now
        return max(min(max(left // 2, _SHORTEST_RENEWAL), left), SECOND)

    def _send(self, client: Client, lease: Lease | None) -> None:
        options: dict[int, bytes] = {DhcpOption.MESSAGE_TYPE: bytes((DhcpType.REQUEST,))}
        current = lease.address.address if lease is not None else 0
        if client.state is State.SELECTING:
            options[DhcpOption.MESSAGE_TYPE] = bytes((DhcpType.DISCOVER,))
        elif client.state is State.REQUESTING and client.offer is not None:
            options[DhcpOption.REQUESTED_ADDRESS] = client.offer.yours.to_bytes(4, "big")
            options[DhcpOption.SERVER_IDENTIFIER] = client.offer.options[DhcpOption.SERVER_IDENTIFIER]
        elif client.state is State.REBOOTING:
            options[DhcpOption.REQUESTED_ADDRESS] = current.to_bytes(4, "big")
        options[DhcpOption.PARAMETER_LIST] = _PARAMETERS
        renewing = client.state in {State.RENEWING, State.REBINDING}
        message = self._message(client, options, current if renewing else 0)
        if lease is not None and client.state is State.RENEWING:
            self._unicast(client, lease, message)
        else:
            self._broadcast(client, message, current if renewing else 0)

    def _message(self, client: Client, options: Mapping[int, bytes], current: int) -> DhcpMessage:
        interface = self._flow.interfaces.get(client.interface)
        hardware = interface.mac if interface is not None else bytes(6)
        return DhcpMessage(REQUEST, client.transaction, hardware, options, current, broadcast=not current)

    def _unicast(self, client: Client, lease: Lease, message: DhcpMessage) -> None:
        interface = self._flow.interfaces.get(client.interface)
        source = lease.address.address
        if interface is not None and interface.address == source:
            payload = UdpDatagram(CLIENT_PORT, SERVER_PORT, message.build()).build(source, lease.server)
            packet = Ipv4Packet(source, lease.server, PROTOCOL_UDP, payload)
            originate(self._flow, packet, interface.vrouter)

    def _broadcast(self, client: Client, message: DhcpMessage, source: int) -> None:
        self._transmit(client, message, (source, BROADCAST_ADDRESS), BROADCAST_MAC)

    def _transmit(self, client: Client, message: DhcpMessage, ends: tuple[int, int], link: bytes) -> None:
        interface = self._flow.interfaces.get(client.interface)
        if interface is None or not interface.carrier:
            return
        payload = UdpDatagram(CLIENT_PORT, SERVER_PORT, message.build()).build(*ends)
        packet = Ipv4Packet(*ends, PROTOCOL_UDP, payload)
        self._flow.upcalls.send_frame(interface, link + interface.mac + _IPV4 + packet.build(), None)


_Handler = Callable[[DhcpClients, Client, DhcpMessage], None]
_ASKING: Final = (State.REQUESTING, State.REBOOTING, State.RENEWING, State.REBINDING)
_TRANSITIONS: Final[Mapping[tuple[State, int], _Handler]] = {
    (State.SELECTING, DhcpType.OFFER): DhcpClients._offered,
    **{(state, DhcpType.ACK): DhcpClients._acknowledged for state in _ASKING},
    **{(state, DhcpType.NAK): DhcpClients._refused for state in _ASKING},
}
"""State × message; what is not here is not heeded."""


def _lease_of(message: DhcpMessage, now: Instant) -> Lease | None:
    """The lease in an offer or acknowledgement; None when it is of no use."""
    server, seconds = message.address(DhcpOption.SERVER_IDENTIFIER), message.number(DhcpOption.LEASE_TIME)
    mask = message.address(DhcpOption.SUBNET_MASK)
    if server is None or not seconds or not 0 < message.yours < 0xE0000000 or message.yours >> 24 == 127:
        return None
    try:
        length = parse_mask(format_ipv4(mask)) if mask is not None else 24
    except AddressError:
        return None
    renewal = message.number(DhcpOption.RENEWAL_TIME) or seconds // 2
    rebinding = message.number(DhcpOption.REBINDING_TIME) or seconds * 7 // 8
    if not renewal <= rebinding <= seconds:
        renewal, rebinding = seconds // 2, seconds * 7 // 8
    return Lease(
        Prefix(message.yours, length),
        server,
        message.address(DhcpOption.ROUTER) or 0,
        message.addresses(DhcpOption.DNS_SERVER),
        message.options.get(DhcpOption.DOMAIN_NAME, b"").decode("ascii", "replace"),
        seconds,
        max(renewal, 1),
        max(rebinding, 1),
        now,
    )


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
