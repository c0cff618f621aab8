"""No octets raise anything but MalformedPacket from the formats, and nothing at all from the engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.config.algorithms import DhGroup, ExchangeMode
from nsemu.ike.errors import PeerError
from nsemu.ike.events import Phase1Completed, Phase2Completed
from nsemu.ike.exchange import Phase1Sa, seal, seal_hashed
from nsemu.ike.identification import decode_selector
from nsemu.ike.keys import exchange_iv
from nsemu.ike.parameters import Endpoint
from nsemu.ike.proposals import read_lifetime
from nsemu.sim.scheduler import SECOND
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.isakmp import HEADER_SIZE, parse_header, parse_payloads
from nsemu.wire.isakmp_payloads import (
    build_delete,
    build_notification,
    parse_attributes,
    parse_delete,
    parse_identification,
    parse_notification,
    parse_security_association,
)
from support.ike import EAST, WEST, End, Pair, keys_match, p2, texts

RECORDED = [datagram.data for datagram in Pair(p2s=(p2(pfs=DhGroup.GROUP1),)).establish().seen]
PARSERS: list[Callable[[bytes], object]] = [
    parse_header,
    lambda data: parse_payloads(data[0] if data else 1, data, 0),
    lambda data: parse_payloads(data[0] if data else 1, data, 0, padded=True),
    parse_attributes,
    parse_security_association,
    parse_identification,
    parse_notification,
    parse_delete,
    read_lifetime,
]


@pytest.mark.parametrize("index", range(len(PARSERS)))
@given(data=st.binary(max_size=200))
@settings(deadline=None, max_examples=150)
def test_formats_take_any_octets(index: int, data: bytes) -> None:
    with suppress(MalformedPacket):
        PARSERS[index](data)


@given(data=st.binary(max_size=40))
@settings(deadline=None, max_examples=150)
def test_proxy_ids_take_any_octets(data: bytes) -> None:
    with suppress(MalformedPacket, PeerError):
        decode_selector(data)


@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_security_association_with_damaged_octets(data: st.DataObject) -> None:
    body = bytearray(RECORDED[0][HEADER_SIZE + 4 : HEADER_SIZE + 56])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(MalformedPacket):
        parse_security_association(bytes(body))


def at_every_point(mode: ExchangeMode, steps: int) -> Pair:
    pair = Pair(mode=mode, p2s=(p2(pfs=DhGroup.GROUP1),))
    pair.acquire()
    pair.collect()
    for _ in range(steps):
        pair.step(SECOND)
        pair.collect()
    return pair


def inject(end: End, data: bytes, now: int) -> None:
    other = EAST if end.address == WEST else WEST
    end.engine.receive_datagram(data, Endpoint(other, 500), Endpoint(end.address, 500), now)


def unharmed(pair: Pair) -> None:
    """The negotiation goes on as if nothing had come."""
    pair.run(60 * SECOND)
    for end in pair.ends:
        assert len(end.of(Phase1Completed)) == 1
        assert len(end.of(Phase2Completed)) == 1
    assert keys_match(pair)


@pytest.mark.parametrize("mode", ExchangeMode)
@pytest.mark.parametrize("steps", range(9))
def test_truncation_at_every_octet(steps: int, mode: ExchangeMode) -> None:
    """Each prefix of the datagram on the wire comes first: each moves one counter, and the whole one still counts."""
    pair = at_every_point(mode, steps)
    for _, _, datagram in list(pair.in_flight):
        end = pair.east if datagram.destination.address == EAST else pair.west
        before = end.engine.counters.malformed
        for size in range(len(datagram.data)):
            inject(end, datagram.data[:size], pair.now)
        assert end.engine.counters.malformed == before + len(datagram.data)
    unharmed(pair)


@pytest.mark.parametrize("steps", range(9))
def test_truncation_with_a_length_field_that_fits(steps: int) -> None:
    """Clear messages do not parse, encrypted ones are no whole blocks or not authentic."""
    pair = at_every_point(ExchangeMode.MAIN, steps)
    for _, _, datagram in list(pair.in_flight):
        end = pair.east if datagram.destination.address == EAST else pair.west
        before = sum(asdict(end.engine.counters).values())
        for size in range(HEADER_SIZE, len(datagram.data)):
            short = datagram.data[:24] + size.to_bytes(4, "big") + datagram.data[28:size]
            inject(end, short, pair.now)
        assert sum(asdict(end.engine.counters).values()) >= before + 2 * (len(datagram.data) - HEADER_SIZE)
    unharmed(pair)


@given(
    steps=st.integers(0, 9),
    mode=st.sampled_from(ExchangeMode),
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=4),
)
@settings(deadline=None, max_examples=200)
def test_damaged_messages_never_raise(steps: int, mode: ExchangeMode, flips: list[tuple[int, int]]) -> None:
    pair = at_every_point(mode, steps)
    for _, _, datagram in list(pair.in_flight):
        end = pair.east if datagram.destination.address == EAST else pair.west
        octets = bytearray(datagram.data)
        for place, mask in flips:
            octets[place % len(octets)] ^= mask
        inject(end, bytes(octets), pair.now)
    pair.run(200 * SECOND)
    pair.acquire()
    pair.run(200 * SECOND)
    assert pair.west.of(Phase2Completed)
    assert all(texts(end) for end in pair.ends)


@given(data=st.binary(max_size=300), steps=st.integers(0, 9))
@settings(deadline=None, max_examples=100)
def test_random_datagrams_do_not_disturb(data: bytes, steps: int) -> None:
    pair = at_every_point(ExchangeMode.MAIN, steps)
    for end in pair.ends:
        inject(end, data, pair.now)
        for view in end.engine.phase1s(pair.now):
            cookies = view.initiator_cookie + view.responder_cookie
            inject(end, cookies + data, pair.now)
            length = (HEADER_SIZE + len(data)).to_bytes(4, "big")
            for exchange in (2, 4, 5, 32):
                for flags in (0, 1):
                    start = cookies + bytes((data[0] if data else 0, 0x10, exchange, flags)) + b"\0\0\0\7"
                    inject(end, start + length + data, pair.now)
    pair.run(60 * SECOND)
    assert keys_match(pair)


def insider(pair: Pair) -> Phase1Sa:
    """The Phase 1 SA of east, to speak as an authenticated peer that has gone mad."""
    (sa,) = pair.east.engine._context.phase1s.values()
    return sa


PAYLOADS = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=60)), min_size=1, max_size=6)
DECENT = st.lists(
    st.sampled_from(
        [
            (1, RECORDED[0][HEADER_SIZE + 4 : HEADER_SIZE + 56]),
            (1, bytes.fromhex("0000000100000001")),
            (4, bytes(96)),
            (4, bytes(95) + b"\2"),
            (5, bytes.fromhex("040000000a010100ffffff00")),
            (5, bytes.fromhex("040000000a020200ffffff00")),
            (10, bytes(20)),
            (10, bytes(3)),
            (11, build_notification(3, 24576, bytes(4), b"\x80\1\0\1\x80\2\0\5")),
            (11, build_notification(1, 24576, bytes(16), b"\x80\x0b\0\1\x80\x0c\0\5")),
            (11, build_notification(1, 24578, bytes(16))),
            (11, build_notification(3, 11, b"")),
            (11, build_notification(3, 14, bytes(4))),
            (12, build_delete(3, [bytes(4), bytes(4)])),
            (12, build_delete(1, [bytes(16)])),
            (12, build_delete(1, [bytes(3)])),
        ]
    ),
    min_size=1,
    max_size=7,
)


@given(payloads=PAYLOADS | DECENT, exchange=st.sampled_from([2, 4, 5, 32]), hashed=st.booleans())
@settings(deadline=None, max_examples=300)
def test_authentic_nonsense_never_raises(payloads: list[tuple[int, bytes]], exchange: int, hashed: bool) -> None:
    """An authenticated peer sends any payloads in any exchange; afterwards the tunnel can still be made."""
    pair = Pair(p2s=(p2(pfs=DhGroup.GROUP1),)).establish()
    sa = insider(pair)
    octets = (0xBAD).to_bytes(4, "big")
    iv = exchange_iv(sa.proposal.hash, sa.last_block, octets)
    if hashed:
        data = seal_hashed(sa, iv, exchange, 0xBAD, payloads, seed=octets)
    else:
        data = seal(sa, iv, exchange, 0xBAD, payloads)
    inject(pair.west, data, pair.now)
    inject(pair.west, data, pair.now)
    pair.run(5 * SECOND)
    pair.west.engine.rekey(1, pair.now)
    pair.run(200 * SECOND)
    if len(pair.west.of(Phase2Completed)) < 2:
        pair.west.engine.rekey(1, pair.now)
        pair.run(60 * SECOND)
    assert len(pair.west.of(Phase2Completed)) >= 2
    assert all(texts(end) for end in pair.ends)
