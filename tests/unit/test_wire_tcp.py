"""TCP segments: fields, options, checksum; scapy as a second opinion."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP

from nsemu.wire.address import parse_ipv4
from nsemu.wire.checksum import checksum, pseudo_header_sum
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.tcp import ACK, PSH, SYN, TcpOptions, TcpSegment, flag_names, parse_quoted_start

A, B = parse_ipv4("10.2.2.5"), parse_ipv4("10.3.3.5")
WORD = st.integers(0, 0xFFFFFFFF)
PORTS = st.integers(0, 65535)

OPTIONS = st.builds(
    TcpOptions,
    mss=st.none() | st.integers(0, 65535),
    window_scale=st.none() | st.integers(0, 14),
    sack_permitted=st.booleans(),
    sack_blocks=st.lists(st.tuples(WORD, WORD), max_size=1).map(tuple),
    timestamps=st.none() | st.tuples(WORD, WORD),
    unknown=st.lists(st.tuples(st.integers(100, 255), st.binary(max_size=2)), max_size=2).map(tuple),
)
SEGMENTS = st.builds(
    TcpSegment, PORTS, PORTS, WORD, WORD, st.integers(0, 255), PORTS, PORTS, OPTIONS, st.binary(max_size=64)
)


@settings(deadline=None, max_examples=200)
@given(segment=SEGMENTS)
def test_build_then_parse_gives_the_same(segment: TcpSegment) -> None:
    assert TcpSegment.parse(segment.build(A, B), A, B) == segment


def test_scapy_reads_what_we_build() -> None:
    options = TcpOptions(mss=1460, window_scale=7, sack_permitted=True, timestamps=(11, 22))
    segment = TcpSegment(1025, 80, 0xFFFFFFFE, 7, SYN | ACK | PSH, 4096, options=options, payload=b"hello")
    octets = segment.build(A, B)
    seen = TCP(octets)
    assert (seen.sport, seen.dport, seen.seq, seen.ack, seen.window) == (1025, 80, 0xFFFFFFFE, 7, 4096)
    assert str(seen.flags) == "SPA"
    assert [option for option in seen.options if option[0] not in {"EOL", "NOP"}] == [
        ("MSS", 1460),
        ("WScale", 7),
        ("SAckOK", b""),
        ("Timestamp", (11, 22)),
    ]
    assert bytes(seen.payload) == b"hello"
    del seen.chksum
    rebuilt = bytes(IP(src="10.2.2.5", dst="10.3.3.5", proto=6) / seen)[20:]
    assert rebuilt[16:18] == octets[16:18]


def test_we_read_what_scapy_builds() -> None:
    packet = IP(src="10.2.2.5", dst="10.3.3.5") / TCP(
        sport=5, dport=6, flags="S", options=[("NOP", None), ("MSS", 536), ("SAck", (1, 2, 3, 4)), (253, b"xy")]
    )
    segment = TcpSegment.parse(bytes(packet)[20:], A, B)
    assert segment.options == TcpOptions(mss=536, sack_blocks=((1, 2), (3, 4)), unknown=((253, b"xy"),))


@pytest.mark.parametrize("payload", [b"", b"x", b"xy"])
def test_a_wrong_checksum_is_refused(payload: bytes) -> None:
    octets = bytearray(TcpSegment(1, 2, 3, 4, ACK, 5, payload=payload).build(A, B))
    for index in range(len(octets)):
        spoiled = octets.copy()
        spoiled[index] ^= 0x10
        with pytest.raises(MalformedPacket):
            TcpSegment.parse(spoiled, A, B)
    with pytest.raises(MalformedPacket, match="TCP checksum is wrong"):
        TcpSegment.parse(octets, A, B + 1)


def with_options(options: bytes) -> bytes:
    """A segment with these octets of options, and a right checksum."""
    padded = options + bytes(-len(options) % 4)
    octets = bytearray(TcpSegment(1, 2, 3, 4, ACK, 5, payload=padded).build(A, B))
    octets[12] = (5 + len(padded) // 4) << 4
    octets[16:18] = b"\x00\x00"
    octets[16:18] = checksum(octets, pseudo_header_sum(A, B, 6, len(octets))).to_bytes(2, "big")
    return bytes(octets)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (b"\x02\x03\x05\xb4", "TCP option 2 has length 3, must be 4"),
        (b"\x02\x00\x05\xb4", "TCP option 2 has length 0"),
        (b"\x02\x01\x05\xb4", "TCP option 2 has length 1"),
        (b"\x01\x01\x01\x02", "TCP option 2 has no length"),
        (b"\x08\x0a\x00\x00", "TCP option 8 has length 10"),
        (b"\x05\x06\x00\x00\x00\x00", "TCP SACK option carries 4 octets, no multiple of 8"),
        (b"\x03\x04\x00\x00", "TCP option 3 has length 4, must be 3"),
    ],
)
def test_nonsense_in_options_is_refused(options: bytes, message: str) -> None:
    with pytest.raises(MalformedPacket, match=message):
        TcpSegment.parse(with_options(options), A, B)


def test_what_follows_the_end_of_options_is_not_read() -> None:
    assert TcpSegment.parse(with_options(b"\x00\x02\x00\x00"), A, B).options == TcpOptions()


@pytest.mark.parametrize("offset", [0, 4, 6, 15])
def test_an_impossible_data_offset_is_refused(offset: int) -> None:
    octets = bytearray(TcpSegment(1, 2, 3, 4, ACK, 5).build(A, B))
    octets[12] = offset << 4
    with pytest.raises(MalformedPacket, match=f"TCP data offset {offset * 4} in a segment of 20 octets"):
        TcpSegment.parse(octets, A, B)


def test_truncation_at_every_octet_is_refused() -> None:
    options = TcpOptions(mss=1460, timestamps=(1, 2), sack_permitted=True)
    whole = TcpSegment(1, 2, 3, 4, SYN, 5, options=options, payload=b"abc").build(A, B)
    for size in range(len(whole)):
        with pytest.raises(MalformedPacket):
            TcpSegment.parse(whole[:size], A, B)


def test_too_many_options_cannot_be_built() -> None:
    options = TcpOptions(mss=1, window_scale=1, timestamps=(1, 2), sack_blocks=((1, 2), (3, 4), (5, 6)))
    with pytest.raises(ValueError, match="TCP options take 44 octets, 40 fit"):
        options.build()


def test_length_counts_syn_and_fin() -> None:
    assert [TcpSegment(1, 2, 3, 4, flags, 5, payload=b"ab").length for flags in (0, 1, 2, 3, 16)] == [2, 3, 3, 4, 2]


def test_quoted_start() -> None:
    octets = TcpSegment(1025, 80, 99, 0, SYN, 0).build(A, B)
    assert parse_quoted_start(octets[:8]) == (1025, 80, 99)
    with pytest.raises(MalformedPacket, match="quoted TCP header of 7 octets, needs 8"):
        parse_quoted_start(octets[:7])


def test_flag_names() -> None:
    assert (flag_names(SYN | ACK), flag_names(0)) == ("SYN+ACK", "none")


@settings(deadline=None, max_examples=300)
@given(octets=st.binary(max_size=80))
def test_any_octets_give_a_segment_or_malformed(octets: bytes) -> None:
    try:
        TcpSegment.parse(octets, A, B)
    except MalformedPacket:
        return


@settings(deadline=None, max_examples=300)
@given(octets=st.binary(max_size=40))
def test_any_options_give_options_or_malformed(octets: bytes) -> None:
    try:
        options = TcpOptions.parse(octets)
    except MalformedPacket:
        return
    assert TcpOptions.parse(options.build()) == options
