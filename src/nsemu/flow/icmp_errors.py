"""ICMP errors: those the device sends (RFC 792, RFC 1812 §4.3), and those that belong to a session it forwards."""

from __future__ import annotations

from nsemu.flow.originate import answer_in_frame, egress_towards, originate
from nsemu.flow.packet import ICMP, TCP, UDP, Packet
from nsemu.flow.session import Wing, session_key
from nsemu.flow.state import FlowState
from nsemu.flow.steps import Dropped
from nsemu.flow.tunnels import TunnelPath
from nsemu.runtime.drop import DropReason
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.trace import PacketTrace
from nsemu.wire import icmp
from nsemu.wire.checksum import checksum
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.icmp import IcmpMessage
from nsemu.wire.ipv4 import PROTOCOL_ICMP, Ipv4Packet

_ECHO_OPPOSITE = {8: 0, 0: 8}


def send_time_exceeded(state: FlowState, packet: Packet) -> None:
    """TTL exceeded in transit: how traceroute finds the device."""
    _answer(state, packet, icmp.time_exceeded(icmp.TTL_EXCEEDED, packet.data))


def send_reassembly_time_exceeded(state: FlowState, packet: Packet) -> None:
    """Fragments are missing; `packet` is the first one (RFC 1122 §3.3.2)."""
    _answer(state, packet, icmp.time_exceeded(icmp.REASSEMBLY_TIME_EXCEEDED, packet.data))


def send_fragmentation_needed(state: FlowState, packet: Packet, mtu: int) -> None:
    """The packet must not be fragmented but should be (RFC 1191)."""
    _answer(state, packet, icmp.destination_unreachable(icmp.FRAGMENTATION_NEEDED, packet.data, mtu))


def send_unreachable(state: FlowState, packet: Packet, code: int) -> None:
    """Destination unreachable with a code."""
    _answer(state, packet, icmp.destination_unreachable(code, packet.data))


def _answer(state: FlowState, packet: Packet, message: IcmpMessage) -> None:
    try:
        about = Ipv4Packet.parse(packet.data)
    except MalformedPacket:
        return
    if icmp.may_be_answered_with_error(about):
        reply(state, packet, PROTOCOL_ICMP, message.build(), own_address(packet))


def report_silent_neighbor(state: FlowState, egress: RunInterface, data: bytes, trace: PacketTrace | None) -> None:
    """Tell the sender of a forwarded packet that its next hop on `egress` does not answer.

    `data` is the packet as it was to leave. The error goes back along its session, translated like a reply, and into
    the tunnel from which the packet came.
    """
    try:
        about = Ipv4Packet.parse(data)
    except MalformedPacket:
        return
    message = icmp.destination_unreachable(icmp.HOST_UNREACHABLE, data)
    wing = _wing_back(state, about, egress.vrouter)
    if wing is None or wing.session.generation != state.generation or not icmp.may_be_answered_with_error(about):
        return
    error = Ipv4Packet(
        wing.egress.address, about.source, PROTOCOL_ICMP, message.build(), identification=state.next_identification()
    )
    own = Packet(error.build(), egress, None, trace)
    if not own.parse():
        return
    quoted = Ipv4Packet.parse_quote(own.data[own.header_length + 8 :])
    answer = Ipv4Packet.parse(translate_error(own, wing, quoted))
    if trace is not None:
        trace.turn_around()
    originate(state, answer, wing.egress.vrouter, trace, wing.tunnel_out)


def own_address(packet: Packet) -> int:
    """The address with which the device answers a packet: that of the interface it came in on; 0 to choose one."""
    return packet.ingress.address


def reply(state: FlowState, packet: Packet, protocol: int, payload: bytes, source: int) -> bool:
    """Send an answer to the sender of a packet, the way it came if that was a policy-based tunnel.

    What came out of a tunnel is never answered in clear: without a way back into one there is no answer, unless it was
    the remote gateway itself that asked, as it does when it monitors its VPN (B324).
    """
    through = tunnel_of(state, packet)
    if packet.tunnel is not None and through is None:
        egress = egress_towards(state, packet.ingress.vrouter, packet.source)
        if egress is None or not egress.is_tunnel:
            if packet.source != packet.tunnel.settings.peer:
                packet.ingress.counters.drop(DropReason.NO_REVERSE_ROUTE)
                if packet.trace is not None:
                    packet.trace.add(Dropped("self", DropReason.NO_REVERSE_ROUTE, "answer"))
                return False
            through = state.paths.get(packet.tunnel.identifier)
    answer = Ipv4Packet(source, packet.source, protocol, payload, ttl=64, identification=state.next_identification())
    trace: PacketTrace | None = packet.trace
    if trace is not None:
        trace.turn_around()
    if packet.link_destination and source not in state.local_addresses and source == packet.destination:
        # In the name of a node of a bridge: back in the frame's own addresses, no route is asked.
        way = packet.link_source + packet.link_destination + packet.link_tag
        return answer_in_frame(state, answer, packet.ingress, way, trace)
    return originate(state, answer, packet.ingress.vrouter, trace, through)


def tunnel_of(state: FlowState, packet: Packet) -> TunnelPath | None:
    """The policy-based tunnel through which a packet came."""
    if packet.tunnel is None:
        return None
    path = state.paths.get(packet.tunnel.identifier)
    return path if path is not None and path.bound is None else None


def related_wing(state: FlowState, packet: Packet) -> tuple[Wing, Ipv4Packet] | None:
    """The wing along which an ICMP error travels, and the packet it is about; None when no session sent that one."""
    try:
        quoted = Ipv4Packet.parse_quote(packet.data[packet.header_length + 8 :])
    except MalformedPacket:
        return None
    wing = _wing_back(state, quoted, packet.ingress.vrouter)
    if wing is None or wing.tunnel_in is not packet.tunnel or wing.ingress.zone != packet.ingress.zone:
        return None
    return wing, quoted


def _wing_back(state: FlowState, sent: Ipv4Packet, vrouter: str) -> Wing | None:
    """The wing that takes the replies to a packet which the device sent out of that virtual router."""
    key = _key_of_reply(sent)
    table = state.index(vrouter).tables.get(sent.protocol)
    return table.get(key) if table is not None and key is not None else None


def translate_error(packet: Packet, wing: Wing, quoted: Ipv4Packet) -> bytes:
    """The error as it goes on along `wing`: to the translated destination, quoting the packet as its sender sent it.

    What the end host of the session sends gets the address under which it is known on the other side. A node in front
    of a translated client gets the client's: its own means nothing there (RFC 5508 §4.2, REQ-4).
    """
    head = packet.data[: packet.header_length]
    message = packet.data[packet.header_length : packet.header_length + 8]
    source, destination = packet.source, packet.destination
    quote = packet.data[packet.header_length + 8 :]
    back = wing.opposite.rewrite
    if wing.rewrite is not None and back is not None:
        if source == wing.flow[0] or (wing.forward and wing.flow[0] != wing.rewrite.after[0]):
            source = wing.rewrite.after[0]
        destination = wing.rewrite.after[1]
        quote = _restore_quote(quote, quoted, back.before)
    body = IcmpMessage(message[0], message[1], int.from_bytes(message[4:8], "big"), quote).build()
    original = Ipv4Packet.parse(head[:2] + len(head + body).to_bytes(2, "big") + head[4:] + body)
    return Ipv4Packet(
        source,
        destination,
        PROTOCOL_ICMP,
        body,
        original.ttl,
        original.tos,
        original.identification,
        df=original.df,
        options=original.options,
    ).build()


def _key_of_reply(quoted: Ipv4Packet) -> bytes | None:
    payload = quoted.payload
    if quoted.fragment_offset or len(payload) < 8:
        return None
    if quoted.protocol in {TCP, UDP}:
        ports = (int.from_bytes(payload[2:4], "big"), int.from_bytes(payload[:2], "big"))
        return session_key((quoted.destination, quoted.source, *ports))
    if quoted.protocol == ICMP and payload[0] in _ECHO_OPPOSITE:
        identifier, sequence = int.from_bytes(payload[4:6], "big"), int.from_bytes(payload[6:8], "big")
        ports = (identifier, sequence) if payload[0] == icmp.ECHO_REQUEST else (sequence, identifier)
        return session_key((quoted.destination, quoted.source, *ports), _ECHO_OPPOSITE[payload[0]])
    return session_key((quoted.destination, quoted.source, 0, 0))


def _restore_quote(quote: bytes, quoted: Ipv4Packet, before: tuple[int, int, int, int]) -> bytes:
    source, destination, source_port, destination_port = before
    payload = quoted.payload
    if quoted.protocol in {TCP, UDP}:
        payload = source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big") + payload[4:]
    elif quoted.protocol == ICMP and len(payload) >= 8:
        payload = payload[:4] + destination_port.to_bytes(2, "big") + payload[6:]
    length = quoted.header_length
    restored = bytearray(quote[:length] + payload)
    restored[12:20] = source.to_bytes(4, "big") + destination.to_bytes(4, "big")
    restored[10:12] = b"\0\0"
    restored[10:12] = checksum(bytes(restored[:length])).to_bytes(2, "big")
    return bytes(restored)
