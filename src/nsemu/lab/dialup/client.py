"""The VPN client of a remote user: the project's own IKE engine and SAs on the IPv4 stack of a host.

Packets that are routed into the virtual interface are sealed and sent to the gateway; what comes out of the tunnel
enters the stack as if it had come in on that interface. The first packet makes the client connect, and is lost.
"""

from __future__ import annotations

from collections import deque

from nsemu.device.sa_parameters import sa_parameters
from nsemu.ike.engine import IkeEngine
from nsemu.ike.events import (
    ClientConfigured,
    Event,
    LoggedIn,
    Phase1Completed,
    Phase1Failed,
    Phase1Removed,
    Phase2Completed,
    Phase2Failed,
    Phase2InboundReady,
    SaRemoved,
)
from nsemu.ike.log import log_lines
from nsemu.ike.parameters import (
    DPD_VENDOR_ID,
    ISAKMP_PORT,
    NAT_PORT,
    ClientSettings,
    Endpoint,
    EngineSettings,
    GatewayParameters,
    NatVariant,
    TunnelParameters,
    XauthLogin,
)
from nsemu.ipsec.database import SaDatabase
from nsemu.ipsec.esp_udp import EspUdpOutbound
from nsemu.ipsec.sa import IpsecFailure, SaParameters
from nsemu.ipsec.tunnel import Tunnel, TunnelSettings
from nsemu.lab.dialup.connection import Connection
from nsemu.lab.dialup.virtual_interface import VirtualInterface
from nsemu.lab.ip_interface import IpInterface
from nsemu.lab.ip_routes import Route
from nsemu.lab.ip_stack import IpStack
from nsemu.lab.udp_layer import UdpReceived
from nsemu.runtime.trace import Lost, Note, PacketTrace
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import Instant, Timer
from nsemu.wire.address import Prefix, format_ipv4
from nsemu.wire.ipv4 import Ipv4Packet

VIRTUAL = "vpn0"
_ESP = 50
_HEADER = bytes.fromhex("450000000000000040320000")
_HISTORY = 12
_KEEPALIVE = 20
_GATEWAY = "gateway"
_HALVES = (Prefix(0, 1), Prefix(0x80000000, 1))


class VpnClient:
    """One connection, and what has become of it. `history` are its last log lines with their instants."""

    def __init__(self, stack: IpStack, outside: IpInterface, connection: Connection, entropy: Entropy) -> None:
        self.connection = connection
        self._stack = stack
        self._outside = outside
        self.database = SaDatabase(entropy.stream(f"{stack.name}/ipsec"))
        settings = EngineSettings(vendor_ids=(DPD_VENDOR_ID,), nat_variants=(NatVariant.DRAFT_02, NatVariant.RFC_3947))
        self.engine = IkeEngine(entropy.stream(f"{stack.name}/ike"), settings)
        self.told: ClientSettings | None = None
        self.failure = ""
        self.history: deque[tuple[Instant, str]] = deque(maxlen=_HISTORY)
        self.phase1_keys: list[tuple[bytes, bytes]] = []
        self.inbound_keys: list[SaParameters] = []
        self.interface = VirtualInterface(stack, VIRTUAL, self.inner, self._seal)
        self._tunnels: dict[int, Tunnel] = {}
        self._generation = 0
        self._timer: Timer | None = None
        self._own = outside.address
        self._past: Route | None = None
        if not connection.transport:
            stack.interfaces[VIRTUAL] = self.interface
        for prefix in connection.remote if not connection.transport else ():
            for part in (prefix,) if prefix.length else _HALVES:
                stack.routes.add(Route(part.network, self.interface))
        self._route()
        self._sockets = {port: stack.udp.bind(port, self._datagram) for port in (ISAKMP_PORT, NAT_PORT)}
        stack.register(_ESP, self._esp)
        self._configure()

    @property
    def inner(self) -> int:
        """The inner address: the one that was assigned, the configured one, or the client's own."""
        if self.told is not None and self.told.address:
            return self.told.address
        return self.connection.inner or self._outside.address

    @property
    def connected(self) -> bool:
        """Whether there is an SA to send with."""
        return any(tunnel.active for tunnel in self._tunnels.values())

    @property
    def tunnels(self) -> list[Tunnel]:
        """One for each remote network, in their order."""
        return [self._tunnels[number] for number in sorted(self._tunnels)]

    def _route(self) -> None:
        """The gateway is reached past the tunnel, by whatever way there is now."""
        if self.connection.transport:
            return  # nothing is routed into the tunnel
        gateway, routes = self.connection.gateway, self._stack.routes
        if self._past is not None:
            routes.remove(self._past.prefix, self._past.gateway)
        ways = [route for route in routes if gateway in route.prefix and route.interface is not self.interface]
        way = max(ways, key=lambda route: route.prefix.length, default=None)  # it may have no cable yet
        self._past = Route(Prefix(gateway, 32), way.interface, way.gateway) if way is not None else None
        if self._past is not None:
            routes.add(self._past)

    def _settle(self) -> bool:
        """Follow the client's own address, which DHCP may change; whether there is one."""
        if self._outside.address != self._own:
            self._own = self._outside.address
            self._generation += len(self._tunnels)
            self.interface.readdress(self.inner)
            self._route()
            self._configure()
        return bool(self._own)

    def _configure(self) -> None:
        """Tell the engine the gateway, and a tunnel from the inner address of now to each remote network."""
        connection = self.connection
        login = XauthLogin(connection.user, connection.password, connection.assigned) if connection.user else None
        parameters = GatewayParameters(
            _GATEWAY,
            self._outside.address,
            connection.gateway,
            connection.phase1,
            connection.key.encode("latin-1", "replace"),
            connection.mode,
            connection.identity,
            nat_traversal=True,
            keepalive=_KEEPALIVE,
            login=login,
        )
        for tunnel in self._tunnels.values():
            self.database.remove_tunnel(tunnel)
        found = [self.database.add_tunnel(self._settings()) for _ in connection.remote]
        self._tunnels = {tunnel.identifier + self._generation: tunnel for tunnel in found}
        own = Prefix(self.inner, 32)
        numbered = zip(self._tunnels, connection.remote, strict=True)
        tunnels = {
            number: TunnelParameters(
                number,
                VIRTUAL,
                _GATEWAY,
                connection.phase2,
                own,
                remote,
                connection.protocol,
                connection.port,
                renewed=True,
                transport=connection.transport,
            )
            for number, remote in numbered
        }
        self.engine.configure({_GATEWAY: parameters}, tunnels, self._now)

    def _settings(self) -> TunnelSettings:
        first = self.connection.phase2[0]
        return TunnelSettings(
            VIRTUAL,
            _GATEWAY,
            self.connection.gateway,
            self._outside.address,
            self._outside.name,
            first.protocol,
            first.encryption,
            first.integrity,
            transport=self.connection.transport,
        )

    @property
    def _now(self) -> Instant:
        return self._stack.scheduler.now

    # -- what a person does -------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Negotiate whatever is not there."""
        self.failure = "" if self._settle() else "no address yet"
        for number, tunnel in self._tunnels.items() if not self.failure else ():
            if not tunnel.active:
                self.engine.acquire(number, self._now)
        self._pump()

    def disconnect(self) -> None:
        """End all SAs; the gateway is told. An address that was assigned is given back."""
        for number in list(self._tunnels):
            self.engine.delete_tunnel_sas(number, self._now)
        self.engine.delete_phase1(self._now)
        self._pump()
        self._take_settings(None)
        self._pump()

    # -- IKE ----------------------------------------------------------------------------------------------------

    def _datagram(self, datagram: UdpReceived) -> None:
        if datagram.destination_port == NAT_PORT and datagram.payload[:4] != bytes(4):
            self._open(datagram.source, datagram.destination, datagram.payload, datagram.trace)
            return
        ends = (
            Endpoint(datagram.source, datagram.source_port),
            Endpoint(datagram.destination, datagram.destination_port),
        )
        self.engine.receive_datagram(datagram.payload, *ends, self._now)
        self._pump()

    def _pump(self) -> None:
        """Send what is to be sent, apply what happened, arm the timer."""
        while (event := self.engine.next_event()) is not None:
            self._apply(event)
        for datagram in self.engine.datagrams_to_send():
            socket = self._sockets[datagram.source.port]
            socket.send(*datagram.destination, datagram.data, source=datagram.source.address)
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.engine.next_deadline()
        self._timer = self._stack.scheduler.at(deadline, self._expired) if deadline is not None else None

    def _expired(self) -> None:
        self._timer = None
        self.engine.handle_timer(self._now)
        self._pump()

    def _apply(self, event: Event) -> None:
        self.history += [(self._now, line.text) for line in log_lines(event, self._outside.name)]
        if isinstance(event, Phase1Completed):
            self.phase1_keys.append((event.initiator_cookie, event.encryption_key))
        elif isinstance(event, Phase2InboundReady):
            self._install_inbound(event)
        elif isinstance(event, Phase2Completed):
            self._install(event)
        elif isinstance(event, SaRemoved):
            self._remove(event)
        elif isinstance(event, ClientConfigured):
            self._take_settings(event.settings)
        self._note_failure(event)

    def _note_failure(self, event: Event) -> None:
        """What `connect` and `status` say when it does not work."""
        if isinstance(event, LoggedIn):
            self.failure = "" if event.accepted else "the gateway refused the user name or the password"
        elif isinstance(event, Phase1Failed):
            self.failure = self.failure or f"Phase 1 with {format_ipv4(event.peer)}: {event.reason.value}"
        elif isinstance(event, Phase2Failed):
            self.failure = f"Phase 2 with {format_ipv4(event.peer)}: {event.reason.value}"
        elif isinstance(event, Phase1Removed) and not self.connected:
            self.failure = self.failure or f"Phase 1 ended: {event.reason.value}"
        elif isinstance(event, Phase2Completed):
            self.failure = ""

    def _take_settings(self, settings: ClientSettings | None) -> None:
        """Use another inner address, and tunnels from it."""
        before, self.told = self.inner, settings
        if self.inner != before:
            self._generation += len(self._tunnels)
            self.interface.readdress(self.inner)
            self._configure()
        for number, tunnel in self._tunnels.items() if settings is not None else ():
            if not tunnel.active:
                self.engine.acquire(number, self._now)

    # -- SAs ----------------------------------------------------------------------------------------------------

    def _install(self, event: Phase2Completed) -> None:
        self._install_inbound(event)
        tunnel = self._tunnels.get(event.tunnel_id)
        if tunnel is not None:
            tunnel.port = event.remote.port
            outbound = sa_parameters(event, event.outbound)
            self.database.install_outbound(tunnel, outbound, self._now, current=event.current)

    def _install_inbound(self, event: Phase2InboundReady | Phase2Completed) -> None:
        tunnel = self._tunnels.get(event.tunnel_id)
        if tunnel is not None and all(sa.spi != event.inbound.spi for sa in tunnel.inbound_sas):
            inbound = sa_parameters(event, event.inbound)
            self.database.install_inbound(tunnel, inbound, self._now)
            self.inbound_keys.append(inbound)

    def _remove(self, event: SaRemoved) -> None:
        tunnel = self._tunnels.get(event.tunnel_id)
        spis = (event.inbound_spi, event.outbound_spi)
        if tunnel is not None:
            for inbound in [sa for sa in tunnel.inbound_sas if sa.spi in spis]:
                self.database.remove(inbound)
            for outbound in [sa for sa in tunnel.outbound_sas if sa.spi in spis]:
                self.database.remove(outbound)

    def protect(self, packet: bytes, trace: PacketTrace | None = None) -> None:
        """Send a packet of the client's own in transport mode."""
        self._seal(packet, trace)

    # -- packets ------------------------------------------------------------------------------------------------

    def _seal(self, packet: bytes, trace: PacketTrace | None) -> None:
        destination = int.from_bytes(packet[16:20], "big")
        if not self.connection.wants(packet):
            _lose(trace, f"this traffic is not part of the connection to {self.connection.text}")
            return
        if not self._settle():
            _lose(trace, "no address yet")
            return
        number = self._number_for(destination)
        tunnel = self._tunnels.get(number)
        if tunnel is None or tunnel.outbound is None:
            _lose(trace, f"no SA with {format_ipv4(self.connection.gateway)} yet: the client connects")
            if tunnel is not None:
                self.engine.acquire(number, self._now)
                self._pump()
            return
        sa = tunnel.outbound
        outer = sa.seal(packet)
        if isinstance(outer, IpsecFailure):
            _lose(trace, outer.value)
            self.engine.rekey(number, self._now)
            self._pump()
            return
        sa.last_used = self._now
        if trace is not None:
            carrier = "ESP in UDP" if isinstance(sa, EspUdpOutbound) else "ESP"
            trace.add(Note(f"sealed into {carrier} for {format_ipv4(self.connection.gateway)}, SPI {sa.spi:08x}"))
        self._stack.send_packet(outer, trace)

    def _number_for(self, destination: int) -> int:
        fitting = [(prefix.length, number) for number, prefix in self._networks if destination in prefix]
        return max(fitting, default=(0, 0))[1]

    @property
    def _networks(self) -> list[tuple[int, Prefix]]:
        return list(zip(self._tunnels, self.connection.remote, strict=True))

    def _esp(self, packet: Ipv4Packet, payload: bytes, interface: IpInterface, trace: PacketTrace | None) -> None:
        del interface
        self._open(packet.source, packet.destination, payload, trace)

    def _open(self, source: int, destination: int, esp: bytes, trace: PacketTrace | None) -> None:
        """ESP with or without UDP around it → the packet inside goes up the stack."""
        if len(esp) < 8:
            return  # a keepalive
        header = _outer_header(source, destination)
        entry = self.database.esp.get(header[16:20] + esp[:4])
        if entry is None:
            self._stack.counters["unknown SPI"] += 1
            _lose(trace, f"unknown SPI {esp[:4].hex()}")
            return
        inner = entry.sa.open(header + esp)
        if isinstance(inner, IpsecFailure):
            self._stack.counters["bad ESP"] += 1
            _lose(trace, inner.value)
            return
        entry.sa.last_used = self._now
        if trace is not None:
            trace.add(Note(f"opened, SPI {entry.sa.spi:08x}"))
        entered = self._outside if self.connection.transport else self.interface
        self._stack.receive(inner, entered, False, trace)


def _outer_header(source: int, destination: int) -> bytes:
    """An outer IPv4 header as far as it is looked at; in transport mode it is the packet's own."""
    return _HEADER + source.to_bytes(4, "big") + destination.to_bytes(4, "big")


def _lose(trace: PacketTrace | None, why: str) -> None:
    if trace is not None:
        trace.add(Lost(why))
