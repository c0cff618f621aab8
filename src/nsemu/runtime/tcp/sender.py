"""The sending half of a TCP connection: what may be sent, what must be sent again (RFC 9293 §3.8).

Owns SND.UNA, SND.NXT, the send window, the octets not yet acknowledged, and the one timer that is either the
retransmission or the zero-window probe timer. Sequence numbers are unwrapped: plain integers that only grow from the
initial sequence number. The SYN takes the first number, the FIN the one after the last octet.
"""

from __future__ import annotations

from typing import NamedTuple

from nsemu.runtime.tcp.receiver import unwrap
from nsemu.runtime.tcp.states import TcpSettings
from nsemu.runtime.tcp.timing import CongestionWindow, RetransmissionTimeout
from nsemu.sim.scheduler import Duration, Instant


class Chunk(NamedTuple):
    """Text for one segment. `last` tells that nothing waits behind it (PSH)."""

    sequence: int
    payload: bytes
    fin: bool
    last: bool


class Sender:
    """SND.* of RFC 9293 §3.3.1, and the retransmission queue."""

    __slots__ = (
        "_buffer",
        "_congestion",
        "_first",
        "_greatest_window",
        "_retransmit",
        "_timed",
        "_timed_at",
        "_window_ack",
        "_window_sequence",
        "attempts",
        "closing",
        "deadline",
        "iss",
        "mss",
        "nxt",
        "rto",
        "top",
        "una",
        "window",
    )

    def __init__(self, iss: int, settings: TcpSettings) -> None:
        self.iss = self.una = self.nxt = self.top = iss
        """`top` is the highest number sent plus one; `nxt` falls back behind it when a time-out says go back."""
        self.window = 0
        self.mss = settings.mss
        self.closing = False
        self.deadline: Instant | None = None
        self.attempts = 0
        self.rto = RetransmissionTimeout(settings)
        self._congestion = CongestionWindow(settings.mss)
        self._buffer = bytearray()
        self._first = iss + 1
        self._greatest_window = 0
        self._window_sequence = self._window_ack = 0
        self._retransmit = False
        self._timed: int | None = None
        self._timed_at: Instant = 0

    @property
    def data_end(self) -> int:
        """The number after the last octet the user gave us: that of the FIN."""
        return self._first + len(self._buffer)

    @property
    def in_flight(self) -> bool:
        """Whether something sent is not acknowledged."""
        return self.top > self.una

    @property
    def fin_sent(self) -> bool:
        """Whether the FIN was sent at least once."""
        return self.closing and self.top > self.data_end

    @property
    def fin_acknowledged(self) -> bool:
        """Whether the peer has our FIN."""
        return self.closing and self.una > self.data_end

    @property
    def sequence_to_show(self) -> int:
        """SND.NXT for a segment without text: never beyond the peer's window, or it would not be acceptable."""
        return min(self.top, max(self.una, self.iss + 1) + self.window)

    def unwrap(self, acknowledgment: int) -> int:
        """A 32-bit acknowledgment number as an integer near SND.UNA."""
        return unwrap(acknowledgment, self.una)

    def queue(self, data: bytes) -> None:
        """Data of the user, to be sent when it may."""
        self._buffer += data

    def use_mss(self, mss: int) -> None:
        """The peer's or the path's largest segment (octets of text)."""
        self.mss = mss
        self._congestion.change_mss(mss)

    def syn_sent(self, now: Instant) -> None:
        """The SYN goes out, for the first time or again."""
        if self.top == self.iss:
            self._timed, self._timed_at = self.iss + 1, now
        self.nxt = self.top = self.iss + 1
        self.deadline = now + self.rto.value

    def next_chunk(self, now: Instant) -> Chunk | None:
        """The next text both windows allow, or None; call until it gives None."""
        if self._retransmit:
            self._retransmit = False
            size = self._chunk_size()
            return self._emit(self.una, size, self.fin_sent and self.una + size == self.data_end, now)
        if self.nxt > self.data_end:
            return None
        room = max(0, self.una + min(self.window, self._congestion.size) - self.nxt)
        available = self.data_end - self.nxt
        size = min(available, self.mss, room)
        fin = self.closing and size == available and room > size
        if fin or (size and self._worth_sending(size, available)):
            return self._emit(self.nxt, size, fin, now)
        if not self.in_flight and self.deadline is None and (available or self.closing):
            self.deadline = now + self.rto.value
        return None

    def _worth_sending(self, size: int, available: int) -> bool:
        """The sender's side of the silly window, with Nagle (RFC 9293 §3.7.4, §3.8.6.2.1)."""
        if size == self.mss or 2 * size >= self._greatest_window:
            return True
        return size == available and (self.closing or self.nxt == self.una)

    def _chunk_size(self) -> int:
        return max(0, min(self.data_end - self.una, self.mss))

    def _emit(self, sequence: int, size: int, fin: bool, now: Instant) -> Chunk:
        offset = sequence - self._first
        last = sequence + size == self.data_end
        end = sequence + size + fin
        if sequence >= self.top and self._timed is None:
            self._timed, self._timed_at = end, now
        elif self._timed is not None and sequence < self._timed:
            self._timed = None  # Karn: an answer to either copy proves nothing.
        if self.deadline is None or not self.in_flight:
            self.deadline = now + self.rto.value
        self.nxt = max(self.nxt, end)
        self.top = max(self.top, end)
        return Chunk(sequence, bytes(self._buffer[offset : offset + size]), fin, last)

    def acknowledge(self, ack: int, now: Instant, round_trip: Duration | None = None) -> None:
        """SND.UNA < `ack` <= `top`: octets (or SYN, FIN) have arrived (RFC 9293 §3.10.7.4, fifth).

        `round_trip` is what the timestamps tell; without them one segment at a time is measured.
        """
        syn = self.una == self.iss
        count = ack - self.una
        self.una = ack
        self.nxt = max(self.nxt, ack)
        delivered = min(ack, self.data_end) - self._first
        if delivered > 0:
            del self._buffer[:delivered]
            self._first += delivered
        if self._timed is not None and ack >= self._timed:
            round_trip = now - self._timed_at if round_trip is None else round_trip
            self._timed = None
        if round_trip is not None:
            self.rto.sample(round_trip)
        elif syn and self.attempts:
            self.rto.after_lost_syn()
        self.attempts = 0
        self.deadline = now + self.rto.value if self.in_flight else None
        if not syn and self._congestion.acknowledged(ack, count):
            self._retransmit = self.in_flight

    def duplicate(self) -> None:
        """An acknowledgment repeated SND.UNA while something is in flight (RFC 5681 §2)."""
        self._retransmit = self._congestion.duplicate(self.una, self.top) or self._retransmit

    def take_window(self, sequence: int, ack: int, window: int, *, first: bool = False) -> bool:
        """SND.WND from a segment unless it is older than the last one used; tell whether it changed."""
        if not first and (sequence, ack) < (self._window_sequence, self._window_ack):
            return False
        changed = window != self.window
        if self.window == 0 and window and not first:
            self.rto.forget_backoff()
            if not self.in_flight:
                self.deadline = None
        self.window = window
        self._window_sequence, self._window_ack = sequence, ack
        self._greatest_window = max(self._greatest_window, window)
        if window == 0:
            self.attempts = 0  # The peer lives and merely takes nothing now (RFC 9293 §3.8.6.1).
        return changed

    def timed_out(self, now: Instant) -> Chunk | None:
        """The timer expired in a synchronized state: a probe to send now, or None to go on with `next_chunk`."""
        self.attempts += 1
        self.rto.back_off()
        self._timed = None
        if self.window == 0 or not self.in_flight:
            self.nxt = self.una
            self.deadline = now + self.rto.value
            size = min(max(1, self.window), self._chunk_size())
            fin = self.closing and self.una + size == self.data_end and (size == 0 or self.window > size)
            return self._emit(self.una, size, fin, now)
        self._congestion.timed_out(self.top - self.una)
        self.go_back()
        self.deadline = None
        return None

    def go_back(self) -> None:
        """Everything not acknowledged is to be sent again."""
        self._timed = None
        self.nxt = self.una

    def syn_timed_out(self) -> None:
        """The timer expired before the handshake ended: the SYN is to be sent again."""
        self.attempts += 1
        self.rto.back_off()
        self.repeat_syn()

    def repeat_syn(self) -> None:
        """The SYN is to be sent again, for the peer asked or our SYN becomes a SYN with ACK."""
        self._timed = None
        self.nxt = self.iss

    def stop(self) -> None:
        """No more is sent: the connection ended."""
        self._buffer.clear()
        self.deadline = None
