"""The retransmission time-out (RFC 6298) and the congestion window (RFC 5681, RFC 6582 NewReno).

Plain arithmetic over what the sender reports; no segments, no clock.
"""

from __future__ import annotations

from typing import Final

from nsemu.runtime.tcp.states import TcpSettings
from nsemu.sim.scheduler import MILLISECOND, SECOND, Duration

_GRANULARITY: Final = MILLISECOND
_SYN_LOST_RTO: Final = 3 * SECOND
_DUPLICATES_FOR_RETRANSMIT: Final = 3
_MAXIMUM_SHIFT: Final = 16


class RetransmissionTimeout:
    """RTO from round-trip samples; doubles with each time-out until a sample proves the path (Karn)."""

    __slots__ = ("_backoff", "_maximum", "_minimum", "_rto", "_variation", "smoothed")

    def __init__(self, settings: TcpSettings) -> None:
        self._minimum = settings.minimum_rto
        self._maximum = settings.maximum_rto
        self._rto = settings.initial_rto
        self._backoff = 0
        self._variation: Duration = 0
        self.smoothed: Duration | None = None

    @property
    def value(self) -> Duration:
        """How long to wait for an acknowledgment now."""
        return min(self._rto << min(self._backoff, _MAXIMUM_SHIFT), self._maximum)

    def sample(self, round_trip: Duration) -> None:
        """A segment that was sent once was acknowledged after `round_trip` (RFC 6298 §2.2, §2.3)."""
        if self.smoothed is None:
            self.smoothed = round_trip
            self._variation = round_trip // 2
        else:
            self._variation = (3 * self._variation + abs(self.smoothed - round_trip)) // 4
            self.smoothed = (7 * self.smoothed + round_trip) // 8
        wanted = self.smoothed + max(_GRANULARITY, 4 * self._variation)
        self._rto = min(max(wanted, self._minimum), self._maximum)
        self._backoff = 0

    def back_off(self) -> None:
        """The time-out expired (RFC 6298 §5.5)."""
        self._backoff += 1

    def forget_backoff(self) -> None:
        """The wait was the peer's closed window, not a loss."""
        self._backoff = 0

    def after_lost_syn(self) -> None:
        """The handshake needed a retransmission (RFC 6298 §5.7)."""
        self._rto = max(self._rto, _SYN_LOST_RTO)
        self._backoff = 0


class CongestionWindow:
    """Slow start, congestion avoidance, fast retransmit and recovery. All values are octets."""

    __slots__ = ("_duplicates", "_mss", "_recover", "size", "threshold")

    def __init__(self, mss: int) -> None:
        self._mss = mss
        # RFC 5681 §3.1, as raised by RFC 3390.
        self.size = min(4 * mss, max(2 * mss, 4380))
        self.threshold = 1 << 30
        self._duplicates = 0
        self._recover: int | None = None

    def change_mss(self, mss: int) -> None:
        """The path takes smaller segments than thought."""
        self._mss = mss
        self.size = max(self.size, mss)

    def acknowledged(self, una: int, count: int) -> bool:
        """`count` octets were acknowledged, up to `una`; tell whether the segment at `una` is known lost."""
        self._duplicates = 0
        if self._recover is not None and una < self._recover:
            # RFC 6582 §3.2 step 3: a partial acknowledgment.
            self.size = max(self.size - count + self._mss, self._mss)
            return True
        if self._recover is not None:
            self._recover = None
            self.size = self.threshold
        elif self.size < self.threshold:
            self.size += min(count, self._mss)
        else:
            self.size += max(1, self._mss * self._mss // self.size)
        return False

    def duplicate(self, una: int, top: int) -> bool:
        """A duplicate acknowledgment came; tell whether the segment at `una` is to be sent again."""
        if self._recover is not None:
            self.size += self._mss
            return False
        self._duplicates += 1
        if self._duplicates != _DUPLICATES_FOR_RETRANSMIT:
            return False
        self._recover = top
        self.threshold = max((top - una) // 2, 2 * self._mss)
        self.size = self.threshold + 3 * self._mss
        return True

    def timed_out(self, flight: int) -> None:
        """The retransmission timer expired with `flight` octets unacknowledged (RFC 5681 §3.1 eq. 4)."""
        self.threshold = max(flight // 2, 2 * self._mss)
        self.size = self._mss
        self._duplicates = 0
        self._recover = None
