"""Reassembly of IPv4 fragments (RFC 791 §3.2, RFC 815's idea of holes kept as pieces). Sans-IO: time comes in.

Used by hosts, routers and devices. Knows no interface; whoever calls it sends the ICMP errors and counts the loss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from nsemu.sim.scheduler import SECOND, Duration, Instant
from nsemu.wire.ipv4 import MAXIMUM_LENGTH_OF_PACKET, Ipv4Packet

TIME_OUT: Final[Duration] = 30 * SECOND

FragmentKey = tuple[int, int, int, int]
"""Source, destination, protocol, identification."""

_ScopedKey = tuple[Hashable, FragmentKey]


class Overlap(Enum):
    """What counts where two fragments bring the same octets."""

    FIRST = "first"
    """What came first stays."""
    LAST = "last"
    """What came last replaces it."""
    REJECT = "reject"
    """The whole datagram is thrown away, but an exact duplicate is ignored."""


@dataclass(frozen=True, slots=True)
class ReassemblyLimits:
    """Bounds against exhaustion; beyond them the oldest datagram goes, or the fragment is refused."""

    datagrams: int = 256
    octets: int = 4 * 1024 * 1024
    fragments: int = 256
    time_out: Duration = TIME_OUT


@dataclass(frozen=True, slots=True)
class Expired:
    """A datagram that stayed incomplete. `first` is its first fragment, or None when that never came."""

    key: FragmentKey
    first: bytes | None


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    data: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.data)


@dataclass(slots=True)
class _Datagram:
    deadline: Instant
    pieces: list[_Piece] = field(default_factory=list)
    first: Ipv4Packet | None = None
    length: int | None = None
    octets: int = 0
    fragments: int = 0
    longest: int = 0


def fragment_key(packet: Ipv4Packet) -> FragmentKey:
    """What the fragments of one datagram share."""
    return packet.source, packet.destination, packet.protocol, packet.identification


class Reassembly:
    """Collects fragments. `counters` tells by reason what was thrown away.

    `longest` is the length of the longest fragment, header included, of what was completed last.
    """

    __slots__ = ("_datagrams", "_octets", "counters", "limits", "longest", "overlap")

    def __init__(self, *, overlap: Overlap = Overlap.FIRST, limits: ReassemblyLimits | None = None) -> None:
        self.overlap = overlap
        self.limits = limits or ReassemblyLimits()
        self.counters: Counter[str] = Counter()
        self._datagrams: dict[_ScopedKey, _Datagram] = {}
        self._octets = 0
        self.longest = 0

    def __len__(self) -> int:
        return len(self._datagrams)

    def add(self, packet: bytes, now: Instant, scope: Hashable = None) -> bytes | None:
        """Take a packet; the whole one when it is complete (at once if it is no fragment), else None.

        Only fragments of one `scope` are put together: what came in clear never completes what came out of a tunnel.
        Raises MalformedPacket when the header is bad. A fragment that cannot be right is counted and forgotten.
        """
        fragment = Ipv4Packet.parse(packet)
        if not fragment.is_fragment:
            return packet
        if not self._is_sound(fragment):
            return None
        key = (scope, fragment_key(fragment))
        datagram = self._datagrams.get(key)
        if datagram is None:
            self._make_room()
            datagram = self._datagrams[key] = _Datagram(now + self.limits.time_out)
        if not self._accept(datagram, fragment):
            self._forget(key)
            return None
        if not _is_complete(datagram):
            self._make_room(keep=key)
            return None
        self._forget(key)
        self.longest = datagram.longest
        whole = _join(datagram)
        if whole is None:
            self.counters["too long"] += 1
        return whole

    def discard(self, packet: bytes, scope: Hashable = None) -> None:
        """Forget the datagram that a fragment belongs to. Raises MalformedPacket when the header is bad."""
        self._forget((scope, fragment_key(Ipv4Packet.parse(packet))))

    def expire(self, now: Instant) -> list[Expired]:
        """Throw away and return what has waited too long."""
        due = [key for key, datagram in self._datagrams.items() if datagram.deadline <= now]
        expired = []
        for key in due:
            first = self._datagrams[key].first
            expired.append(Expired(key[1], first.build() if first is not None else None))
            self._forget(key)
        self.counters["timed out"] += len(due)
        return expired

    def next_deadline(self) -> Instant | None:
        """When `expire` has something to do, or None."""
        # Deadlines grow with the order of arrival, which a dict keeps.
        oldest = next(iter(self._datagrams.values()), None)
        return None if oldest is None else oldest.deadline

    def _is_sound(self, fragment: Ipv4Packet) -> bool:
        size = len(fragment.payload)
        if size == 0 or (fragment.mf and size % 8):
            self.counters["bad length"] += 1
            return False
        if fragment.header_length + fragment.fragment_offset + size > MAXIMUM_LENGTH_OF_PACKET:
            self.counters["too long"] += 1
            return False
        return True

    def _make_room(self, keep: _ScopedKey | None = None) -> None:
        limits = self.limits
        spare = 0 if keep is not None else 1
        while len(self._datagrams) + spare > limits.datagrams or self._octets > limits.octets:
            oldest = next((key for key in self._datagrams if key != keep), keep)
            if oldest is None:
                return
            self.counters["no room"] += 1
            self._forget(oldest)

    def _forget(self, key: _ScopedKey) -> None:
        datagram = self._datagrams.pop(key, None)
        if datagram is not None:
            self._octets -= datagram.octets

    def _accept(self, datagram: _Datagram, fragment: Ipv4Packet) -> bool:
        """Put the fragment in; False when the whole datagram must go."""
        piece = _Piece(fragment.fragment_offset, fragment.payload)
        datagram.fragments += 1
        datagram.longest = max(datagram.longest, fragment.header_length + len(fragment.payload))
        if datagram.fragments > self.limits.fragments:
            self.counters["too many fragments"] += 1
            return False
        if not self._fits_length(datagram, piece, fragment.mf):
            self.counters["contradictory length"] += 1
            return False
        if any(piece.start < old.end and old.start < piece.end for old in datagram.pieces):
            self.counters["overlap"] += 1
            if self.overlap is Overlap.REJECT:
                return piece in datagram.pieces
        if piece.start == 0 and (datagram.first is None or self.overlap is Overlap.LAST):
            datagram.first = fragment
        self._insert(datagram, piece)
        return True

    def _fits_length(self, datagram: _Datagram, piece: _Piece, more: bool) -> bool:
        if not more:
            if datagram.length not in (None, piece.end) or any(old.end > piece.end for old in datagram.pieces):
                return False
            datagram.length = piece.end
        return datagram.length is None or piece.end <= datagram.length

    def _insert(self, datagram: _Datagram, piece: _Piece) -> None:
        if self.overlap is Overlap.LAST:
            kept = [rest for old in datagram.pieces for rest in _without(old, piece)]
            kept.append(piece)
        else:
            fresh = [piece]
            for old in datagram.pieces:
                fresh = [rest for part in fresh for rest in _without(part, old)]
            kept = datagram.pieces + fresh
        octets = sum(len(part.data) for part in kept)
        self._octets += octets - datagram.octets
        datagram.octets = octets
        datagram.pieces = kept


def _without(piece: _Piece, other: _Piece) -> list[_Piece]:
    """What of `piece` lies outside `other`."""
    if piece.end <= other.start or other.end <= piece.start:
        return [piece]
    rest = []
    if piece.start < other.start:
        rest.append(_Piece(piece.start, piece.data[: other.start - piece.start]))
    if piece.end > other.end:
        rest.append(_Piece(other.end, piece.data[other.end - piece.start :]))
    return rest


def _is_complete(datagram: _Datagram) -> bool:
    # Pieces never overlap, so as many octets as the length means that there is no hole.
    return datagram.first is not None and datagram.octets == datagram.length


def _join(datagram: _Datagram) -> bytes | None:
    first = datagram.first
    assert first is not None
    ordered = sorted(datagram.pieces, key=lambda piece: piece.start)
    payload = b"".join(piece.data for piece in ordered)
    if first.header_length + len(payload) > MAXIMUM_LENGTH_OF_PACKET:
        return None
    return Ipv4Packet(
        first.source,
        first.destination,
        first.protocol,
        payload,
        first.ttl,
        first.tos,
        first.identification,
        options=first.options,
        reserved=first.reserved,
    ).build()
