"""Packets that the device itself makes: routed like others, without policy, into a tunnel if their route says so."""

from __future__ import annotations

from nsemu.flow.endpoints import endpoints_of
from nsemu.flow.neighbors import Neighbor
from nsemu.flow.nhtb import bound_tunnel
from nsemu.flow.path_mtu import longest_inner
from nsemu.flow.stages.route import lookup_step
from nsemu.flow.state import FlowState
from nsemu.flow.steps import Dropped, EspSeal, IkeTriggered, NextHop, Originated, Sent
from nsemu.flow.tunnels import TunnelPath
from nsemu.flow.verdicts import SEAL_FAILURES
from nsemu.ipsec.sa import DfBit, IpsecFailure, OutboundSa, SaMode
from nsemu.routing.resolve import resolve
from nsemu.runtime.drop import DropReason
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.trace import PacketTrace
from nsemu.wire.ipv4 import PROTOCOL_UDP, FragmentationNeeded, Ipv4Packet, fragment
from nsemu.wire.summary import summarise

_DF = 0x40
_IPV4 = b"\x08\x00"
_L2TP_PORT = (1701).to_bytes(2, "big")
SELF = "self"
"""The interface at which traces and `debug flow` begin a packet that the device made."""


def originate(
    state: FlowState,
    packet: Ipv4Packet,
    vrouter: str,
    trace: PacketTrace | None = None,
    through: TunnelPath | None = None,
) -> bool:
    """Send a packet of our own, looking the way up in `vrouter`; whether it left (or waits for ARP).

    A source of 0 becomes the address of the egress interface. `through` forces a tunnel: answers to what came out of a
    policy-based tunnel go back into it, never in clear.
    """
    through = through or _transport_towards(state, packet)
    if through is not None:
        _enter(state, packet, vrouter, trace)
        return _into_tunnel(state, through, packet, trace)
    resolution = resolve(state.routes, vrouter, packet.destination)
    egress = state.interfaces.get(resolution.entry.interface or "") if resolution is not None else None
    if resolution is not None and egress is not None and not packet.source:
        packet = _with_source(packet, egress.source_towards(resolution.entry.next_hop(packet.destination)))
    _enter(state, packet, vrouter, trace)
    if trace is not None:
        trace.add(lookup_step(state, SELF, (packet.source, packet.destination), vrouter))
    if resolution is None or egress is None:
        manager = state.managers.get(packet.destination)
        return _lost(trace, DropReason.NO_ROUTE) if manager is None else _out(state, manager, packet.build(), trace)
    if resolution.entry.discards:
        return _lost(trace, DropReason.NULL_ROUTE, resolution.entry.subject)
    if egress.is_tunnel:
        path = bound_tunnel(state, egress, resolution.entry.next_hop(packet.destination))
        if path is None:
            return _lost(trace, DropReason.NO_TUNNEL, ("interface", egress.name))
        return _into_tunnel(state, path, packet, trace)
    neighbor = state.neighbors.neighbor(egress, resolution.entry.next_hop(packet.destination))
    return _out(state, neighbor, packet.build(), trace)


def _transport_towards(state: FlowState, packet: Ipv4Packet) -> TunnelPath | None:
    """The transport mode SA that protects L2TP between the packet's own ends (B137); None for anything else."""
    if packet.protocol != PROTOCOL_UDP or packet.payload[:2] != _L2TP_PORT:
        return None
    ends = packet.source, packet.destination
    found = (path for path in state.transports if (path.tunnel.settings.local, path.tunnel.settings.peer) == ends)
    return next(found, None)


def answer_in_frame(
    state: FlowState, packet: Ipv4Packet, egress: RunInterface, macs: bytes, trace: PacketTrace | None
) -> bool:
    """Send a packet in the name of a node of a bridge, out of a port: `macs` are destination, source, VLAN tag."""
    _enter(state, packet, egress.vrouter, trace)
    data = packet.build()
    if trace is not None:
        trace.add(Sent(egress.name, macs[:6].hex(), len(data)))
    state.upcalls.send_frame(egress, macs + _IPV4 + data, trace)
    return True


def egress_towards(state: FlowState, vrouter: str, destination: int) -> RunInterface | None:
    """The interface by which the device would send to `destination`."""
    resolution = resolve(state.routes, vrouter, destination)
    if resolution is None or resolution.entry.discards:
        return None
    return state.interfaces.get(resolution.entry.interface or "")


def _with_source(packet: Ipv4Packet, source: int) -> Ipv4Packet:
    if packet.source == source:
        return packet
    return Ipv4Packet(
        source,
        packet.destination,
        packet.protocol,
        packet.payload,
        packet.ttl,
        packet.tos,
        packet.identification,
        df=packet.df,
    )


def _enter(state: FlowState, packet: Ipv4Packet, vrouter: str, trace: PacketTrace | None) -> None:
    if trace is None:
        return
    data = packet.build()
    now = state.scheduler.now
    hop = trace.enter(state.name, now, SELF, summarise(data))
    hop.vrouter, hop.path = vrouter, "originated"
    ends = endpoints_of(data, next(iter(state.interfaces.values())))
    trace.add(Originated(now, len(data), packet.identification, ends))


def _lost(trace: PacketTrace | None, reason: DropReason, subject: tuple[object, ...] = ()) -> bool:
    """An own packet that cannot leave came in nowhere: no interface counts it, whoever sent it is told."""
    if trace is not None:
        trace.add(Dropped("originate", reason, "", subject))
    return False


def _into_tunnel(state: FlowState, path: TunnelPath, packet: Ipv4Packet, trace: PacketTrace | None) -> bool:
    tunnel, sa, subject = path.tunnel, path.tunnel.outbound, ("vpn", path.vpn)
    peer = tunnel.settings.peer
    if path.link is not None:
        path.link(packet.build(), trace)
        return True
    if sa is None:
        if trace is not None:
            trace.add(IkeTriggered(path.identifier, path.vpn, peer))
        state.upcalls.acquire(path)
        return _lost(trace, DropReason.SA_INACTIVE, subject)
    resolution = resolve(state.routes, path.outgoing.vrouter, peer)
    egress = state.interfaces.get(resolution.entry.interface or "") if resolution is not None else None
    if resolution is None or resolution.entry.discards or egress is None or egress.is_tunnel:
        return _lost(trace, DropReason.NO_ROUTE, subject)
    neighbor = state.neighbors.neighbor(egress, resolution.entry.next_hop(peer))
    try:
        pieces = _cut_inside(state, sa, egress, packet.build())
    except FragmentationNeeded:
        return _lost(trace, DropReason.FRAGMENTATION_NEEDED, subject)
    return all(_seal(state, path, piece, neighbor, trace) for piece in pieces)


def _cut_inside(state: FlowState, sa: OutboundSa, egress: RunInterface, inner: bytes) -> list[bytes]:
    """What to protect: pieces that pass the tunnel when their outer packets may not be fragmented.

    Transport mode takes whole packets only (RFC 4303 §3.3.4).
    """
    df = sa.parameters.df
    if df is DfBit.CLEAR or (df is DfBit.COPY and not inner[6] & _DF) or sa.parameters.mode is SaMode.TRANSPORT:
        return [inner]
    return fragment(inner, longest_inner(state, sa, egress))


def _seal(state: FlowState, path: TunnelPath, inner: bytes, neighbor: Neighbor, trace: PacketTrace | None) -> bool:
    tunnel, sa = path.tunnel, path.tunnel.outbound
    assert sa is not None
    outer = sa.seal(inner)
    if isinstance(outer, IpsecFailure):
        return _lost(trace, SEAL_FAILURES[outer], ("vpn", path.vpn))
    sa.last_used = state.scheduler.now
    if trace is not None:
        sizes = (len(inner), len(outer), outer[4] << 8 | outer[5])
        ends = (tunnel.settings.local, tunnel.settings.peer)
        name, mode = sa.parameters.protocol.name, path.transport
        trace.add(EspSeal(tunnel.identifier, path.vpn, sa.spi, sa.sequence, *ends, tunnel.label, *sizes, name, mode))
    return _out(state, neighbor, outer, trace)


def _out(state: FlowState, neighbor: Neighbor, packet: bytes, trace: PacketTrace | None) -> bool:
    egress = neighbor.interface
    if not egress.carrier:
        return _lost(trace, DropReason.LINK_DOWN, ("interface", egress.name))
    try:
        pieces = fragment(packet, egress.mtu)
    except FragmentationNeeded:
        return _lost(trace, DropReason.FRAGMENTATION_NEEDED)
    for piece in pieces:
        if trace is not None:
            resolved = neighbor.header is not None and neighbor.expires > state.scheduler.now
            trace.add(NextHop(egress.name, neighbor.address, resolved))
            if resolved:
                trace.add(Sent(egress.name, neighbor.mac.hex(), len(piece)))
        state.neighbors.send(neighbor, piece, trace)
    return True
