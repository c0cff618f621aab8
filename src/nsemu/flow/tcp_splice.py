"""Joining the two halves of a proxied TCP connection (`screen syn-flood`).

The client got its SYN-ACK from the device. Its session begins with a `Handshake`, which asks the server in the
client's name and takes the answer; from then on each wing has a `SequenceShift`, because the server's sequence numbers
are not those that the client was told.
"""

from __future__ import annotations

from typing import Final

from nsemu.flow.forward import forward
from nsemu.flow.packet import TCP, BridgedPacket, Packet
from nsemu.flow.session import ACK, RST, SYN, Session, Wing
from nsemu.flow.state import FlowState
from nsemu.flow.steps import TcpProxied
from nsemu.flow.tcp_segment import segment_on
from nsemu.screen.limits import Holdings
from nsemu.screen.syn_proxy import Accepted
from nsemu.sim.scheduler import SECOND, Timer
from nsemu.wire.checksum import adjust_at
from nsemu.wire.ipv4 import Ipv4Packet
from nsemu.wire.tcp import TcpOptions, TcpSegment

_MASK: Final = 0xFFFFFFFF
_FIRST_WAIT: Final = SECOND
_ASKS: Final = 4
_SEQUENCE, _ACKNOWLEDGMENT, _CHECKSUM = 4, 8, 16


def put_number(out: bytearray, segment: int, offset: int, value: int) -> None:
    """Replace one of the 32-bit numbers of the TCP header at `segment`, with its checksum (RFC 1624)."""
    at = segment + offset
    old = int.from_bytes(out[at : at + 4], "big")
    out[at : at + 4] = value.to_bytes(4, "big")
    delta = (value >> 16) + (value & 0xFFFF) - (old >> 16) - (old & 0xFFFF)
    _adjust(out, segment, delta)


def _adjust(out: bytearray, segment: int, delta: int) -> None:
    adjust_at(out, segment + _CHECKSUM, delta)


class SequenceShift:
    """By how much the server's sequence numbers differ from the client's, on one wing.

    Towards the client it is added to sequence numbers, towards the server taken from acknowledgments. The proxy
    announces no SACK, so no option carries such a number.
    """

    __slots__ = ("_delta", "_offset")

    def __init__(self, delta: int, *, to_client: bool) -> None:
        self._delta = delta if to_client else -delta
        self._offset = _SEQUENCE if to_client else _ACKNOWLEDGMENT

    def apply(self, _state: FlowState, packet: Packet, _wing: Wing, out: bytearray) -> bool:
        """Change the segment in `out`; it always goes on."""
        segment = packet.header_length
        if self._offset == _ACKNOWLEDGMENT and not out[segment + 13] & ACK:
            return True
        at = segment + self._offset
        value = int.from_bytes(out[at : at + 4], "big")
        put_number(out, segment, self._offset, (value + self._delta) & _MASK)
        return True

    def end(self) -> None:
        """The session ends: nothing to give back."""


class Handshake:
    """A session whose client is connected and whose server is still being asked."""

    __slots__ = ("_accepted", "_asked", "_holdings", "_request", "_session", "_state", "_timer", "_window")

    def __init__(self, state: FlowState, acknowledgment: Packet, accepted: Accepted, holdings: Holdings | None) -> None:
        self._state = state
        self._accepted = accepted
        at = acknowledgment.header_length + 14
        self._window = int.from_bytes(acknowledgment.data[at : at + 2], "big")
        self._holdings = holdings
        self._asked = 0
        self._timer: Timer | None = None
        self._session: Session
        self._request = _request(acknowledgment, accepted)

    @property
    def request(self) -> Packet:
        """The client's SYN, made again: with no option but the MSS, for the client was offered no other."""
        return self._request

    def begin(self, session: Session) -> None:
        """Take a new session: ask the server, and again until it answers."""
        self._session = session
        session.forward.shift = session.reverse.shift = self
        if self._holdings is not None:
            self._holdings.take(self._request.source)
        self._ask()

    def apply(self, _state: FlowState, packet: Packet, wing: Wing, out: bytearray) -> bool:
        """Decide about a segment that came before both halves are joined; True lets it go on."""
        segment = packet.header_length
        flags = out[segment + 13]
        if wing.forward:
            if flags & RST:
                self.end()
                return True
            return flags & (SYN | ACK) == SYN
        acknowledged = int.from_bytes(out[segment + 8 : segment + 12], "big")
        expected = acknowledged == (self._accepted.client_isn + 1) & _MASK
        if flags & RST and expected:
            # The client expects the number that follows the proxy's own first one.
            self.end()
            put_number(out, segment, _SEQUENCE, (self._accepted.own_isn + 1) & _MASK)
            return True
        if flags & (SYN | ACK) == SYN | ACK and expected:
            self.join(packet)
        return False

    def end(self) -> None:
        """The session ends before the server answered, or both halves are joined."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._holdings is not None:
            self._holdings.give(self._request.source)
            self._holdings = None

    def _ask(self) -> None:
        self._timer = None
        if self._asked >= _ASKS:
            self._give_up()
            return
        wait = _FIRST_WAIT << self._asked
        self._asked += 1
        self._timer = self._state.scheduler.after(wait, self._ask)
        forward(self._state, self._request, self._session.forward)
        self._request.trace = None

    def _give_up(self) -> None:
        """The server does not answer: the client is told so with a reset."""
        session = self._session
        numbers = (self._accepted.own_isn + 1, self._accepted.client_isn + 1)
        reset = segment_on(session.reverse, numbers, RST | ACK, 0)
        session.reverse.shift = None
        forward(self._state, reset, session.reverse)
        self._state.sessions.remove(session, "Close - OTHER")

    def join(self, answer: Packet) -> None:
        """Both halves are there: acknowledge the server's answer, and open the client's window."""
        session, accepted = self._session, self._accepted
        at = answer.header_length
        server_isn = int.from_bytes(answer.data[at + 4 : at + 8], "big")
        window = int.from_bytes(answer.data[at + 14 : at + 16], "big")
        delta = accepted.own_isn - server_isn
        self.end()
        session.forward.shift = SequenceShift(delta, to_client=False)
        session.reverse.shift = SequenceShift(delta, to_client=True)
        if answer.trace is not None:
            answer.trace.add(TcpProxied("the server answered: client and server are joined"))
        client = (accepted.client_isn + 1, accepted.own_isn + 1)
        forward(self._state, segment_on(session.forward, client, ACK, self._window), session.forward)
        server = (server_isn + 1, accepted.client_isn + 1)
        forward(self._state, segment_on(session.reverse, server, ACK, window), session.reverse)


def _request(acknowledgment: Packet, accepted: Accepted) -> Packet:
    ports = (acknowledgment.source_port, acknowledgment.destination_port)
    ends = (acknowledgment.source, acknowledgment.destination)
    window = int.from_bytes(acknowledgment.data[acknowledgment.header_length + 14 :][:2], "big")
    syn = TcpSegment(*ports, accepted.client_isn, 0, SYN, window, options=TcpOptions(mss=accepted.mss))
    data = Ipv4Packet(*ends, TCP, syn.build(*ends), ttl=64, df=True).build()
    source, trace = acknowledgment.link_source, acknowledgment.trace
    request: Packet
    if acknowledgment.link_destination:
        macs = acknowledgment.link_destination + source + acknowledgment.link_tag
        request = BridgedPacket(data, acknowledgment.ingress, macs, trace)
    else:
        request = Packet(data, acknowledgment.ingress, acknowledgment.tunnel, trace)
        request.link_source = source
    request.parse()
    return request
