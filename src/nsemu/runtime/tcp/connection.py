"""One TCP connection: the state machine of RFC 9293 §3.10, with the RST and SYN rules of RFC 5961.

Segments, calls of the user and instants go in; segments and events come out. Holds no clock, no timer and no network;
its initial sequence number is handed in. LISTEN and closed ports are the business of `table`.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from nsemu.runtime.tcp.receiver import SEQUENCE_MASK, Receiver, unwrap
from nsemu.runtime.tcp.sender import Chunk, Sender
from nsemu.runtime.tcp.states import (
    ABORT_SENDS_RESET,
    ACCEPTS_SEND,
    AFTER_FIN_ACKNOWLEDGED,
    AFTER_OUR_FIN,
    AFTER_PEER_FIN,
    OPENING,
    RECEIVES_TEXT,
    RESET_IS_NO_FAILURE,
    SENDS_TEXT,
    Endpoint,
    TcpEvent,
    TcpFailure,
    TcpSettings,
    TcpState,
)
from nsemu.runtime.tcp.timestamps import OPTION_SIZE, Timestamps
from nsemu.sim.scheduler import SECOND, Instant
from nsemu.wire.tcp import ACK, FIN, NO_OPTIONS, PSH, RST, SYN, TcpOptions, TcpSegment

DEFAULT_MSS: Final = 536
"""RFC 9293 §3.7.1: what a peer takes that sent no MSS option."""

_MINIMUM_MSS: Final = 48
_CHALLENGES_PER_SECOND: Final = 10


class TcpError(ValueError):
    """The user asked for what the connection's state does not allow."""


class TcpConnection:
    """A transmission control block. Call `open` or `accept` once, then feed it."""

    __slots__ = (
        "_ack_due",
        "_active",
        "_challenges",
        "_challenges_since",
        "_events",
        "_out",
        "_receiver",
        "_sender",
        "_settings",
        "_time_wait_ends",
        "_timestamps",
        "failure",
        "local",
        "remote",
        "soft_error",
        "state",
    )

    def __init__(self, local: Endpoint, remote: Endpoint, isn: int, settings: TcpSettings) -> None:
        self.local = local
        self.remote = remote
        self.state = TcpState.CLOSED
        self.failure: TcpFailure | None = None
        self.soft_error: TcpFailure | None = None
        self._settings = settings
        self._sender = Sender(isn, settings)
        self._receiver = Receiver(settings.window, settings.mss)
        self._timestamps = Timestamps(settings.timestamps)
        self._active = False
        self._ack_due = False
        self._out: deque[TcpSegment] = deque()
        self._events: deque[TcpEvent] = deque()
        self._time_wait_ends: Instant | None = None
        self._challenges = 0
        self._challenges_since: Instant = 0

    # What the user asks (RFC 9293 §3.10.1 to §3.10.5)

    def open(self, now: Instant) -> None:
        """Active open: send a SYN."""
        self._active = True
        self.state = TcpState.SYN_SENT
        self._emit(now)

    def accept(self, segment: TcpSegment, now: Instant) -> None:
        """Passive open: `segment` is the SYN that came to the listener; text on it is left to be sent again."""
        self._take_syn(segment)
        self.state = TcpState.SYN_RECEIVED
        self._emit(now)

    def send(self, data: bytes, now: Instant) -> None:
        """Queue data. Raises TcpError after `close` and in a state that cannot send."""
        if self.state not in ACCEPTS_SEND or self._sender.closing:
            raise TcpError(f"cannot send in state {self.state.value}")
        self._sender.queue(data)
        self._emit(now)

    def read(self, limit: int | None = None) -> bytes:
        """Take what has arrived in order; tells the peer when that opens the window."""
        data = self._receiver.read(limit)
        if self.state in RECEIVES_TEXT and self._receiver.opens_window:
            self._ack_due = True
        return data

    def close(self, now: Instant) -> None:
        """No more data from us: FIN after what is queued. What the peer sends is still received."""
        if self.state is TcpState.SYN_SENT:
            self._end(None)
        elif self.state in ACCEPTS_SEND:
            self._sender.closing = True
            self._emit(now)

    def abort(self, now: Instant) -> None:
        """Give the connection up, with a RST where the peer knows of it."""
        if self.state in ABORT_SENDS_RESET:
            self._segment(RST | ACK, self._sender.sequence_to_show, now)
        if self.state is not TcpState.CLOSED:
            self._end(TcpFailure.ABORTED)

    @property
    def readable(self) -> int:
        """Octets that `read` would give."""
        return len(self._receiver.ready)

    @property
    def unsent(self) -> bool:
        """Whether something of ours, FIN included, is not yet acknowledged."""
        sender = self._sender
        return sender.in_flight or sender.nxt < sender.data_end + sender.closing

    @property
    def acknowledged(self) -> int:
        """SND.UNA, unwrapped: it only grows."""
        return self._sender.una

    @property
    def next_numbers(self) -> tuple[int, int]:
        """The sequence numbers that both ends will use next: ours, and the peer's."""
        return self._sender.top & SEQUENCE_MASK, self._receiver.nxt & SEQUENCE_MASK

    @property
    def mss(self) -> int:
        """Octets of text in our largest segment."""
        return self._sender.mss

    @property
    def _options_size(self) -> int:
        return OPTION_SIZE if self._timestamps.on else 0

    # What goes out

    def segments_to_send(self, now: Instant) -> list[TcpSegment]:
        """Take the segments produced since the last call, in order."""
        if self._ack_due:
            self._segment(ACK, self._sender.sequence_to_show, now)
        segments = list(self._out)
        self._out.clear()
        return segments

    def next_event(self) -> TcpEvent | None:
        """Take the next event."""
        return self._events.popleft() if self._events else None

    def next_deadline(self) -> Instant | None:
        """When `handle_timer` is to be called."""
        return self._sender.deadline if self._time_wait_ends is None else self._time_wait_ends

    # What comes in

    def handle_timer(self, now: Instant) -> None:
        """Time has come to `now`; does nothing before `next_deadline`."""
        deadline = self.next_deadline()
        if deadline is None or now < deadline:
            return
        if self._time_wait_ends is not None:
            self._end(None)
            return
        limit = self._settings.syn_attempts if self.state in OPENING else self._settings.attempts
        if self._sender.attempts + 1 >= limit:
            self._end(self.soft_error or TcpFailure.TIMED_OUT)
        elif self.state in OPENING:
            self._sender.syn_timed_out()
        else:
            probe = self._sender.timed_out(now)
            if probe is not None:
                self._text(probe, now)
        self._emit(now)

    def icmp_error(self, failure: TcpFailure, sequence: int) -> None:
        """An ICMP error quotes a segment of ours with this sequence number.

        It ends an opening; later it is only remembered as the reason of a time-out (RFC 5927 §5.2, RFC 9293 §3.9.2.2).
        """
        if not self._in_flight(sequence):
            return
        if self.state is TcpState.SYN_SENT:
            self._end(failure)
        else:
            self.soft_error = failure

    def path_mtu(self, mss: int, sequence: int, now: Instant) -> None:
        """ICMP "fragmentation needed" for a segment of ours: send again in segments of `mss` (RFC 1191)."""
        if not self._in_flight(sequence) or mss - self._options_size >= self._sender.mss:
            return
        self._sender.use_mss(max(mss - self._options_size, _MINIMUM_MSS))
        if self.state in SENDS_TEXT:
            self._sender.go_back()
            self._emit(now)

    def receive(self, segment: TcpSegment, now: Instant) -> None:
        """A segment of this connection has arrived (RFC 9293 §3.10.7.3, §3.10.7.4)."""
        if self.state is TcpState.CLOSED:
            return
        if self.state is TcpState.SYN_SENT:
            self._receive_in_syn_sent(segment, now)
        else:
            self._receive_in_order_of_checks(segment, now)
        self._emit(now)

    # SYN-SENT

    def _receive_in_syn_sent(self, segment: TcpSegment, now: Instant) -> None:
        ack = self._sender.unwrap(segment.acknowledgment)
        acknowledges = bool(segment.flags & ACK)
        if acknowledges and not self._sender.iss < ack <= self._sender.top:
            if not segment.flags & RST:
                self._out.append(reset_for(segment))
            return
        if segment.flags & RST:
            if acknowledges:
                self._end(TcpFailure.REFUSED)
            return
        if not segment.flags & SYN:
            return
        self._take_syn(segment)
        if not acknowledges:
            self.state = TcpState.SYN_RECEIVED
            self._sender.repeat_syn()
            return
        self._sender.acknowledge(ack, now, self._timestamps.round_trip(segment, now))
        self._establish()
        self._ack_due = True
        if segment.payload or segment.flags & FIN:
            self._take_text(self._receiver.nxt, segment.payload, bool(segment.flags & FIN), now)

    def _take_syn(self, segment: TcpSegment) -> None:
        self._receiver.start(segment.sequence)
        self._timestamps.take_syn(segment)
        # RFC 6691: the MSS option counts no options, the text of a segment must leave room for them.
        offered = min(self._settings.mss, max(segment.options.mss or DEFAULT_MSS, _MINIMUM_MSS))
        self._sender.use_mss(offered - self._options_size)
        # RFC 9293 §3.8.6: the window of a SYN is never scaled, and we do not scale at all.
        self._sender.take_window(segment.sequence, segment.acknowledgment, segment.window, first=True)

    def _establish(self) -> None:
        self.state = TcpState.ESTABLISHED
        self.soft_error = None
        self._events.append(TcpEvent.CONNECTED)

    # The other states, in the order of checks of RFC 9293 §3.10.7.4

    def _receive_in_order_of_checks(self, segment: TcpSegment, now: Instant) -> None:
        sequence = unwrap(segment.sequence, self._receiver.nxt)
        payload, fin, syn = segment.payload, bool(segment.flags & FIN), bool(segment.flags & SYN)
        if self.state is TcpState.SYN_RECEIVED and syn and sequence == self._receiver.nxt - 1:
            if not segment.flags & ACK:
                self._sender.repeat_syn()
                return
            # The other half of a simultaneous open.
            self._ack_due, syn, sequence = True, False, sequence + 1
        if self._timestamps.is_old(segment) and not segment.flags & RST:
            self._answer_unacceptable(segment, now)
            return
        if self._receiver.nxt - self._settings.window <= sequence <= self._receiver.nxt:
            # Of a repeated segment too: else the answer to it would tell a round trip since the first copy.
            self._timestamps.note(segment)
        if not self._receiver.acceptable(sequence, len(payload) + fin + syn):
            if segment.flags & RST:
                return
            if self._receiver.window or sequence != self._receiver.nxt:
                self._answer_unacceptable(segment, now)
                return
            # The window is closed: the text is refused, what is acknowledged counts.
            self._ack_due, payload, fin = True, b"", False
        if segment.flags & RST:
            self._take_reset(sequence, now)
        elif syn:
            self._challenge(now)  # RFC 5961 §4
        elif segment.flags & ACK and self._take_acknowledgment(segment, sequence, now):
            self._take_text(sequence, payload, fin, now)

    def _answer_unacceptable(self, segment: TcpSegment, now: Instant) -> None:
        if self.state is TcpState.TIME_WAIT and segment.flags & FIN:
            self._time_wait_ends = now + self._settings.time_wait
        if segment.length:
            self._ack_due = True
        else:
            self._challenge(now)

    def _take_reset(self, sequence: int, now: Instant) -> None:
        if sequence != self._receiver.nxt:
            self._challenge(now)  # RFC 5961 §3
        elif self.state is TcpState.SYN_RECEIVED:
            self._end(TcpFailure.REFUSED)
        elif self.state in RESET_IS_NO_FAILURE:
            self._end(None)
        else:
            self._end(TcpFailure.RESET)

    def _take_acknowledgment(self, segment: TcpSegment, sequence: int, now: Instant) -> bool:
        """The fifth check; False when the segment is to be dropped."""
        sender = self._sender
        ack = sender.unwrap(segment.acknowledgment)
        if self.state is TcpState.SYN_RECEIVED:
            if not sender.una < ack <= sender.top:
                self._out.append(reset_for(segment))
                return False
            sender.take_window(sequence, ack, segment.window, first=True)
            self._establish()
        elif ack > sender.top or ack < sender.una - self._settings.window:
            self._challenge(now)  # RFC 5961 §5
            return False
        if ack > sender.una:
            sender.acknowledge(ack, now, self._timestamps.round_trip(segment, now))
            self.soft_error = None
        changed = ack >= sender.una and sender.take_window(sequence, ack, segment.window)
        repeated = ack == sender.una and sender.in_flight and not segment.length
        if repeated and not changed and sender.window:
            sender.duplicate()
        if sender.fin_acknowledged and self.state in AFTER_FIN_ACKNOWLEDGED:
            self._move(AFTER_FIN_ACKNOWLEDGED[self.state], now)
        return self.state is not TcpState.CLOSED

    def _take_text(self, sequence: int, payload: bytes, fin: bool, now: Instant) -> None:
        """The seventh and eighth checks."""
        if not payload and not fin:
            return
        self._ack_due = True
        if self.state not in RECEIVES_TEXT:
            return
        before = self.readable
        self._receiver.accept(sequence, payload, fin)
        if self.readable > before:
            self._events.append(TcpEvent.READABLE)
        if self._receiver.take_fin():
            self._events.append(TcpEvent.PEER_CLOSED)
            self._move(AFTER_PEER_FIN[self.state], now)

    # Common endings of all paths

    def _move(self, state: TcpState, now: Instant) -> None:
        if state is TcpState.CLOSED:
            self._end(None)
            return
        self.state = state
        if state is TcpState.TIME_WAIT:
            self._sender.stop()
            self._time_wait_ends = now + self._settings.time_wait
            self._events.append(TcpEvent.CLOSED)  # all is said; only the quiet time remains

    def _end(self, failure: TcpFailure | None) -> None:
        if self._time_wait_ends is None:
            self.failure = failure
            self._events.append(TcpEvent.CLOSED)
        self.state = TcpState.CLOSED
        self._time_wait_ends = None
        self._ack_due = False
        self._sender.stop()

    def _challenge(self, now: Instant) -> None:
        """Answer with an ACK, but not without end: two confused peers would do so forever (RFC 5961 §7)."""
        if now - self._challenges_since >= SECOND:
            self._challenges_since, self._challenges = now, 0
        if self._challenges < _CHALLENGES_PER_SECOND:
            self._challenges += 1
            self._ack_due = True

    def _in_flight(self, sequence: int) -> bool:
        return self._sender.una <= self._sender.unwrap(sequence) < self._sender.top

    def _emit(self, now: Instant) -> None:
        """Produce the SYN or the text that may be sent; a bare ACK waits for `segments_to_send`."""
        sender = self._sender
        if self.state in OPENING:
            if sender.nxt == sender.iss:
                flags = SYN if self.state is TcpState.SYN_SENT else SYN | ACK
                self._segment(flags, sender.iss, now)
                sender.syn_sent(now)
        elif self.state in SENDS_TEXT:
            while (chunk := sender.next_chunk(now)) is not None:
                self._text(chunk, now)
            if sender.fin_sent and self.state in AFTER_OUR_FIN:
                self.state = AFTER_OUR_FIN[self.state]

    def _text(self, chunk: Chunk, now: Instant) -> None:
        flags = ACK | (FIN if chunk.fin else 0) | (PSH if chunk.last and chunk.payload else 0)
        self._segment(flags, chunk.sequence, now, chunk.payload)

    def _segment(self, flags: int, sequence: int, now: Instant, payload: bytes = b"") -> None:
        self._ack_due = self._ack_due and not flags & ACK
        self._out.append(
            TcpSegment(
                source_port=self.local.port,
                destination_port=self.remote.port,
                sequence=sequence & SEQUENCE_MASK,
                acknowledgment=self._receiver.nxt & SEQUENCE_MASK if flags & ACK else 0,
                flags=flags,
                window=self._receiver.advertise(),
                options=self._options(flags, now),
                payload=payload,
            )
        )

    def _options(self, flags: int, now: Instant) -> TcpOptions:
        if flags & SYN:
            stamps = self._timestamps.for_syn(now, answer=bool(flags & ACK))
            return TcpOptions(mss=self._settings.mss, timestamps=stamps)
        stamps = self._timestamps.for_segment(now)
        return NO_OPTIONS if stamps is None else TcpOptions(timestamps=stamps)


def reset_for(segment: TcpSegment) -> TcpSegment:
    """The RST that answers a segment that belongs to nothing; not for a RST (RFC 9293 §3.10.7.1)."""
    if segment.flags & ACK:
        return TcpSegment(segment.destination_port, segment.source_port, segment.acknowledgment, 0, RST, 0)
    ack = (segment.sequence + segment.length) & SEQUENCE_MASK
    return TcpSegment(segment.destination_port, segment.source_port, 0, ack, RST | ACK, 0)
