"""The path MTUs that a node or a device has learnt (RFC 1191). Ageing is lazy, on look-up."""

from __future__ import annotations

from typing import Final

from nsemu.sim.scheduler import SECOND, Duration, Instant
from nsemu.wire.ipv4 import MINIMUM_MTU

LIFETIME: Final[Duration] = 600 * SECOND
"""RFC 1191 §6.3: ten minutes."""

UNKNOWN: Final = 65535

# RFC 1191 §7.1: what to assume when a router tells no next-hop MTU.
PLATEAUS: Final = (32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68)


def narrower(next_hop_mtu: int, length: int) -> int:
    """The MTU that a router means who could not pass a packet of `length` octets: a plateau when it tells none."""
    return next_hop_mtu or next(size for size in (*PLATEAUS, 0) if size < length or size <= MINIMUM_MTU)


class PathMtu:
    """Path → MTU; a path is a destination, or what its owner has a number for. `known` holds what is learnt."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[int, tuple[int, Instant]] = {}

    def lookup(self, destination: int, now: Instant) -> int:
        """The MTU towards a destination; 65535 when nothing is known."""
        entry = self.known.get(destination)
        if entry is None:
            return UNKNOWN
        if now >= entry[1]:
            del self.known[destination]
            return UNKNOWN
        return entry[0]

    def learn(self, destination: int, next_hop_mtu: int, length: int, now: Instant) -> None:
        """A packet of `length` octets was too large for a link of `next_hop_mtu` (0: the router does not tell)."""
        mtu = max(narrower(next_hop_mtu, length), MINIMUM_MTU)
        # RFC 1191 §3: a report never raises the estimate.
        if mtu < min(length, self.lookup(destination, now)):
            self.known[destination] = (mtu, now + LIFETIME)
