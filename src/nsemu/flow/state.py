"""What the pipeline works on: the run-time tables of one device and its ways out.

The device owns it and replaces the derived tables at each commit; stages and forwarding read it. `generation` grows
with every change that can alter a decision, and sessions made before are looked at again (Vol. 5, "Packet Flow").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from nsemu.auth.table import AuthTable
from nsemu.config.device import DeviceConfig
from nsemu.config.nat import NhtbKey
from nsemu.flow.alg.gates import GateTable
from nsemu.flow.bridge_tables import BridgeTables
from nsemu.flow.clients import ClientTable
from nsemu.flow.neighbors import Neighbor, NeighborTable
from nsemu.flow.packet import Packet
from nsemu.flow.session import Session, SessionIndex, SessionTable
from nsemu.flow.tunnels import TunnelPath
from nsemu.ipsec.database import SaDatabase
from nsemu.ipsec.tunnel import Tunnel
from nsemu.nat.mappings import Mappings
from nsemu.nat.pools import SourcePool
from nsemu.nat.ports import PortTranslator
from nsemu.policy.services import ServiceTable
from nsemu.policy.table import PolicyTable
from nsemu.routing.resolve import resolve
from nsemu.routing.selection import RouteSelection
from nsemu.routing.table import RoutingTable
from nsemu.runtime.drop import DropReason
from nsemu.runtime.event_log import Level
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.path_mtu import PathMtu
from nsemu.runtime.reassembly import Reassembly
from nsemu.runtime.trace import PacketTrace
from nsemu.screen.runtime import Screening
from nsemu.sim.scheduler import Scheduler
from nsemu.wire.address import Prefix

if TYPE_CHECKING:
    from nsemu.flow.logins import Logins


class UdpHandler(Protocol):
    """Takes a UDP payload that was sent to the device: payload, (source, port), (destination, port)."""

    def __call__(
        self, payload: bytes, source: tuple[int, int], destination: tuple[int, int], trace: PacketTrace | None
    ) -> None:
        """Take it."""


EchoHandler = Callable[[Packet], bool]
"""Takes an ICMP echo reply or error that was sent to the device; whether it was wanted."""


TcpHandler = Callable[[Packet], bool]
"""Takes a TCP segment that was sent to a management service of the device; whether the service is served."""


class Upcalls(Protocol):
    """What the pipeline asks of the device around it."""

    def send_frame(self, interface: RunInterface, frame: bytes, trace: PacketTrace | None) -> None:
        """Put a frame on the wire."""

    def acquire(self, path: TunnelPath) -> None:
        """Traffic wants an SA: trigger IKE (B061)."""

    def prepare(self, path: TunnelPath) -> None:
        """A redundant tunnel should have an SA as well, unless its peer is down and tried now and then (B349, B359)."""

    def bad_spi(self, packet: Packet, spi: int, sequence: int) -> None:
        """A packet with an unknown SPI came in (B158, B159)."""

    def replayed(self, packet: Packet, path: TunnelPath, spi: int, sequence: int) -> None:
        """A packet failed the anti-replay check."""

    def peer_moved(self, packet: Packet, path: TunnelPath) -> None:
        """An authentic packet came in UDP from another address or port than we send to."""

    def soft_lifetime(self, path: TunnelPath) -> None:
        """The SA has used up nearly all of its kilobytes."""

    def session_created(self, session: Session) -> None:
        """A session began."""

    def session_closed(self, session: Session) -> None:
        """A session ended."""

    def denied(self, packet: Packet, policy_id: int | None, reason: DropReason) -> None:
        """A policy, or the lack of one, dropped a first packet."""

    def log(self, type_: int, level: Level, text: str) -> None:
        """Make an event log entry."""


class FlowState:
    """The run-time tables of one device."""

    def __init__(
        self, name: str, scheduler: Scheduler, config: DeviceConfig, database: SaDatabase, upcalls: Upcalls
    ) -> None:
        self.name = name
        self.scheduler = scheduler
        self.config = config
        self.upcalls = upcalls
        self.database = database
        self.generation = 0
        self.interfaces: dict[str, RunInterface] = {}
        self.routes: Mapping[str, RoutingTable] = {}
        self.selection: RouteSelection | None = None
        self.turns: dict[tuple[str, Prefix], int] = {}
        self.policies: PolicyTable
        self.services: ServiceTable
        self.indexes: dict[str, SessionIndex] = {}
        self.local_addresses: dict[int, RunInterface] = {}
        self.own_addresses: dict[tuple[str, int], RunInterface] = {}
        """The same by virtual router, for several may have the same address."""
        self.broadcasts: dict[int, tuple[str, ...]] = {}
        """The virtual routers with a network of which an address is the broadcast address."""
        self.paths: dict[int, TunnelPath] = {}
        self.calls: dict[int, TunnelPath] = {}
        """Those of L2TP users, which are among `paths` too."""
        self.l2tp_handler: Callable[[Packet, bytes], bool] | None = None
        """Takes datagrams to port 1701; False where there is no L2TP."""
        self.transports: tuple[TunnelPath, ...] = ()
        """Those in transport mode, into which L2TP of the device itself goes."""
        self.clients = ClientTable()
        self.policy_paths: dict[int, tuple[TunnelPath, ...]] = {}
        self.redundant: dict[int, tuple[TunnelPath, ...]] = {}
        self.sessions = SessionTable(config.platform.capacity.sessions, self._session_closed)
        self.screening = Screening()
        self.ports = PortTranslator()
        self.pools: dict[int, SourcePool] = {}
        self.alarmed_pools: set[int] = set()
        self.pool_groups: dict[int, tuple[SourcePool, ...]] = {}
        self.mappings = Mappings()
        self.proxies: dict[str, tuple[tuple[int, int], ...]] = {}
        self.routed_proxies: dict[str, tuple[tuple[int, int], ...]] = {}
        self.gates = GateTable()
        self.auth = AuthTable()
        self.logins: Logins | None = None
        self.bridge = BridgeTables()
        self.path_mtus = PathMtu()
        """Of what tunnels send, by the addresses of both ends: see `flow.path_mtu`."""
        self.nhtb: dict[NhtbKey, str] = {}
        self.learned_hops: dict[NhtbKey, int] = {}
        """The same as peers have told: the ID of the tunnel (B335)."""
        self.reassembly = Reassembly()
        self.udp_handlers: dict[int, UdpHandler] = {}
        self.echo_handlers: list[EchoHandler] = []
        self.tcp_handler: TcpHandler | None = None
        self.identification = 0
        self.managers: dict[int, Neighbor] = {}
        self.unreachable: Callable[[Neighbor, bytes, PacketTrace | None], None] = _ignore
        self.neighbors = NeighborTable(scheduler, upcalls.send_frame, self.owns, self._unreachable)

    def index(self, vrouter: str) -> SessionIndex:
        """The session wings of a virtual router."""
        found = self.indexes.get(vrouter)
        if found is None:
            found = self.indexes[vrouter] = SessionIndex()
        return found

    def owner(self, vrouter: str, address: int) -> RunInterface | None:
        """The interface that is meant by an address of the device, asked for in a virtual router.

        Virtual routers may use the same addresses: one's own counts first, another's only where the routes lead there.
        """
        anywhere = self.local_addresses.get(address)
        if anywhere is None or anywhere.vrouter == vrouter:
            return anywhere
        own = self.own_addresses.get((vrouter, address))
        if own is not None:
            return own
        end = self._end_of_way(vrouter, address)
        return anywhere if end is None else self.own_addresses.get((end, address))

    def leads_to(self, vrouter: str, address: int, other: str) -> bool:
        """Whether an address, asked for in a virtual router, is one of the virtual router `other`."""
        if vrouter == other:
            return True
        return self._end_of_way(vrouter, address) in {None, other}

    def reached_from(self, vrouter: str, address: int) -> Callable[[str], bool]:
        """Whether an address, asked for in a virtual router, may be mapped by an interface: a test by its name."""

        def reached(name: str) -> bool:
            interface = self.interfaces.get(name)
            return interface is None or not interface.vrouter or self.leads_to(vrouter, address, interface.vrouter)

        return reached

    def _end_of_way(self, vrouter: str, address: int) -> str | None:
        """The virtual router of the interface to which the routes lead; None without a route."""
        resolution = resolve(self.routes, vrouter, address)
        egress = self.interfaces.get(resolution.entry.interface or "") if resolution is not None else None
        return egress.vrouter if egress is not None else None

    def owns(self, interface: RunInterface, address: int) -> bool:
        """Whether the device answers ARP for `address` on `interface`: its own, and those it translates."""
        if address == 0:
            return False
        if address in {interface.address, interface.manage_ip}:
            return True
        if any(prefix.address == address for prefix in interface.secondary):
            return True
        if any(low <= address <= high for low, high in self.proxies.get(interface.name, ())):
            return True
        translated = self.routed_proxies.get(interface.name, ())
        return any(low <= address <= high for low, high in translated) and self._leads_elsewhere(interface, address)

    def _leads_elsewhere(self, interface: RunInterface, address: int) -> bool:
        """Whether the route to an address that a policy translates leaves by another interface."""
        resolution = resolve(self.routes, interface.vrouter, address)
        return resolution is not None and resolution.entry.interface != interface.name

    def source_zone(self, ingress: RunInterface, tunnel: Tunnel | None) -> str:
        """The zone a packet comes from: of its ingress, or out of a policy-based tunnel the carrier zone (B168)."""
        path = self.paths.get(tunnel.identifier) if tunnel is not None else None
        return path.carrier_zone if path is not None and path.bound is None and path.carrier_zone else ingress.zone

    def zone_id(self, zone: str) -> int:
        """The number of a zone."""
        record = self.config.zones.get(zone)
        return record.id if record is not None else 0

    def next_identification(self) -> int:
        """An IPv4 identification for a packet that the device itself makes."""
        self.identification = (self.identification + 1) & 0xFFFF
        return self.identification

    def session_alarm(self) -> None:
        """The table holds as many sessions as `set alarm threshold session` says: told once, until they are fewer."""
        table = self.sessions
        table.crowded = True
        share = 100 * len(table) // table.capacity
        text = f"Session utilization has reached {len(table)}, which is {share}% of the system capacity!"
        self.upcalls.log(51, Level.CRITICAL, text)

    def sweep(self) -> None:
        """Age out what has been silent, or awaited, too long."""
        now = self.scheduler.now
        self.sessions.sweep(now, self.config.flow.aging)
        self.gates.sweep(now)

    def stop(self) -> None:
        """The device powers off: what waits for its time must not come to pass."""
        self.reassembly = Reassembly()
        self.screening.alarms.take()
        for session in self.sessions:
            session.give_back()

    def _session_closed(self, session: Session) -> None:
        if session.limits is not None or session.forward.shift is not None:
            session.give_back()
        if session.alg is not None:
            session.alg.end(self)
        self.leave_login(session)
        self.upcalls.session_closed(session)

    def leave_login(self, session: Session) -> None:
        """A session lives by its user's login no more."""
        if session.login is not None:
            session.login.release(self.scheduler.now)
            session.login = None
            if self.logins is not None:
                self.logins.arm()

    def _unreachable(self, neighbor: Neighbor, packet: bytes, trace: PacketTrace | None) -> None:
        self.unreachable(neighbor, packet, trace)


def _ignore(_neighbor: Neighbor, _packet: bytes, _trace: PacketTrace | None) -> None:
    return None
