"""From decisions to a session: both wings, ready for forwarding (the charter's "decide, then act")."""

from __future__ import annotations

from typing import Final

from nsemu.config.flow import ReverseRoute
from nsemu.flow.alg.select import gateway_for
from nsemu.flow.neighbors import Neighbor
from nsemu.flow.nhtb import bound_tunnel
from nsemu.flow.packet import TCP
from nsemu.flow.rewrite import Rewrite
from nsemu.flow.session import FlowTuple, Session, Wing, session_key
from nsemu.flow.setup import FlowSetup
from nsemu.flow.stages.route import lookup_step, way_back
from nsemu.flow.state import FlowState
from nsemu.flow.steps import SessionCreated
from nsemu.flow.tcp_tracking import begin_tcp
from nsemu.flow.tunnels import TunnelPath
from nsemu.runtime.drop import DropReason
from nsemu.runtime.interface import RunInterface
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import format_ipv4

_ECHO_TYPES = {8: 0, 0: 8}
UNDECIDED: Final = -1
"""The generation of a session whose egress is not known yet: its next packet decides anew."""


def install(state: FlowState, setup: FlowSetup) -> Session | DropReason:
    """Make, or renew, the session of a flow that all stages let pass."""
    reverse = _reverse_way(state, setup)
    if isinstance(reverse, DropReason):
        return reverse
    session = setup.renews
    if session is None:
        session = state.sessions.create(setup.protocol, state.scheduler.now)
        if session is None:
            return DropReason.SESSION_LIMIT
        _begin(state, setup, session)
    else:
        state.sessions.uninstall(session)
    session.generation = state.generation if not setup.flood else UNDECIDED
    if setup.multipath is not None:
        state.turns[setup.multipath] = state.turns.get(setup.multipath, 0) + 1
    session.lease = setup.lease
    if setup.login is not session.login:
        state.leave_login(session)
        session.login = setup.login
        if setup.login is not None:
            setup.login.hold()
    session.policy = setup.decision.policy if setup.decision is not None else None
    _forward_wing(state, setup, session.forward)
    _reverse_wing(state, setup, session.reverse, reverse)
    state.sessions.install(session)
    if setup.renews is None:
        state.upcalls.session_created(session)
        if len(state.sessions) >= state.sessions.alarm_at and not state.sessions.crowded:
            state.session_alarm()
    if setup.trace is not None:
        seconds = session.service_timeout // SECOND
        wings = (describe_wing(session.forward), describe_wing(session.reverse))
        setup.add(SessionCreated(session.id, session.service, seconds, *wings))
    return session


def describe_wing(wing: Wing) -> str:
    """`ethernet1:10.1.1.5/1024->10.2.2.5/80,6`."""
    source, destination, source_port, destination_port = wing.flow
    addresses = f"{format_ipv4(source)}/{source_port}->{format_ipv4(destination)}/{destination_port}"
    return f"{wing.ingress.name}:{addresses},{wing.session.protocol}"


def _begin(state: FlowState, setup: FlowSetup, session: Session) -> None:
    session.icmp = setup.icmp
    session.tos = setup.tos
    session.link_source = setup.link_source
    session.link_destination = setup.link_destination
    session.link_tag = setup.link_tag
    matched = setup.decision.service if setup.decision is not None else None
    named = state.services.identify(setup.traffic)
    session.service = named.name if named is not None else ""
    seconds = state.services.timeout_of(matched, setup.traffic)
    session.service_timeout = session.timeout = seconds * SECOND
    if setup.protocol == TCP:
        session.alg = gateway_for(state, setup, session)
        begin_tcp(state, session, setup.tunnel_in is not None)


def _forward_wing(state: FlowState, setup: FlowSetup, wing: Wing) -> None:
    wing.flow = setup.flow
    wing.ingress = setup.ingress
    wing.tunnel_in = setup.tunnel_in
    wing.egress = setup.egress
    wing.tunnel_out = setup.path
    wing.route_id = setup.route_id
    wing.flood = setup.flood
    if setup.egress.bridged:
        wing.hops, wing.neighbor = 0, _bridge_neighbor(state, setup)
    else:
        wing.hops = 1
        wing.neighbor = None if setup.path is not None else state.neighbors.neighbor(setup.egress, setup.next_hop)
    wing.rewrite = None
    if setup.translated is not None and setup.translated != setup.flow:
        wing.rewrite = Rewrite(setup.protocol, setup.flow, setup.translated)
    wing.key = session_key(wing.flow, _echo_type(setup, forward=True))
    wing.table = state.index(setup.ingress.vrouter).table(setup.protocol)


def _reverse_wing(state: FlowState, setup: FlowSetup, wing: Wing, way: _Way) -> None:
    source, destination, source_port, destination_port = setup.translated or setup.flow
    wing.flow = (destination, source, destination_port, source_port)
    wing.ingress = setup.egress if setup.path is None or setup.path.bound is not None else setup.path.outgoing
    wing.tunnel_in = setup.path.tunnel if setup.path is not None else None
    wing.egress, wing.tunnel_out, wing.route_id = way.egress, way.path, way.route_id
    wing.neighbor = None
    wing.hops = 0 if setup.egress.bridged else 1
    if way.path is None:
        if way.egress.bridged:
            wing.neighbor = _bridge_neighbor_back(state, setup)
        elif way.next_hop:
            wing.neighbor = state.neighbors.neighbor(way.egress, way.next_hop)
        else:
            wing.neighbor = state.neighbors.known(way.egress, setup.source, setup.link_source)
    wing.rewrite = None
    if setup.translated is not None and setup.translated != setup.flow:
        wing.rewrite = Rewrite(setup.protocol, wing.flow, _opposite(setup.flow))
    wing.key = session_key(wing.flow, _echo_type(setup, forward=False))
    wing.table = state.index(wing.ingress.vrouter).table(setup.protocol)


def _bridge_neighbor(state: FlowState, setup: FlowSetup) -> Neighbor | None:
    """Where a bridged flow goes to: the MAC address of its first frame, or the next hop on `vlan1` after a tunnel."""
    if setup.path is not None or state.bridge.vlan1 is None:
        return None
    if setup.link_destination:
        source = setup.link_source + setup.link_tag
        return state.neighbors.fixed(setup.egress, setup.destination, setup.link_destination, source)
    return state.neighbors.neighbor(state.bridge.vlan1, setup.next_hop)


def _bridge_neighbor_back(state: FlowState, setup: FlowSetup) -> Neighbor:
    """Where its replies go to: whoever sent the first frame; out of a tunnel they come from `vlan1`."""
    vlan1 = state.bridge.vlan1
    own = vlan1.mac if setup.path is not None and vlan1 is not None else setup.link_destination
    return state.neighbors.fixed(setup.ingress, setup.source, setup.link_source, own + setup.link_tag)


def _opposite(flow: FlowTuple) -> FlowTuple:
    return (flow[1], flow[0], flow[3], flow[2])


def _echo_type(setup: FlowSetup, forward: bool) -> int | None:
    if setup.icmp is None or setup.icmp[0] not in _ECHO_TYPES:
        return None
    return setup.icmp[0] if forward else _ECHO_TYPES[setup.icmp[0]]


class _Way:
    """How replies leave: next hop 0 means the link address that the first packet came from."""

    __slots__ = ("egress", "next_hop", "path", "route_id")

    def __init__(self, setup: FlowSetup, path: TunnelPath | None = None) -> None:
        """Where the first packet came from: `path` is the tunnel."""
        self.egress = setup.ingress
        self.path = path
        self.next_hop = 0
        self.route_id = 0


def _reverse_way(state: FlowState, setup: FlowSetup) -> _Way | DropReason:
    """The way back, as `set flow reverse-route` has it (factory: `clear-text prefer`, `tunnel always`).

    What came out of a tunnel goes back into one, or the flow is refused: replies never leave in clear. The same holds
    for what came in clear although its source is routed to a tunnel: a forged source must not draw the replies out.
    """
    through = state.paths.get(setup.tunnel_in.identifier) if setup.tunnel_in is not None else None
    if through is not None and through.bound is None:
        return _Way(setup, through)
    flow = state.config.flow
    mode = flow.reverse_clear if setup.tunnel_in is None else flow.reverse_tunnel
    if setup.ingress.bridged or (mode is ReverseRoute.NONE and (through is not None or setup.link_source)):
        return _Way(setup, through)
    if setup.trace is not None:
        addresses = (setup.destination, setup.source)
        setup.add(lookup_step(state, setup.egress.name, addresses, setup.ingress.vrouter, reverse=True))
    entry = way_back(state, setup.ingress.vrouter, setup.source, setup.ingress)
    way = _Way(setup)
    egress = state.interfaces.get(entry.interface or "") if entry is not None and not entry.discards else None
    if through is not None or (egress is not None and egress.is_tunnel):
        next_hop = entry.next_hop(setup.source) if entry is not None else 0
        found = _back_into_tunnel(state, setup, way, egress, next_hop)
        refused = isinstance(found, DropReason)
        return _Way(setup, through) if refused and through is not None and mode is ReverseRoute.PREFER else found
    if entry is not None and egress is not None and not egress.is_tunnel and egress.zone == setup.ingress.zone:
        way.egress, way.next_hop, way.route_id = egress, entry.next_hop(setup.source), entry.id
    elif mode is ReverseRoute.ALWAYS:
        setup.detail = f"{format_ipv4(setup.source)} in {setup.ingress.vrouter}"
        setup.subject = ("flow", "reverse-route clear-text")
        return DropReason.NO_REVERSE_ROUTE
    elif not setup.link_source:
        return DropReason.NO_ROUTE
    return way


def _back_into_tunnel(
    state: FlowState, setup: FlowSetup, way: _Way, egress: RunInterface | None, next_hop: int
) -> _Way | DropReason:
    """Back by the VPN that the next hop is bound to (B330), else by the one the packet came through."""
    inward = egress if egress is not None and egress.is_tunnel else None
    chosen = bound_tunnel(state, inward, next_hop) if inward is not None else None
    own = setup.tunnel_in.identifier if setup.tunnel_in is not None else 0
    through = state.paths.get(own)
    if through is not None and through.inner is not None and inward is not None and own in inward.tunnel_ids:
        chosen = through  # several clients may have one inner address: answers go to the one who asked
    if chosen is None and inward is not None and own in inward.tunnel_ids:
        chosen = state.paths.get(own)
    if chosen is None:
        setup.detail = f"{format_ipv4(setup.source)} in {setup.ingress.vrouter}"
        return DropReason.NO_REVERSE_ROUTE
    way.path = chosen
    if way.path.bound is not None:
        way.egress = way.path.bound
    return way
