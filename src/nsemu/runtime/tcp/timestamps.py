"""TCP timestamps: a round trip from every acknowledgment, and protection against old segments (RFC 7323 §3 to §5)."""

from __future__ import annotations

from typing import Final

from nsemu.runtime.tcp.receiver import SEQUENCE_MASK, unwrap
from nsemu.sim.scheduler import MILLISECOND, Duration, Instant
from nsemu.wire.tcp import TcpSegment

OPTION_SIZE: Final = 12
"""What the option takes of each segment, padding included."""


class Timestamps:
    """`on` once both sides have offered the option in their SYNs. The clock ticks in milliseconds."""

    __slots__ = ("_offered", "_recent", "on")

    def __init__(self, offered: bool) -> None:
        self._offered = offered
        self._recent = 0
        self.on = False

    def take_syn(self, segment: TcpSegment) -> None:
        """The peer's SYN."""
        stamps = segment.options.timestamps
        self.on = self._offered and stamps is not None
        if stamps is not None:
            self._recent = stamps[0]

    def for_syn(self, now: Instant, *, answer: bool) -> tuple[int, int] | None:
        """For a SYN of ours; one that answers the peer's has the option only if that had it."""
        wanted = self.on if answer else self._offered
        return (_clock(now), self._recent if answer else 0) if wanted else None

    def for_segment(self, now: Instant) -> tuple[int, int] | None:
        """For any other segment of ours."""
        return (_clock(now), self._recent) if self.on else None

    def is_old(self, segment: TcpSegment) -> bool:
        """PAWS: whether the segment was sent before one that was accepted (RFC 7323 §5.3)."""
        stamps = segment.options.timestamps
        return self.on and stamps is not None and unwrap(stamps[0], self._recent) < self._recent

    def note(self, segment: TcpSegment) -> None:
        """The stamp of a segment that begins at or before what was acknowledged last is echoed (§4.3)."""
        stamps = segment.options.timestamps
        if stamps is not None:
            self._recent = stamps[0]

    def round_trip(self, segment: TcpSegment, now: Instant) -> Duration | None:
        """The time since the segment that this one acknowledges was sent; None without the option."""
        stamps = segment.options.timestamps
        if not self.on or stamps is None:
            return None
        return ((_clock(now) - stamps[1]) & SEQUENCE_MASK) * MILLISECOND


def _clock(now: Instant) -> int:
    return now // MILLISECOND & SEQUENCE_MASK
