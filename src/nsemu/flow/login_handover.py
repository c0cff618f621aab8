"""From the login dialogue to the server: the connection that the firewall conducted goes on to whom the client meant.

The client's connection is there; the server gets a SYN whose number stands just before the first octet that is for it.
Both halves are then joined as those of the TCP proxy are (`tcp_splice`). What the client has sent for the server
already is repeated until the server confirms it (`Replay`). After an FTP login the server's greeting becomes the end
of the reply to PASS (`Greeting`; RFC 959 §5.4: 220 where 230 is due).
"""

from __future__ import annotations

from typing import Final

from nsemu.config.authentication import LoginProtocol
from nsemu.flow.forward import forward
from nsemu.flow.packet import Packet
from nsemu.flow.session import ACK, RST, Session, Splice, Wing
from nsemu.flow.state import FlowState
from nsemu.flow.tcp_segment import segment_on
from nsemu.flow.tcp_splice import Handshake
from nsemu.screen.syn_proxy import Accepted
from nsemu.sim.scheduler import SECOND, Timer
from nsemu.wire.checksum import adjust_at

_MASK: Final = 0xFFFFFFFF
_PSH: Final = 8
_FIRST_WAIT: Final = SECOND
_REPEATS: Final = 6
_CHECKSUM: Final = 16


class LoginHandshake(Handshake):
    """Asks the server in the name of a client that has logged in. `unread` is what the client has sent for it."""

    __slots__ = ("_protocol", "_unread")

    def __init__(
        self, state: FlowState, last: Packet, accepted: Accepted, unread: bytes, protocol: LoginProtocol
    ) -> None:
        """`last` is the newest segment of the client."""
        super().__init__(state, last, accepted, None)
        self._unread = unread
        self._protocol = protocol

    def join(self, answer: Packet) -> None:
        """The server answered."""
        super().join(answer)
        session = self._session
        if self._protocol is LoginProtocol.FTP:
            shift = session.reverse.shift
            assert shift is not None  # it was made right now
            session.reverse.shift = Greeting(shift, self._accepted.own_isn + 1)
        if self._unread:
            Replay(self._state, session, self._unread, self._accepted).begin(self._window)


class Replay:
    """Text of the client that the firewall has acknowledged: sent until the server acknowledges it as well."""

    __slots__ = ("_accepted", "_data", "_inner", "_repeats", "_sent", "_session", "_state", "_timer", "_window")

    def __init__(self, state: FlowState, session: Session, data: bytes, accepted: Accepted) -> None:
        self._state = state
        self._session = session
        self._data = data
        self._accepted = accepted
        self._inner: dict[bool, Splice | None] = {True: session.forward.shift, False: session.reverse.shift}
        self._sent = 0
        self._repeats = 0
        self._window = 0
        self._timer: Timer | None = None

    def begin(self, window: int) -> None:
        """Stand between the wings, and send. `window` is that of the client, for the server."""
        self._window = window
        self._session.forward.shift = self._session.reverse.shift = self
        self._send()

    def apply(self, state: FlowState, packet: Packet, wing: Wing, out: bytearray) -> bool:
        """Look at what the server acknowledges; all segments go on."""
        if not wing.forward and out[packet.header_length + 13] & ACK:
            at = packet.header_length + 8
            self._acknowledged(int.from_bytes(out[at : at + 4], "big"))
        inner = self._inner[wing.forward]
        return inner is None or inner.apply(state, packet, wing, out)

    def end(self) -> None:
        """The session ends, or all has arrived."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _acknowledged(self, number: int) -> None:
        arrived = (number - self._accepted.client_isn - 1) & _MASK
        if not self._sent < arrived <= len(self._data):
            return
        self._sent = arrived
        self._repeats = 0
        if arrived == len(self._data):
            self.end()
            self._session.forward.shift, self._session.reverse.shift = self._inner[True], self._inner[False]

    def _send(self) -> None:
        """Send all that is not acknowledged yet."""
        self._timer = None
        session, accepted = self._session, self._accepted
        if self._repeats >= _REPEATS:
            self._give_up()
            return
        self._timer = self._state.scheduler.after(_FIRST_WAIT << self._repeats, self._send)
        self._repeats += 1
        for at in range(self._sent, len(self._data), accepted.mss):
            numbers = (accepted.client_isn + 1 + at, accepted.own_isn + 1)
            piece = self._data[at : at + accepted.mss]
            forward(self._state, segment_on(session.forward, numbers, ACK | _PSH, self._window, piece), session.forward)

    def _give_up(self) -> None:
        """The server takes nothing: both ends are told with a reset."""
        session, accepted = self._session, self._accepted
        client, server = accepted.client_isn + 1 + self._sent, accepted.own_isn + 1
        session.forward.shift, session.reverse.shift = self._inner[True], None
        forward(self._state, segment_on(session.forward, (client, server), RST | ACK, 0), session.forward)
        forward(self._state, segment_on(session.reverse, (server, client), RST | ACK, 0), session.reverse)
        self._state.sessions.remove(session, "Close - OTHER")


class Greeting:
    """The greeting of an FTP server on its way to a client that waits for the end of its 230 reply."""

    __slots__ = ("_changed", "_done", "_inner", "_line", "_seen", "_start")

    def __init__(self, inner: Splice, start: int) -> None:
        """`start` is the client's number of the first octet of the server."""
        self._inner = inner
        self._start = start
        self._changed: list[int] = []
        self._line = bytearray()
        self._seen = 0
        self._done = False

    def apply(self, state: FlowState, packet: Packet, wing: Wing, out: bytearray) -> bool:
        """Change the codes in a segment of the server; one that comes too early is left to be sent again."""
        if not self._inner.apply(state, packet, wing, out):
            return False
        segment = packet.header_length
        text = segment + (out[segment + 12] >> 4) * 4
        offset = (int.from_bytes(out[segment + 4 : segment + 8], "big") - self._start) & _MASK
        size = len(out) - text
        if size <= 0 or offset > _MASK >> 1:
            return True
        if not self._done and offset > self._seen:
            return False
        if not self._done:
            self._read(out[text + self._seen - offset :])
        for place in self._changed:
            at = text + place - offset
            if text <= at < len(out):
                out[at] += 1
                adjust_at(out, segment + _CHECKSUM, 1 if (at - segment) & 1 else 256)
        return True

    def end(self) -> None:
        """The session ends."""
        self._inner.end()

    def _read(self, text: bytearray) -> None:
        """Find the second digit of each 220; the last line of a greeting has a blank behind the code."""
        for octet in text:
            if self._done:
                return
            if len(self._line) < 4:
                self._line.append(octet)
                if self._line == b"22":
                    self._changed.append(self._seen)
            self._done = (self._line[3:] == b" " and octet == 10) or self._seen > 8192
            self._seen += 1
            if octet == 10:
                self._line.clear()
