"""Answering connection requests in the server's place, and taking the client's acknowledgment.

The answer opens no window: the client sends nothing until its server has been reached (`tcp_splice`). It offers no
option but the MSS, since nothing is known of the server yet.
"""

from __future__ import annotations

from typing import Final

from nsemu.flow.icmp_errors import reply
from nsemu.flow.packet import TCP, Packet
from nsemu.flow.screening import count_proxied, refuse_request
from nsemu.flow.session import ACK, FIN, RST, SYN
from nsemu.flow.state import FlowState
from nsemu.flow.steps import TcpProxied
from nsemu.flow.tcp_splice import Handshake
from nsemu.screen.syn_proxy import DEFAULT_MSS, Accepted, Flow
from nsemu.screen.zone import ZoneScreen
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.tcp import TcpOptions, TcpSegment

_MASK: Final = 0xFFFFFFFF
_OWN_MSS: Final = 1460


def knows(state: FlowState, packet: Packet) -> bool:
    """Whether a request is a matter of an existing session, or for the device itself: then nothing is proxied."""
    destination = packet.destination
    reached = state.reached_from(packet.ingress.vrouter, destination)
    mapped = state.mappings.claims(destination, TCP, packet.destination_port, reached)
    if state.owner(packet.ingress.vrouter, destination) is not None and not mapped:
        return True
    table = state.index(packet.ingress.vrouter).tables.get(TCP)
    return table is not None and packet.key in table


def answer(state: FlowState, packet: Packet, screen: ZoneScreen) -> None:
    """Answer a SYN with SYN-ACK. It is refused when the queue of the zone is full."""
    queue = screen.queue
    try:
        request = TcpSegment.parse(packet.data[packet.header_length :], packet.source, packet.destination)
    except MalformedPacket:
        request = None
    if request is None or queue is None:
        refuse_request(state, packet, screen)
        return
    now, flow = state.scheduler.now, _flow(packet)
    mss = request.options.mss or DEFAULT_MSS
    if state.config.flow.syn_cookie:
        accepted: Accepted | None = state.screening.cookies.make(flow, request.sequence, mss, now)
    else:
        own = state.screening.initial_sequence(flow, request.sequence, now)
        accepted = queue.request(flow, Accepted(request.sequence, own, mss), now)
    if accepted is None:
        refuse_request(state, packet, screen)
        return
    count_proxied(packet)
    if packet.trace is not None:
        packet.trace.add(TcpProxied("SYN answered in the server's place"))
    ports = (request.destination_port, request.source_port)
    options = TcpOptions(mss=_announced(state, packet))
    segment = TcpSegment(*ports, accepted.own_isn, (request.sequence + 1) & _MASK, SYN | ACK, 0, options=options)
    reply(state, packet, TCP, segment.build(packet.destination, packet.source), packet.destination)


def accept(state: FlowState, packet: Packet, screen: ZoneScreen) -> Handshake | None:
    """The handshake with the server that a segment without session begins; None when it completes no request."""
    flags = packet.tcp_flags
    at = packet.header_length
    sequence = int.from_bytes(packet.data[at + 4 : at + 8], "big")
    queue, flow = screen.queue, _flow(packet)
    if queue is None:
        return None
    if flags & RST:
        queue.reset(flow, sequence)
        return None
    if flags & (SYN | FIN | ACK) != ACK:
        return None
    acknowledgment, now = int.from_bytes(packet.data[at + 8 : at + 12], "big"), state.scheduler.now
    accepted = queue.acknowledge(flow, sequence, acknowledgment, now)
    if accepted is None:
        accepted = state.screening.cookies.check(flow, sequence, acknowledgment, now)
    if accepted is None:
        return None
    if packet.trace is not None:
        packet.trace.add(TcpProxied("the client acknowledged the proxy's answer"))
    return Handshake(state, packet, accepted, screen.proxied)


def _flow(packet: Packet) -> Flow:
    return packet.key, packet.tunnel.identifier if packet.tunnel is not None else 0


def _announced(state: FlowState, packet: Packet) -> int:
    """The MSS for the client: what the flow settings allow it to send."""
    flow = state.config.flow
    limit = flow.tcp_mss or flow.all_tcp_mss if packet.tunnel is not None else flow.all_tcp_mss
    return min(_OWN_MSS, limit or _OWN_MSS)
