"""Reassembly of fragments: order, overlaps, limits and time."""

from __future__ import annotations

import pytest

from nsemu.runtime.reassembly import Expired, Overlap, Reassembly, ReassemblyLimits
from nsemu.sim.scheduler import SECOND
from nsemu.wire import ipv4_options as opt
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import Ipv4Packet, fragment


def piece(offset: int, data: bytes, *, more: bool = True, identification: int = 1, source: int = 10) -> bytes:
    return Ipv4Packet(source, 20, 17, data, identification=identification, mf=more, fragment_offset=offset).build()


def payload(data: bytes | None) -> bytes:
    assert data is not None
    return Ipv4Packet.parse(data, verify=True).payload


def test_a_whole_packet_passes_through() -> None:
    whole = Ipv4Packet(1, 2, 3, b"abc").build()
    reassembly = Reassembly()
    assert reassembly.add(whole, 0) is whole
    assert reassembly.next_deadline() is None


def test_backwards_order_and_the_header_of_the_first_fragment() -> None:
    options = opt.build_options([opt.RouteOption(opt.RECORD_ROUTE, 4, (0, 0)).option()])
    whole = Ipv4Packet(1, 2, 17, bytes(range(256)) * 4, ttl=9, tos=8, identification=77, options=options).build()
    reassembly = Reassembly()
    results = [reassembly.add(part, 0) for part in reversed(fragment(whole, 300))]
    assert results[-1] == whole
    assert set(results[:-1]) == {None}


def test_datagrams_are_kept_apart() -> None:
    reassembly = Reassembly()
    for key in ({"source": 11}, {"identification": 2}):
        assert reassembly.add(piece(0, b"A" * 8), 0) is None
        assert reassembly.add(piece(8, b"B" * 8, more=False, **key), 0) is None
    assert len(reassembly) == 3
    assert payload(reassembly.add(piece(8, b"C", more=False), 0)) == b"A" * 8 + b"C"


@pytest.mark.parametrize(
    ("overlap", "expected"), [(Overlap.FIRST, b"A" * 16 + b"B" * 8), (Overlap.LAST, b"A" * 8 + b"B" * 16)]
)
def test_overlap(overlap: Overlap, expected: bytes) -> None:
    reassembly = Reassembly(overlap=overlap)
    assert reassembly.add(piece(0, b"A" * 16), 0) is None
    assert payload(reassembly.add(piece(8, b"B" * 16, more=False), 0)) == expected
    assert reassembly.counters["overlap"] == 1


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [(Overlap.FIRST, b"C" * 8 + b"B" * 8 + b"A" * 8 + b"B" * 8), (Overlap.LAST, b"C" * 8 + b"B" * 24)],
)
def test_a_fragment_around_another(overlap: Overlap, expected: bytes) -> None:
    reassembly = Reassembly(overlap=overlap)
    assert reassembly.add(piece(16, b"A" * 8), 0) is None
    assert reassembly.add(piece(8, b"B" * 24, more=False), 0) is None
    assert payload(reassembly.add(piece(0, b"C" * 8), 0)) == expected


def test_rejecting_overlaps_spares_duplicates() -> None:
    reassembly = Reassembly(overlap=Overlap.REJECT)
    assert reassembly.add(piece(0, b"A" * 16), 0) is None
    assert reassembly.add(piece(0, b"A" * 16), 0) is None
    assert len(reassembly) == 1
    assert reassembly.add(piece(8, b"B" * 16, more=False), 0) is None
    assert len(reassembly) == 0


def test_expiry_returns_the_first_fragment() -> None:
    reassembly = Reassembly()
    first = piece(0, b"A" * 8)
    reassembly.add(first, 5 * SECOND)
    reassembly.add(piece(16, b"A" * 8, identification=2), 6 * SECOND)
    # A later fragment does not prolong the life of its datagram.
    reassembly.add(piece(32, b"A" * 8), 20 * SECOND)
    assert reassembly.next_deadline() == 35 * SECOND
    assert reassembly.expire(35 * SECOND - 1) == []
    assert reassembly.expire(35 * SECOND) == [Expired((10, 20, 17, 1), first)]
    assert reassembly.next_deadline() == 36 * SECOND
    assert reassembly.expire(40 * SECOND) == [Expired((10, 20, 17, 2), None)]
    assert reassembly.counters["timed out"] == 2


@pytest.mark.parametrize(
    ("part", "counter"),
    [
        (piece(0, b"A" * 9), "bad length"),
        (piece(0, b""), "bad length"),
        (piece(65528, b"A" * 8, more=False), "too long"),
    ],
)
def test_impossible_fragments(part: bytes, counter: str) -> None:
    reassembly = Reassembly()
    assert reassembly.add(part, 0) is None
    assert reassembly.counters[counter] == 1
    assert len(reassembly) == 0


@pytest.mark.parametrize(
    "second",
    [piece(8, b"A" * 8, more=False), piece(24, b"A" * 8), piece(24, b"A" * 8, more=False)],
    ids=["shorter end", "beyond the end", "longer end"],
)
def test_contradictory_ends_drop_the_datagram(second: bytes) -> None:
    reassembly = Reassembly()
    reassembly.add(piece(16, b"A" * 8, more=False), 0)
    assert reassembly.add(second, 0) is None
    assert reassembly.counters["contradictory length"] == 1
    assert len(reassembly) == 0


def test_the_longest_packet_with_options_in_the_first_fragment_is_refused() -> None:
    """The pieces fit 65535 octets each on its own, the whole with its options does not."""
    options = opt.build_options([opt.RouteOption(opt.RECORD_ROUTE, 4, (0,) * 9).option()])
    reassembly = Reassembly()
    reassembly.add(Ipv4Packet(1, 2, 3, bytes(8), mf=True, options=options).build(), 0)
    reassembly.add(Ipv4Packet(1, 2, 3, bytes(32768), mf=True, fragment_offset=8).build(), 0)
    last = Ipv4Packet(1, 2, 3, bytes(32736), fragment_offset=32776).build()
    assert reassembly.add(last, 0) is None
    assert len(reassembly) == 0
    assert reassembly.counters["too long"] == 1


def test_limits_evict_the_oldest() -> None:
    reassembly = Reassembly(limits=ReassemblyLimits(datagrams=2))
    for identification in (1, 2, 3):
        reassembly.add(piece(0, b"A" * 8, identification=identification), identification)
    assert len(reassembly) == 2
    assert reassembly.counters["no room"] == 1
    assert payload(reassembly.add(piece(8, b"z", more=False, identification=2), 9)) == b"A" * 8 + b"z"
    assert reassembly.add(piece(8, b"z", more=False, identification=1), 9) is None


def test_octets_are_limited() -> None:
    reassembly = Reassembly(limits=ReassemblyLimits(octets=100))
    reassembly.add(piece(0, b"A" * 64), 0)
    reassembly.add(piece(0, b"A" * 64, identification=2), 0)
    assert len(reassembly) == 1
    reassembly.add(piece(64, b"A" * 64, identification=2), 0)
    assert len(reassembly) == 0
    assert reassembly.counters["no room"] == 2
    # What was thrown away no longer counts.
    reassembly.add(piece(0, b"A" * 96), 0)
    assert len(reassembly) == 1


def test_fragments_of_a_datagram_are_limited() -> None:
    reassembly = Reassembly(limits=ReassemblyLimits(fragments=3))
    for index in range(4):
        assert reassembly.add(piece(index * 8, b"A" * 8), 0) is None
    assert reassembly.counters["too many fragments"] == 1
    assert len(reassembly) == 0


def test_nonsense_is_malformed() -> None:
    with pytest.raises(MalformedPacket):
        Reassembly().add(b"\x45", 0)
