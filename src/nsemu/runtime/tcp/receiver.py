"""The receiving half of a TCP connection: window, order, reassembly (RFC 9293 §3.4, §3.8.6).

Sequence numbers are unwrapped on entry (plain integers that only grow) and masked by whoever sends them, so nothing
inside compares modulo 2**32.
"""

from __future__ import annotations

from bisect import insort
from typing import Final

_MODULUS: Final = 1 << 32
SEQUENCE_MASK: Final = _MODULUS - 1


def unwrap(value: int, reference: int) -> int:
    """The integer nearest to `reference` that equals the 32-bit `value` modulo 2**32."""
    distance = (value - reference) & SEQUENCE_MASK
    return reference + (distance - _MODULUS if distance >= _MODULUS >> 1 else distance)


class Receiver:
    """RCV.NXT, RCV.WND, the octets ready for the user and those that came too early."""

    __slots__ = ("_capacity", "_early", "_edge", "_fin_at", "_mss", "nxt", "ready")

    def __init__(self, capacity: int, mss: int) -> None:
        self._capacity = capacity
        self._mss = mss
        self._edge = capacity
        self._early: list[tuple[int, bytes]] = []
        self._fin_at: int | None = None
        self.nxt = 0
        self.ready = bytearray()

    def start(self, initial_sequence: int) -> None:
        """The peer's SYN came with this sequence number."""
        self.nxt = initial_sequence + 1
        self._edge = self.nxt + self._capacity

    @property
    def window(self) -> int:
        """RCV.WND as last advertised: octets from `nxt` to the right edge."""
        return self._edge - self.nxt

    def advertise(self) -> int:
        """The window to send now. The right edge never moves back and opens in large steps (§3.8.6.2.2)."""
        wanted = self.nxt + self._capacity - len(self.ready)
        if wanted - self._edge >= min(self._mss, self._capacity // 2):
            self._edge = wanted
        return self.window

    def acceptable(self, sequence: int, length: int) -> bool:
        """The four cases of RFC 9293 §3.4 (table 6)."""
        if self.window == 0:
            return length == 0 and sequence == self.nxt
        last = sequence + max(length, 1) - 1
        return self.nxt <= sequence < self._edge or self.nxt <= last < self._edge

    def accept(self, sequence: int, payload: bytes, fin: bool) -> bool:
        """Take an acceptable segment's text; tell whether it was the next in order.

        Octets before `nxt` and beyond the window are cut off; a FIN beyond the window is as if not sent.
        """
        if sequence + len(payload) > self._edge:
            payload = payload[: max(0, self._edge - sequence)]
            fin = False
        if sequence < self.nxt:
            payload = payload[self.nxt - sequence :]
            sequence = self.nxt
        if fin:
            self._fin_at = sequence + len(payload)
        if sequence > self.nxt:
            self._keep_early(sequence, payload)
            return False
        self._append(payload)
        while self._early and self._early[0][0] <= self.nxt:
            start, early = self._early.pop(0)
            self._append(early[self.nxt - start :])
        return True

    def take_fin(self) -> bool:
        """Whether all before the peer's FIN has come; counts the FIN the first time."""
        if self._fin_at != self.nxt:
            return False
        self.nxt += 1
        self._edge = max(self._edge, self.nxt)
        self._fin_at = None
        self._early.clear()
        return True

    def read(self, limit: int | None = None) -> bytes:
        """Take up to `limit` octets (None: all) that are in order."""
        data = bytes(self.ready[:limit])
        del self.ready[: len(data)]
        return data

    @property
    def opens_window(self) -> bool:
        """Whether the user has read enough that the peer should hear of it."""
        grown = self.nxt + self._capacity - len(self.ready) - self._edge
        return grown >= self._capacity // 2 or (self.window < self._mss and grown >= min(self._mss, self._capacity))

    def _keep_early(self, sequence: int, payload: bytes) -> None:
        # Overlapping copies may add up to more than the window; twice the window is enough for any honest peer.
        held = sum(len(early) for _, early in self._early)
        if payload and held + len(payload) <= 2 * self._capacity and (sequence, payload) not in self._early:
            insort(self._early, (sequence, payload))

    def _append(self, payload: bytes) -> None:
        self.ready += payload
        self.nxt += len(payload)
