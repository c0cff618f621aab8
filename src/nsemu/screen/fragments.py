"""Checks of fragments, before anything puts them together."""

from __future__ import annotations

from typing import Final

from nsemu.runtime.reassembly import TIME_OUT
from nsemu.screen.attack import Attack
from nsemu.screen.facts import ICMP, MORE_FRAGMENTS, OFFSET_MASK, SYN, TCP, ScreenedPacket
from nsemu.sim.scheduler import Instant

_MAXIMUM: Final = 65_535


def _span(packet: ScreenedPacket) -> tuple[int, int]:
    """First octet of the datagram's payload that the fragment carries, and the one after its last."""
    start = (packet.fragment & OFFSET_MASK) << 3
    return start, start + len(packet.data) - packet.header_length


def is_ping_of_death(packet: ScreenedPacket, _now: Instant) -> Attack | None:
    """An ICMP fragment beyond the greatest length of a packet."""
    if packet.protocol == ICMP and packet.header_length + _span(packet)[1] > _MAXIMUM:
        return Attack.PING_DEATH
    return None


def is_icmp_fragment(packet: ScreenedPacket, _now: Instant) -> Attack | None:
    """Any fragment of an ICMP packet."""
    return Attack.ICMP_FRAGMENT if packet.protocol == ICMP else None


def is_syn_fragment(packet: ScreenedPacket, _now: Instant) -> Attack | None:
    """The first fragment of a SYN segment."""
    flags = packet.header_length + 13
    first = packet.protocol == TCP and not packet.fragment & OFFSET_MASK and len(packet.data) > flags
    return Attack.SYN_FRAG if first and packet.data[flags] & SYN else None


def is_reassembled_syn(packet: ScreenedPacket, _now: Instant) -> Attack | None:
    """A SYN segment that came in fragments too small to show its flags."""
    return Attack.SYN_FRAG if packet.protocol == TCP and packet.data[packet.header_length + 13] & SYN else None


class _Seen:
    """The pieces of one datagram so far. `length` is None until the last one came."""

    __slots__ = ("bad", "deadline", "length", "octets", "spans")

    def __init__(self, deadline: Instant) -> None:
        self.deadline = deadline
        self.spans: list[tuple[int, int]] = []
        self.octets = 0
        self.length: int | None = None
        self.bad = False


class TearDrop:
    """Fragments that overlap others of their datagram without being copies of them.

    Once one did, the whole datagram is refused. What is remembered is bounded, by number and by time.
    """

    __slots__ = ("_datagrams", "_most", "_pieces")

    def __init__(self, most: int = 1_024, pieces: int = 256) -> None:
        self._datagrams: dict[bytes, _Seen] = {}
        self._most = most
        self._pieces = pieces

    def __len__(self) -> int:
        return len(self._datagrams)

    def __call__(self, packet: ScreenedPacket, now: Instant) -> Attack | None:
        """One fragment."""
        data = packet.data
        key = data[12:20] + data[4:6] + data[9:10]
        seen = self._datagrams.get(key)
        if seen is None or seen.deadline <= now:
            self._make_room(now)
            self._datagrams.pop(key, None)
            seen = self._datagrams[key] = _Seen(now + TIME_OUT)
        span = _span(packet)
        if not seen.bad and span not in seen.spans:
            self._add(seen, span, last=not packet.fragment & MORE_FRAGMENTS)
        if seen.bad:
            return Attack.TEAR_DROP
        if seen.octets == seen.length:
            del self._datagrams[key]
        return None

    def _add(self, seen: _Seen, span: tuple[int, int], last: bool) -> None:
        start, end = span
        if start < end and any(start < old_end and old_start < end for old_start, old_end in seen.spans):
            seen.bad = True
            seen.spans.clear()
            return
        if len(seen.spans) < self._pieces:
            seen.spans.append(span)
            seen.octets += end - start
        if last:
            seen.length = end

    def _make_room(self, now: Instant) -> None:
        # All wait equally long, so the order of the dict is that of the deadlines.
        while self._datagrams:
            oldest = next(iter(self._datagrams))
            if len(self._datagrams) < self._most and self._datagrams[oldest].deadline > now:
                return
            del self._datagrams[oldest]
