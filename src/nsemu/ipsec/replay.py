"""The anti-replay window of an inbound SA: 64 packets (RFC 2401 Appendix C, RFC 4303 §3.4.3).

Two steps, because the sequence number cannot be trusted before the packet is authenticated: `allows` before
(B160), `accept` after (B162).
"""

from __future__ import annotations

from typing import Final

WINDOW_SIZE: Final = 64
_MASK: Final = (1 << WINDOW_SIZE) - 1


class ReplayWindow:
    """Which of the last 64 sequence numbers have been received.

    `next` is one more than the highest number received. A packet that carries exactly `next`, which nearly all do, is
    accepted by adding one to it: the bitmap stands as it was at `_base`, and everything from there up to `next` has
    been received without a gap, until a packet out of order has the bitmap brought up to date.
    """

    __slots__ = ("_base", "_bitmap", "next")

    def __init__(self) -> None:
        self.next = 1
        self._base = 0
        self._bitmap = 0

    @property
    def highest(self) -> int:
        """The highest sequence number received; 0 before the first packet."""
        return self.next - 1

    @property
    def bitmap(self) -> int:
        """The window as RFC 2401 draws it: bit n is set if `highest` - n has been received."""
        run = self.next - 1 - self._base
        if run:
            ones = (1 << min(run, WINDOW_SIZE)) - 1
            self._bitmap = (self._bitmap << min(run, WINDOW_SIZE) | ones) & _MASK
            self._base = self.next - 1
        return self._bitmap

    def allows(self, sequence: int) -> bool:
        """Whether `sequence` is new and not left of the window. Changes nothing."""
        if sequence >= self.next:
            return True
        if sequence == 0:  # never sent (RFC 4303 §3.3.3)
            return False
        age = self.next - 1 - sequence
        return age < WINDOW_SIZE and not self.bitmap >> age & 1

    def accept(self, sequence: int) -> None:
        """Mark `sequence` as received; `allows` has said yes, and the packet is authentic."""
        bitmap = self.bitmap
        ahead = sequence + 1 - self.next
        if ahead > 0:
            self._bitmap = (bitmap << ahead | 1) & _MASK if ahead < WINDOW_SIZE else 1
            self._base = sequence
            self.next = sequence + 1
        else:
            self._bitmap = bitmap | 1 << -ahead
