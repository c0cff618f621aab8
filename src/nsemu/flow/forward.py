"""Acting on decisions: one function for the first packet of a session and for all later ones.

TTL, address rewriting, checksums, ESP, fragmentation and the way to the wire are here and nowhere else. This is the
fast path: it is written flat on purpose.
"""

from __future__ import annotations

from nsemu.config.interface import InterfaceKind
from nsemu.flow.ending import drop as drop  # noqa: PLC0414 - this is where the others import it from
from nsemu.flow.host_search import hold
from nsemu.flow.icmp_errors import send_fragmentation_needed, send_time_exceeded
from nsemu.flow.neighbors import Neighbor
from nsemu.flow.packet import GRE, ICMP, TCP, Packet
from nsemu.flow.path_mtu import longest_inner
from nsemu.flow.session import ACK, FIN, RST, SYN, FlowTuple, Wing
from nsemu.flow.state import FlowState
from nsemu.flow.steps import Dropped, EspSeal, Flooded, Fragmented, NextHop, Sent, Translated
from nsemu.flow.tcp_mss import clamp_mss, clamp_mss_in_gre, gre_limit, mss_limit
from nsemu.flow.tcp_segment import segment_on
from nsemu.flow.tcp_tracking import track
from nsemu.flow.tunnels import Link, TunnelPath
from nsemu.flow.verdicts import SEAL_FAILURES
from nsemu.ipsec.sa import DfBit, IpsecFailure, OutboundSa
from nsemu.routing.resolve import resolve
from nsemu.runtime.drop import DropReason
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.trace import PacketTrace
from nsemu.wire.ipv4 import FragmentationNeeded, fragment

_DF = 0x40
_STEERING = SYN | FIN | RST | ACK
_SHORTEST_MTU = 68  # RFC 791 §3.2
_IPV4 = b"\x08\x00"


def forward(state: FlowState, packet: Packet, wing: Wing) -> None:
    """Send a packet of a session on its way."""
    ttl, hops = packet.ttl, wing.hops
    if ttl <= hops:
        drop(packet, "forward", DropReason.TTL_EXPIRED)
        send_time_exceeded(state, packet)
        return
    session = wing.session
    data = packet.data
    protocol = packet.protocol
    edited = wing.shift is not None or session.alg is not None
    flags = 0
    if protocol == TCP:
        flags = data[packet.header_length + 13]
        tcp = session.tcp
        if tcp is not None and not (edited and wing.forward):
            window = tcp.window
            # Neither the state nor the windows of most segments need a closer look.
            if (
                flags & _STEERING != ACK
                or not tcp.established
                or (window is not None and not window.expects(data, packet.header_length, wing.forward))
            ) and not _follow(state, packet, wing, data):
                return
    session.last_seen = state.scheduler.now
    wing.packets += 1
    wing.octets += len(data)
    out = bytearray(data)
    if hops:
        out[8] = ttl - 1
        # RFC 1141: the word of TTL and protocol fell by 0x0100.
        total = (out[10] << 8 | out[11]) + 0x100
        if total > 0xFFFF:
            total -= 0xFFFF
        out[10] = total >> 8
        out[11] = total & 255
    if edited and not _edit(state, packet, wing, out):
        return
    rewrite = wing.rewrite
    if rewrite is not None:
        rewrite.apply(out, packet.header_length, protocol)
    if flags & SYN or protocol == GRE:
        _clamp(state, packet, wing, out)
    if packet.trace is not None:
        _trace_addresses(packet.trace, wing.flow if rewrite is None else rewrite.after, protocol)
    if wing.tunnel_out is not None:
        send_into_tunnel(state, wing.tunnel_out, out, packet)
        return
    if not hops:
        _bridge(state, wing, out, packet)
        return
    neighbor = wing.neighbor
    if neighbor is None or len(out) > wing.egress.mtu or packet.pieces:
        send_clear(state, wing.egress, neighbor, out, packet)
        return
    header = neighbor.header
    if header is not None and packet.trace is None and neighbor.expires > session.last_seen:
        state.upcalls.send_frame(neighbor.interface, header + out, None)
        return
    send_to_neighbor(state, neighbor, bytes(out), packet.trace)


def _clamp(state: FlowState, packet: Packet, wing: Wing, out: bytearray) -> None:
    """Lower the segment size that a SYN announces, itself or within GRE."""
    if packet.protocol == TCP:
        clamp_mss(out, packet.header_length, mss_limit(state.config.flow, wing))
    else:
        clamp_mss_in_gre(out, packet.header_length, gre_limit(state.config.flow, wing))


def _bridge(state: FlowState, wing: Wing, out: bytearray, packet: Packet) -> None:
    """Send a packet of a bridged session on, to all ports while nobody knows where its destination is."""
    if wing.flood:
        _flood(state, wing, out, packet)
    else:
        send_bridged(state, wing.egress, wing.neighbor, out, packet)


def _edit(state: FlowState, packet: Packet, wing: Wing, out: bytearray) -> bool:
    """Let a proxied or read TCP connection change its segment; the proxy is nearer to the server.

    What edits make of a client's segment is followed, for all numbers are those of the server.
    """
    alg, shift = wing.session.alg, wing.shift
    edits = (alg, shift) if wing.forward else (shift, alg)
    if not all(edit is None or edit.apply(state, packet, wing, out) for edit in edits):
        return False
    return not wing.forward or packet.protocol != TCP or _follow(state, packet, wing, out)


def _follow(state: FlowState, packet: Packet, wing: Wing, octets: bytes | bytearray) -> bool:
    """Let the TCP connection know of a segment; False when it does not fit, and was dropped.

    To a reset with a wrong number its sender gets the ACK that tells the right one (RFC 5961 §3.2).
    """
    if track(state, packet, wing, octets):
        return True
    tcp, unedited = wing.session.tcp, wing.shift is None and wing.session.alg is None
    challenge = tcp.window.challenge(wing.forward) if tcp is not None and tcp.window is not None else None
    if challenge is not None and unedited and octets[packet.header_length + 13] & RST:
        forward(state, segment_on(wing.opposite, challenge[:2], ACK, challenge[2]), wing.opposite)
    return False


def _trace_addresses(trace: PacketTrace, flow: FlowTuple, protocol: int) -> None:
    source, destination, source_port, destination_port = flow
    if protocol == ICMP:
        source_port = destination_port = 0
    trace.add(Translated(source, source_port, destination, destination_port))


def send_clear(
    state: FlowState, egress: RunInterface, neighbor: Neighbor | None, out: bytes | bytearray, packet: Packet
) -> None:
    """Send a packet out in clear, cut to the MTU of its egress interface."""
    if egress.bridged:
        send_bridged(state, egress, neighbor, out, packet)
        return
    if neighbor is None or not egress.carrier:
        drop(packet, "egress", DropReason.LINK_DOWN, egress.name, ("interface", egress.name))
        return
    for piece in _cut(state, egress, out, packet):
        send_to_neighbor(state, neighbor, piece, packet.trace)


def _cut(state: FlowState, egress: RunInterface, out: bytes | bytearray, packet: Packet) -> list[bytes]:
    """The packet in pieces that its egress interface takes; none when it must not be cut, which its sender is told.

    What came in pieces leaves in pieces no longer than those, unless `set flow force-ip-reassembly` has it whole.
    """
    size = min(egress.mtu, packet.pieces or egress.mtu)
    if len(out) <= size:
        return [bytes(out)]
    if len(out) > egress.mtu:
        size = min(size, state.config.flow.max_fragment or size)
    try:
        pieces = fragment(bytes(out), size)
    except FragmentationNeeded:
        drop(
            packet,
            "egress",
            DropReason.FRAGMENTATION_NEEDED,
            f"{len(out)} octets, MTU {egress.mtu}",
            ("interface", egress.name),
        )
        send_fragmentation_needed(state, packet, egress.mtu)
        return []
    if packet.trace is not None:
        packet.trace.add(Fragmented(size, len(pieces)))
    return pieces


def send_into_tunnel(state: FlowState, path: TunnelPath, inner: bytes | bytearray, packet: Packet) -> None:
    """Protect a packet and send it to the remote gateway (B017, B156, B157)."""
    tunnel = path.tunnel
    sa = tunnel.outbound
    if sa is None:
        if path.link is not None:
            _into_link(state, path, path.link, bytes(inner), packet)
            return
        drop(packet, "tunnel", DropReason.SA_INACTIVE, path.vpn, ("vpn", path.vpn))
        state.upcalls.acquire(path)
        return
    df = tunnel.settings.df
    if (df is not DfBit.CLEAR or state.config.flow.path_mtu) and _cut_inside(state, path, sa, inner, packet):
        return
    outer = sa.seal(inner)
    if isinstance(outer, IpsecFailure):
        drop(packet, "tunnel", SEAL_FAILURES[outer], path.vpn, ("vpn", path.vpn))
        if outer is not IpsecFailure.TOO_LONG:
            state.upcalls.soft_lifetime(path)
        return
    sa.last_used = state.scheduler.now
    if sa.soft_expired:
        state.upcalls.soft_lifetime(path)
    trace = packet.trace
    if trace is not None:
        settings = tunnel.settings
        ends = (settings.local, settings.peer)
        sizes = (len(inner), len(outer), outer[4] << 8 | outer[5])
        name = sa.parameters.protocol.name
        trace.add(EspSeal(tunnel.identifier, path.vpn, sa.spi, sa.sequence, *ends, tunnel.label, *sizes, name))
    if path.generation != state.generation and not _find_outer_way(state, path, packet):
        return
    neighbor, egress = path.neighbor, path.egress
    if neighbor is None or egress is None:
        drop(packet, "egress", DropReason.NO_ROUTE, path.vpn)
        return
    if len(outer) <= egress.mtu:
        header = neighbor.header
        if header is not None and trace is None and neighbor.expires > sa.last_used:
            state.upcalls.send_frame(egress, header + outer, None)
            return
        send_to_neighbor(state, neighbor, outer, trace)
        return
    sa.fragments += 1
    send_clear(state, egress, neighbor, outer, packet)


def _into_link(state: FlowState, path: TunnelPath, link: Link, inner: bytes, packet: Packet) -> None:
    """Hand a packet to an L2TP user's call, in pieces that its end takes (RFC 1661 §6.1)."""
    try:
        pieces = fragment(inner, path.link_mtu)
    except FragmentationNeeded:
        detail = f"{len(inner)} octets, {path.link_mtu} fit"
        drop(packet, "tunnel", DropReason.FRAGMENTATION_NEEDED, detail, path.subject)
        send_fragmentation_needed(state, packet, path.link_mtu)
        return
    for piece in pieces:
        link(piece, packet.trace)


def _cut_inside(state: FlowState, path: TunnelPath, sa: OutboundSa, inner: bytes | bytearray, packet: Packet) -> bool:
    """Whether the packet is done with, as its outer form may not be fragmented and would have to be.

    It is fragmented before it is protected, or its sender is told how long it may be (RFC 2401 §6.1, RFC 1191). With
    `set flow path-mtu` all senders that forbid fragments are told, whatever the outer packet carries.
    """
    if sa.parameters.df is not DfBit.SET and not inner[6] & _DF:
        return False
    if path.generation != state.generation and not _find_outer_way(state, path, packet):
        return True
    limit = longest_inner(state, sa, path.egress) if path.egress is not None else len(inner)
    if len(inner) <= limit or limit < _SHORTEST_MTU:
        return False
    try:
        pieces = fragment(bytes(inner), limit)
    except FragmentationNeeded:
        drop(packet, "tunnel", DropReason.FRAGMENTATION_NEEDED, f"{len(inner)} octets, {limit} fit", ("vpn", path.vpn))
        send_fragmentation_needed(state, packet, limit)
        return True
    if packet.trace is not None:
        packet.trace.add(Fragmented(limit, len(pieces)))
    for piece in pieces:
        send_into_tunnel(state, path, piece, packet)
    return True


def _find_outer_way(state: FlowState, path: TunnelPath, packet: Packet) -> bool:
    """Route the outer packet in the virtual router of the outgoing interface."""
    path.neighbor = path.egress = None
    peer = path.tunnel.settings.peer
    resolution = resolve(state.routes, path.outgoing.vrouter, peer)
    egress = state.interfaces.get(resolution.entry.interface or "") if resolution is not None else None
    if resolution is None or egress is None or resolution.entry.discards or egress.is_tunnel:
        drop(packet, "egress", DropReason.NO_ROUTE, f"no route to the gateway of {path.vpn}", ("vpn", path.vpn))
        return False
    if path.outgoing.kind is InterfaceKind.VLAN:
        egress = path.outgoing  # B228: any interface of the outgoing zone, and no other
    path.egress = egress
    path.neighbor = state.neighbors.neighbor(egress, resolution.entry.next_hop(peer))
    path.generation = state.generation
    return True


def send_to_neighbor(state: FlowState, neighbor: Neighbor, packet: bytes, trace: PacketTrace | None) -> None:
    """Hand a packet that fits to its next hop, or let it wait for ARP."""
    egress = neighbor.interface
    if not egress.carrier:
        egress.counters.drop(DropReason.LINK_DOWN)
        if trace is not None:
            trace.add(Dropped("egress", DropReason.LINK_DOWN, egress.name, ("interface", egress.name)))
        return
    if trace is not None:
        resolved = neighbor.header is not None and neighbor.expires > state.scheduler.now
        trace.add(NextHop(egress.name, neighbor.address, resolved))
        if resolved:
            trace.add(Sent(egress.name, neighbor.mac.hex(), len(packet)))
    state.neighbors.send(neighbor, packet, trace)


def send_bridged(
    state: FlowState, egress: RunInterface, neighbor: Neighbor | None, out: bytes | bytearray, packet: Packet
) -> None:
    """Send a packet out of a port of a bridge: in the frame it came in, or to a host on `vlan1` after a tunnel."""
    destination = packet.link_destination
    if destination:
        header = destination + packet.link_source + packet.link_tag + _IPV4
        if neighbor is not None and destination != neighbor.mac:
            # The same flow now goes to another node of the same wire, such as the other router of a pair.
            port = state.bridge.macs.find(destination, state.scheduler.now)
            if port is not None and port.zone != egress.zone:
                drop(packet, "egress", DropReason.WRONG_INTERFACE, f"{destination.hex()} is behind {port.name}")
                return
            egress = port or egress
    elif neighbor is None:
        drop(packet, "egress", DropReason.UNKNOWN_MAC)
        return
    elif neighbor.header is None or neighbor.expires <= state.scheduler.now:
        hold(state, neighbor.address, packet)
        return
    else:
        header = neighbor.header
    _put_on_wire(state, egress, header, out, packet)


def _put_on_wire(state: FlowState, egress: RunInterface, header: bytes, out: bytes | bytearray, packet: Packet) -> None:
    trace = packet.trace
    if not egress.carrier:
        drop(packet, "egress", DropReason.LINK_DOWN, egress.name, ("interface", egress.name))
        return
    for piece in _cut(state, egress, out, packet):
        if trace is not None:
            trace.add(Sent(egress.name, header[:6].hex(), len(piece)))
        state.upcalls.send_frame(egress, header + piece, trace)


def _flood(state: FlowState, wing: Wing, out: bytearray, packet: Packet) -> None:
    """Nobody knows where the destination is: each port that a policy allows gets a copy."""
    if packet.trace is not None:
        packet.trace.add(Flooded(tuple(port.name for port in wing.flood)))
    for port in wing.flood:
        send_bridged(state, port, wing.neighbor, out, packet)
