"""The path MTUs a node has learnt (RFC 1191). Ageing is lazy, on look-up."""

from __future__ import annotations

from typing import Final

from nsemu.sim.scheduler import SECOND, Duration, Instant
from nsemu.wire.ipv4 import MINIMUM_MTU

LIFETIME: Final[Duration] = 600 * SECOND
"""RFC 1191 §6.3: ten minutes."""

UNKNOWN: Final = 65535

# RFC 1191 §7.1: what to assume when a router tells no next-hop MTU.
PLATEAUS: Final = (32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68)


class PathMtu:
    """Destination → MTU."""

    __slots__ = ("_learnt",)

    def __init__(self) -> None:
        self._learnt: dict[int, tuple[int, Instant]] = {}

    def lookup(self, destination: int, now: Instant) -> int:
        """The MTU towards a destination; 65535 when nothing is known."""
        entry = self._learnt.get(destination)
        if entry is None:
            return UNKNOWN
        if now >= entry[1]:
            del self._learnt[destination]
            return UNKNOWN
        return entry[0]

    def learn(self, destination: int, next_hop_mtu: int, length: int, now: Instant) -> None:
        """A packet of `length` octets was too large for a link of `next_hop_mtu` (0: the router does not tell)."""
        if next_hop_mtu == 0:
            next_hop_mtu = next(size for size in (*PLATEAUS, 0) if size < length or size <= MINIMUM_MTU)
        mtu = max(next_hop_mtu, MINIMUM_MTU)
        # RFC 1191 §3: a report never raises the estimate.
        if mtu < min(length, self.lookup(destination, now)):
            self._learnt[destination] = (mtu, now + LIFETIME)
