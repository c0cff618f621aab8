"""Editing the segments of a TCP connection: payload, sequence and acknowledgment numbers, checksums.

What an application layer gateway has to say about the text is in its subclass. Segments that come before their turn
wait. SACK is not offered to the ends, since its numbers would have to be moved as well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from nsemu.flow.alg.stream import Stream
from nsemu.flow.forward import forward
from nsemu.flow.packet import TCP, Packet
from nsemu.flow.session import ACK, FIN, RST, SYN
from nsemu.flow.tcp_splice import put_number
from nsemu.wire.checksum import adjust
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import Ipv4Packet
from nsemu.wire.tcp import TcpOptions, TcpSegment

if TYPE_CHECKING:
    from nsemu.flow.session import Session, Wing
    from nsemu.flow.state import FlowState

_WAITING: Final = 32
_MASK: Final = 0xFFFFFFFF
_SEQUENCE, _ACKNOWLEDGMENT = 4, 8


class SegmentEditor:
    """A connection whose text is read, and changed where need be, in both directions."""

    __slots__ = ("_last", "_waiting", "client", "server", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.client = Stream()
        self.server = Stream()
        self._last: dict[bool, TcpSegment] = {}
        self._waiting: list[tuple[Packet, bool]] = []

    def read(self, state: FlowState, stream: Stream, *, from_client: bool) -> None:
        """Work on what has come in a direction."""
        raise NotImplementedError

    def end(self, state: FlowState) -> None:
        """The session ends."""
        raise NotImplementedError

    def apply(self, state: FlowState, packet: Packet, wing: Wing, out: bytearray) -> bool:
        """Change the segment in `out`, whose addresses are those of `packet`; False when it does not go on now."""
        header = packet.header_length
        mine, theirs = (self.client, self.server) if wing.forward else (self.server, self.client)
        try:
            segment = TcpSegment.parse(out[header:], packet.source, packet.destination)
        except MalformedPacket:
            _move_numbers(mine, theirs, out, header)  # damaged on the way: its receiver will say so
            return True
        if segment.flags & SYN:
            mine.begin((segment.sequence + 1) & _MASK)
        elif mine.next is None:
            mine.begin(segment.sequence)
        self._last[wing.forward] = segment
        at = mine.position(segment.sequence)
        if segment.payload and mine.next is not None and at > mine.next:
            self._wait(packet, wing)
            return False
        self._take(state, mine, at, segment, wing)
        edited = _edited(segment, mine, theirs, at)
        if edited != segment:
            _put(out, header, edited.build(packet.source, packet.destination))
        if segment.payload and not edited.payload:
            self._acknowledge(state, wing)
        self._resume(state, wing)
        return True

    def _take(self, state: FlowState, mine: Stream, at: int, segment: TcpSegment, wing: Wing) -> None:
        new = at + len(segment.payload) - (mine.next or 0)
        if new > 0 and not segment.flags & SYN:
            mine.feed(segment.payload[-new:])
            self.read(state, mine, from_client=wing.forward)
        if segment.flags & (FIN | RST):
            mine.flush()

    def _wait(self, packet: Packet, wing: Wing) -> None:
        """A segment before its turn: an announcement may be in the one that is missing."""
        wing.packets -= 1
        wing.octets -= len(packet.data)
        if len(self._waiting) < _WAITING:
            self._waiting.append((packet, wing.forward))

    def _resume(self, state: FlowState, wing: Wing) -> None:
        stream = self.client if wing.forward else self.server
        for item in self._waiting:
            packet, direction = item
            sequence = int.from_bytes(packet.data[packet.header_length + 4 : packet.header_length + 8], "big")
            if direction == wing.forward and stream.next is not None and stream.position(sequence) <= stream.next:
                self._waiting.remove(item)
                state.scheduler.after(0, self._send, state, *item)
                return

    def _send(self, state: FlowState, packet: Packet, direction: bool) -> None:
        if self.session.id in state.sessions.sessions:
            forward(state, packet, self.session.forward if direction else self.session.reverse)

    def _acknowledge(self, state: FlowState, wing: Wing) -> None:
        """Tell a sender whose octets are kept back that they have come, or it might wait with the rest (RFC 896)."""
        stream, other = (self.client, self.server) if wing.forward else (self.server, self.client)
        last, heard = self._last.get(not wing.forward), self._last[wing.forward]
        if last is None or stream.next is None or other.next is None:
            return
        source, destination, source_port, destination_port = wing.opposite.flow
        stamps = None
        if last.options.timestamps is not None and heard.options.timestamps is not None:
            stamps = (last.options.timestamps[0], heard.options.timestamps[0])
        numbers = (other.next & _MASK, stream.moved(stream.next) & _MASK)
        options = TcpOptions(timestamps=stamps)
        answer = TcpSegment(source_port, destination_port, *numbers, ACK, last.window, options=options)
        data = Ipv4Packet(source, destination, TCP, answer.build(source, destination), ttl=64, df=True).build()
        packet = Packet(data, wing.opposite.ingress, wing.opposite.tunnel_in, None)
        if packet.parse():
            forward(state, packet, wing.opposite)


def _edited(segment: TcpSegment, mine: Stream, theirs: Stream, at: int) -> TcpSegment:
    sequence = mine.moved(at) & _MASK if not segment.flags & SYN else segment.sequence
    acknowledgment = theirs.unmoved(segment.acknowledgment) if segment.flags & ACK else segment.acknowledgment
    options = replace(segment.options, sack_permitted=False) if segment.options.sack_permitted else segment.options
    payload = mine.cut(at, segment.payload) if segment.payload else b""
    return replace(segment, sequence=sequence, acknowledgment=acknowledgment, options=options, payload=payload)


def _move_numbers(mine: Stream, theirs: Stream, out: bytearray, header: int) -> None:
    sequence = int.from_bytes(out[header + 4 : header + 8], "big")
    acknowledgment = int.from_bytes(out[header + 8 : header + 12], "big")
    if mine.edited:
        put_number(out, header, _SEQUENCE, mine.moved(mine.position(sequence)) & _MASK)
    if theirs.edited and out[header + 13] & ACK:
        put_number(out, header, _ACKNOWLEDGMENT, theirs.unmoved(acknowledgment))


def _put(out: bytearray, header: int, segment: bytes) -> None:
    """Replace the TCP part of a packet, and its length and header checksum."""
    old = len(out)
    out[header:] = segment
    out[2:4] = len(out).to_bytes(2, "big")
    out[10:12] = adjust(out[10] << 8 | out[11], len(out) - old).to_bytes(2, "big")
