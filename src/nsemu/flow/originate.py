"""Packets that the device itself makes: routed like others, without policy, into a tunnel if their route says so."""

from __future__ import annotations

from nsemu.flow.state import FlowState
from nsemu.flow.tunnels import TunnelPath
from nsemu.ipsec.sa import IpsecFailure
from nsemu.routing.resolve import resolve
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.trace import PacketTrace
from nsemu.wire.ipv4 import FragmentationNeeded, Ipv4Packet, fragment


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
    if through is not None:
        return _into_tunnel(state, through, packet, trace)
    resolution = resolve(state.routes, vrouter, packet.destination)
    if resolution is None or resolution.entry.discards:
        return False
    entry = resolution.entry
    egress = state.interfaces[entry.interface or ""]
    source = packet.source or egress.address
    packet = _with_source(packet, source)
    if egress.is_tunnel:
        path = next((state.paths[number] for number in egress.tunnel_ids if number in state.paths), None)
        return path is not None and _into_tunnel(state, path, packet, trace)
    return _out(state, egress, entry.next_hop(packet.destination), packet.build(), trace)


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


def _into_tunnel(state: FlowState, path: TunnelPath, packet: Ipv4Packet, trace: PacketTrace | None) -> bool:
    sa = path.tunnel.outbound
    if sa is None:
        state.upcalls.acquire(path)
        return False
    outer = sa.seal(packet.build())
    if isinstance(outer, IpsecFailure):
        return False
    sa.last_used = state.scheduler.now
    resolution = resolve(state.routes, path.outgoing.vrouter, path.tunnel.settings.peer)
    if resolution is None or resolution.entry.discards:
        return False
    entry = resolution.entry
    egress = state.interfaces[entry.interface or ""]
    if egress.is_tunnel:
        return False
    return _out(state, egress, entry.next_hop(path.tunnel.settings.peer), outer, trace)


def _out(state: FlowState, egress: RunInterface, next_hop: int, packet: bytes, trace: PacketTrace | None) -> bool:
    if not egress.carrier:
        return False
    try:
        pieces = fragment(packet, egress.mtu)
    except FragmentationNeeded:
        return False
    neighbor = state.neighbors.neighbor(egress, next_hop)
    for piece in pieces:
        state.neighbors.send(neighbor, piece, trace)
    return True
