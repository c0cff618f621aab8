"""The TCP proxy's side towards the client: connection requests that were answered but not yet acknowledged.

Either they wait in a queue of bounded size (`SynQueue`), or nothing is kept and the initial sequence number of the
answer is a cookie that the client's ACK brings back (`SynCookies`, `set flow syn-proxy syn-cookie`). Sans-IO.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from nsemu.sim.scheduler import SECOND, Duration, Instant

_MASK: Final = 0xFFFFFFFF
DEFAULT_MSS: Final = 536
"""What a SYN without the option means (RFC 9293 §3.7.1)."""

Flow = tuple[bytes, int]
"""The octets of addresses and ports of a packet, and the tunnel it came from (0 for clear text)."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A client's connection: both initial sequence numbers, and the MSS the client announced."""

    client_isn: int
    own_isn: int
    mss: int


@dataclass(slots=True)
class _HalfOpen:
    accepted: Accepted
    deadline: Instant


class SynQueue:
    """Half-open connections, oldest first, at most `size` of them for `timeout` each."""

    __slots__ = ("_entries", "size", "timeout")

    def __init__(self, size: int, timeout: Duration) -> None:
        self.size = size
        self.timeout = timeout
        self._entries: dict[Flow, _HalfOpen] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def request(self, flow: Flow, offer: Accepted, now: Instant) -> Accepted | None:
        """A SYN came: what to answer with, `offer` unless it is a repetition; None when the queue is full."""
        known = self._entries.get(flow)
        if known is not None and known.deadline > now and known.accepted.client_isn == offer.client_isn:
            return known.accepted
        self._entries.pop(flow, None)
        self.sweep(now)
        if len(self._entries) >= self.size:
            return None
        self._entries[flow] = _HalfOpen(offer, now + self.timeout)
        return offer

    def acknowledge(self, flow: Flow, sequence: int, acknowledgment: int, now: Instant) -> Accepted | None:
        """An ACK came: the connection that it completes, which leaves the queue."""
        known = self._entries.get(flow)
        if known is None or known.deadline <= now:
            return None
        accepted = known.accepted
        if (accepted.client_isn + 1) & _MASK != sequence or (accepted.own_isn + 1) & _MASK != acknowledgment:
            return None
        del self._entries[flow]
        return accepted

    def reset(self, flow: Flow, sequence: int) -> bool:
        """An RST came: forget the connection if it is one of ours."""
        known = self._entries.get(flow)
        if known is None or (known.accepted.client_isn + 1) & _MASK != sequence:
            return False
        del self._entries[flow]
        return True

    def sweep(self, now: Instant) -> None:
        """Forget what was not acknowledged in time. All wait equally long, so the oldest stand in front."""
        while self._entries:
            oldest = next(iter(self._entries))
            if self._entries[oldest].deadline > now:
                return
            del self._entries[oldest]


_MSS_TABLE: Final = (536, 1024, 1220, 1300, 1380, 1420, 1440, 1460)
_TICK_BITS: Final = 5
_MSS_BITS: Final = 3
_HASH_BITS: Final = 32 - _TICK_BITS - _MSS_BITS


class SynCookies:
    """Initial sequence numbers from which the connection can be told again (D. J. Bernstein's SYN cookies).

    5 bits of time, 3 bits of MSS and 24 bits of a keyed hash over these, addresses, ports and the client's sequence
    number. A cookie is good for one to two ticks.
    """

    __slots__ = ("_key", "_last", "_tick")

    def __init__(self, key: bytes, tick: Duration = 32 * SECOND) -> None:
        self._key = key
        self._tick = tick
        self._last: Instant | None = None

    def make(self, flow: Flow, client_isn: int, mss: int, now: Instant) -> Accepted:
        """What to answer a SYN with."""
        self._last = now
        index = max((at for at, size in enumerate(_MSS_TABLE) if size <= mss), default=0)
        tick = now // self._tick
        cookie = (tick & 31) << (32 - _TICK_BITS) | index << _HASH_BITS | self._hash(flow, client_isn, tick, index)
        return Accepted(client_isn, cookie, _MSS_TABLE[index])

    def check(self, flow: Flow, sequence: int, acknowledgment: int, now: Instant) -> Accepted | None:
        """The connection that an ACK completes; None when it does not bring back a cookie of ours."""
        if self._last is None or now - self._last > 2 * self._tick:
            return None
        cookie = (acknowledgment - 1) & _MASK
        client_isn = (sequence - 1) & _MASK
        tick = now // self._tick
        age = (tick - (cookie >> (32 - _TICK_BITS))) & 31
        index = cookie >> _HASH_BITS & 7
        if age > 1 or cookie & ((1 << _HASH_BITS) - 1) != self._hash(flow, client_isn, tick - age, index):
            return None
        return Accepted(client_isn, cookie, _MSS_TABLE[index])

    def _hash(self, flow: Flow, client_isn: int, tick: int, index: int) -> int:
        octets, tunnel = flow
        text = octets + b"".join(value.to_bytes(8, "big", signed=True) for value in (tunnel, client_isn, tick, index))
        return int.from_bytes(hashlib.blake2s(text, key=self._key, digest_size=3).digest(), "big")
