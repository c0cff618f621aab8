"""Sessions as `get session` shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nsemu.device.device import Device
from nsemu.flow.session import FlowTuple, Session, Wing
from nsemu.flow.stages.source_nat import EGRESS_DIP
from nsemu.nat.pools import PoolLease
from nsemu.wire.address import ZERO_MAC


@dataclass(frozen=True, slots=True)
class SideView:
    """One side of a session: the interface there, and the addresses as they are on that side's wire.

    `left` is (address, port) of the client, `right` of the server; for ICMP echo the ports are sequence and identifier.
    `mac` is the neighbor's link address, zeros while unknown or behind a tunnel. `tunnel_id` is 0 for clear text.
    `route_id` is the route towards the neighbor, 0 for none.
    """

    interface: str
    number: int
    left: tuple[int, int]
    right: tuple[int, int]
    mac: bytes
    tunnel_id: int
    route_id: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session: the client's side and the server's. `policy_id` is None for traffic that no policy was asked about.

    `ticks` of ten seconds are left of its time-out; `timeout` is the whole of it in seconds, 0 for never.
    `dip_id` is the pool its source is from, 2 for the address of the egress interface, 0 for none.
    """

    id: int
    protocol: int
    service: str
    policy_id: int | None
    ticks: int
    timeout: int
    client: SideView
    server: SideView
    dip_id: int = 0


@dataclass(frozen=True, slots=True)
class SessionTableView:
    """How full the table is. `failed` counts sessions refused for lack of room."""

    allocated: int
    capacity: int
    failed: int


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions to show: all that is not None must match. Ranges include both ends; `tunnel` asks for any tunnel.

    Addresses are (address, mask) and, like the ports, those of the client's side.
    """

    id: int | None = None
    source: tuple[int, int] | None = None
    destination: tuple[int, int] | None = None
    source_ports: tuple[int, int] | None = None
    destination_ports: tuple[int, int] | None = None
    protocols: tuple[int, int] | None = None
    policy_id: int | None = None
    tunnel: bool = False
    service: str | None = None

    def matches(self, session: Session) -> bool:
        """Whether a session is wanted."""
        source, destination, source_port, destination_port = session.forward.flow
        tunnelled = session.forward.tunnel_out is not None or session.forward.tunnel_in is not None
        return (
            self.id in {None, session.id}
            and _covers(self.source, source)
            and _covers(self.destination, destination)
            and _within(self.source_ports, source_port)
            and _within(self.destination_ports, destination_port)
            and _within(self.protocols, session.protocol)
            and (self.policy_id is None or (session.policy is not None and session.policy.id == self.policy_id))
            and (not self.tunnel or tunnelled)
            and self.service in {None, session.service}
        )


def session_table(device: Device) -> SessionTableView:
    """The state of the session table."""
    sessions = device.state.sessions
    return SessionTableView(len(sessions), sessions.capacity, sessions.failed)


def session_views(device: Device, wanted: SessionFilter | None = None) -> tuple[SessionView, ...]:
    """The sessions that a filter lets through, in the order in which they began."""
    accept: Callable[[Session], bool] = (wanted or SessionFilter()).matches
    return tuple(_session(device, session) for session in device.state.sessions.select(accept))


def _covers(network: tuple[int, int] | None, address: int) -> bool:
    return network is None or not (network[0] ^ address) & network[1]


def _within(span: tuple[int, int] | None, number: int) -> bool:
    return span is None or span[0] <= number <= span[1]


def _session(device: Device, session: Session) -> SessionView:
    forward, reverse = session.forward, session.reverse
    return SessionView(
        session.id,
        session.protocol,
        session.service,
        session.policy.id if session.policy is not None else None,
        session.remaining_ticks(device.scheduler.now),
        session.timeout // 1_000_000_000,
        _side(forward, reverse, forward.flow, session.link_source),
        _side(reverse, forward, _turned(reverse.flow), b""),
        _dip_id(session),
    )


def _dip_id(session: Session) -> int:
    if isinstance(session.lease, PoolLease):
        return session.lease.pool.record.id
    return 0 if session.lease is None else EGRESS_DIP


def _turned(flow: FlowTuple) -> FlowTuple:
    return (flow[1], flow[0], flow[3], flow[2])


def _side(arriving: Wing, leaving: Wing, flow: FlowTuple, link_source: bytes) -> SideView:
    """The side on which `arriving` comes in and `leaving` goes out."""
    tunnel = arriving.tunnel_in
    known = leaving.neighbor.mac if leaving.neighbor is not None else ZERO_MAC
    mac = link_source if known == ZERO_MAC else known
    return SideView(
        arriving.ingress.name,
        arriving.ingress.number,
        (flow[0], flow[2]),
        (flow[1], flow[3]),
        ZERO_MAC if tunnel is not None else (mac or ZERO_MAC),
        tunnel.identifier if tunnel is not None else 0,
        leaving.route_id,
        arriving.packets,
        arriving.octets,
    )
