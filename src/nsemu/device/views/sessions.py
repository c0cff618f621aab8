"""Sessions as `get session` shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nsemu.device.device import Device
from nsemu.device.sessions import SessionFilter, link_address
from nsemu.flow.session import FlowTuple, Session, Wing
from nsemu.flow.stages.source_nat import EGRESS_DIP
from nsemu.nat.pools import PoolLease
from nsemu.runtime.interface import DEFAULT_MTU
from nsemu.sim.scheduler import SECOND
from nsemu.wire.ethernet import VlanTag


@dataclass(frozen=True, slots=True)
class SideView:
    """One side of a session: the interface there, and the addresses as they are on that side's wire.

    `left` is (address, port) of the client, `right` of the server; for ICMP echo the ports are sequence and identifier.
    `gateway` is the next hop there, 0 when it is not known.

    `mac` is the neighbor's link address, zeros while unknown or behind a tunnel. `tunnel_id` is 0 for clear text.
    `route_id` is the route towards the neighbor, 0 for none; `vlan` the tag on that wire, 0 for none. `scale` is the
    shift of the TCP window that this side announces (RFC 7323 §2).
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
    gateway: int = 0
    mtu: int = DEFAULT_MTU
    vlan: int = 0
    scale: int = 0


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session: the client's side and the server's. `policy_id` is None for traffic that no policy was asked about.

    `ticks` of ten seconds are left of its time-out; `timeout` is the whole of it in seconds, 0 for never.
    `dip_id` is the pool its source is from, 2 for the address of the egress interface, 0 for none. `started` is in
    seconds since the device booted, `duration` in seconds.
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
    started: int = 0
    duration: int = 0


@dataclass(frozen=True, slots=True)
class SessionTableView:
    """How full the table is. `failed` counts sessions refused for lack of room."""

    allocated: int
    capacity: int
    failed: int


def session_table(device: Device) -> SessionTableView:
    """The state of the session table."""
    sessions = device.state.sessions
    return SessionTableView(len(sessions), sessions.capacity, sessions.failed)


def session_views(device: Device, wanted: SessionFilter | None = None) -> tuple[SessionView, ...]:
    """The sessions that a filter lets through, in the order in which they began."""
    accept: Callable[[Session], bool] = (wanted or SessionFilter()).matches
    return tuple(_session(device, session) for session in device.state.sessions.select(accept))


def _session(device: Device, session: Session) -> SessionView:
    forward, reverse = session.forward, session.reverse
    return SessionView(
        session.id,
        session.protocol,
        session.service,
        session.policy.id if session.policy is not None else None,
        session.remaining_ticks(device.scheduler.now),
        session.timeout // SECOND,
        _side(forward, reverse, forward.flow),
        _side(reverse, forward, _turned(reverse.flow)),
        _dip_id(session),
        (session.created - device.booted_at) // SECOND,
        (device.scheduler.now - session.created) // SECOND,
    )


def _dip_id(session: Session) -> int:
    if isinstance(session.lease, PoolLease):
        return session.lease.pool.record.id
    return 0 if session.lease is None else EGRESS_DIP


def _turned(flow: FlowTuple) -> FlowTuple:
    return (flow[1], flow[0], flow[3], flow[2])


def _bridged_vlan(session: Session) -> int:
    """The VLAN of the frames of a session that a bridge passes on, 0 without a tag."""
    return VlanTag.from_control(int.from_bytes(session.link_tag[2:], "big")).identifier if session.link_tag else 0


def _side(arriving: Wing, leaving: Wing, flow: FlowTuple) -> SideView:
    """The side on which `arriving` comes in and `leaving` goes out."""
    tunnel = arriving.tunnel_in
    neighbor = leaving.neighbor
    return SideView(
        arriving.ingress.name,
        arriving.ingress.number,
        (flow[0], flow[2]),
        (flow[1], flow[3]),
        link_address(arriving.session, of_client=arriving.forward),
        tunnel.identifier if tunnel is not None else 0,
        leaving.route_id,
        arriving.packets,
        arriving.octets,
        neighbor.address if neighbor is not None and tunnel is None else 0,
        arriving.ingress.mtu,
        arriving.ingress.tag or _bridged_vlan(arriving.session),
        _scale(arriving),
    )


def _scale(wing: Wing) -> int:
    """How the sender of a wing's segments scales its windows."""
    tcp = wing.session.tcp
    return tcp.window.scales[0 if wing.forward else 1] if tcp is not None and tcp.window is not None else 0
