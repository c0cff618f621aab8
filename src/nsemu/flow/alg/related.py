"""Sessions that a control connection has announced: they go its way, under its policy, with its translation."""

from __future__ import annotations

from nsemu.flow.alg.gates import Gate
from nsemu.flow.forward import drop
from nsemu.flow.install import describe_wing
from nsemu.flow.packet import TCP, Packet
from nsemu.flow.rewrite import Rewrite
from nsemu.flow.session import ACK, SYN, FlowTuple, Session, Wing, session_key
from nsemu.flow.state import FlowState
from nsemu.flow.steps import SessionCreated
from nsemu.flow.tcp_tracking import begin_tcp
from nsemu.nat.pools import Lease
from nsemu.runtime.drop import DropReason
from nsemu.runtime.trace import Note
from nsemu.sim.scheduler import SECOND


def expected(state: FlowState, packet: Packet) -> Gate | None:
    """The gate that a first packet may pass: a SYN by the way of the control connection."""
    if packet.protocol != TCP or packet.fragment or packet.tcp_flags & (SYN | ACK) != SYN:
        return None
    gate = state.gates.find(packet, state.scheduler.now)
    if gate is None:
        return None
    along = _along(gate.session, gate.forward)
    same_way = along.tunnel_in is packet.tunnel and along.ingress.zone == packet.ingress.zone
    return gate if same_way else None


def admit(state: FlowState, packet: Packet, gate: Gate) -> Session | None:
    """Begin the session of a gate whose control connection still holds; None when the packet was dropped."""
    control = gate.session
    lease = gate.lease
    if gate.source_leased and control.lease is not None:
        lease = control.lease.another(packet.source_port)
        if lease is None:
            drop(packet, "source_nat", DropReason.NO_PORT, "data connection")
            return None
    session = state.sessions.create(TCP, state.scheduler.now)
    if session is None:
        if gate.source_leased and lease is not None:
            lease.release()
        drop(packet, "session", DropReason.SESSION_LIMIT)
        return None
    state.gates.take(gate)
    _begin(session, gate, packet, lease)
    begin_tcp(state, session, packet.tunnel is not None)
    follow(state, session)
    state.upcalls.session_created(session)
    if packet.trace is not None:
        packet.trace.add(Note(f"announced by session {control.id}, under its policy"))
        wings = (describe_wing(session.forward), describe_wing(session.reverse))
        packet.trace.add(SessionCreated(session.id, session.service, session.service_timeout // SECOND, *wings))
    return session


def follow(state: FlowState, session: Session) -> None:
    """Let a session go the way of its control connection as it is now, and be found."""
    control = session.control
    assert control is not None
    state.sessions.uninstall(session)
    session.generation = state.generation
    session.policy = control.policy
    along = _along(control, session.along)
    for wing, model in ((session.forward, along), (session.reverse, along.opposite)):
        wing.ingress, wing.egress = model.ingress, model.egress
        wing.tunnel_in, wing.tunnel_out = model.tunnel_in, model.tunnel_out
        wing.neighbor, wing.route_id = model.neighbor, model.route_id
        wing.hops, wing.flood = model.hops, model.flood
        wing.key = session_key(wing.flow)
        wing.table = state.index(model.ingress.vrouter).table(TCP)
    state.sessions.install(session)


def _along(control: Session, forward: bool) -> Wing:
    return control.forward if forward else control.reverse


def _begin(session: Session, gate: Gate, packet: Packet, lease: Lease | None) -> None:
    control = gate.session
    session.control, session.along = control, gate.forward
    session.lease = lease
    session.link_source = packet.link_source
    session.service = control.service
    session.service_timeout = control.service_timeout
    before = (packet.source, packet.destination, packet.source_port, packet.destination_port)
    port = packet.source_port
    if gate.source_leased and lease is not None:
        port = lease.source[1]
    after = (gate.new_source, gate.new_destination[0], port, gate.new_destination[1])
    session.forward.flow = before
    session.reverse.flow = _opposite(after)
    if before != after:
        session.forward.rewrite = Rewrite(TCP, before, after)
        session.reverse.rewrite = Rewrite(TCP, _opposite(after), _opposite(before))


def _opposite(flow: FlowTuple) -> FlowTuple:
    return (flow[1], flow[0], flow[3], flow[2])
