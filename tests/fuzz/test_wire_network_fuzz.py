"""The network parsers under any octets: round trips, truncation at every octet, and only MalformedPacket escapes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.runtime.reassembly import Overlap, Reassembly
from nsemu.wire import icmp
from nsemu.wire import ipv4_options as opt
from nsemu.wire.arp import ArpPacket
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ethernet import EthernetFrame, VlanTag
from nsemu.wire.icmp import IcmpMessage
from nsemu.wire.ipv4 import Ipv4Packet, fragment
from nsemu.wire.summary import summarise
from nsemu.wire.udp import UdpDatagram, checksum_is_right

u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
octet = st.integers(0, 255)
macs = st.binary(min_size=6, max_size=6)
payloads = st.binary(max_size=80)

tags = st.none() | st.builds(VlanTag, st.integers(0, 4095), st.integers(0, 7), st.booleans())
frames = st.builds(EthernetFrame, macs, macs, u16.filter(lambda kind: kind != 0x8100), payloads, tags)
arps = st.builds(ArpPacket, u16, macs, u32, macs, u32)
words = st.lists(st.binary(min_size=4, max_size=4), max_size=10).map(b"".join)
packets = st.builds(
    Ipv4Packet,
    u32,
    u32,
    octet,
    payloads,
    octet,
    octet,
    u16,
    st.booleans(),
    st.booleans(),
    st.integers(0, 0x1FFF).map(lambda units: units * 8),
    words,
    st.booleans(),
)
messages = st.builds(IcmpMessage, octet, octet, u32, payloads)

quick = settings(deadline=None, max_examples=60)


@quick
@given(frames)
def test_ethernet_round_trip(frame: EthernetFrame) -> None:
    assert EthernetFrame.parse(frame.build()) == frame
    assert EthernetFrame.parse(memoryview(frame.build())) == frame


@quick
@given(arps, payloads)
def test_arp_round_trip(packet: ArpPacket, padding: bytes) -> None:
    assert ArpPacket.parse(packet.build() + padding) == packet


@quick
@given(packets, payloads)
def test_ipv4_round_trip(packet: Ipv4Packet, padding: bytes) -> None:
    assert Ipv4Packet.parse(packet.build() + padding, verify=True) == packet
    assert Ipv4Packet.parse(memoryview(packet.build()), verify=True) == packet


@quick
@given(messages)
def test_icmp_round_trip(message: IcmpMessage) -> None:
    assert IcmpMessage.parse(message.build()) == message


@quick
@given(u16, u16, payloads, u32, u32)
def test_udp_round_trip(source: int, destination: int, payload: bytes, a: int, b: int) -> None:
    datagram = UdpDatagram(source, destination, payload)
    data = datagram.build(a, b)
    assert UdpDatagram.parse(data) == datagram
    assert checksum_is_right(data, a, b)


simple_options = st.builds(opt.Option, octet.filter(lambda kind: kind > 1), st.binary(max_size=6))


@quick
@given(st.lists(simple_options, max_size=5))
def test_option_list_round_trip(options: list[opt.Option]) -> None:
    assert opt.parse_options(opt.build_options(options)) == tuple(options)


@quick
@given(st.binary(max_size=2000), st.integers(68, 700), st.randoms(use_true_random=False))
def test_fragments_in_any_order_make_the_packet(payload: bytes, mtu: int, chance: Any) -> None:
    whole = Ipv4Packet(1, 2, 253, payload, identification=4).build()
    pieces = fragment(whole, mtu)
    chance.shuffle(pieces)
    for overlap in Overlap:
        reassembly = Reassembly(overlap=overlap)
        results = [reassembly.add(piece, now) for now, piece in enumerate(pieces)]
        assert results[-1] == whole
        assert results[:-1] == [None] * (len(pieces) - 1)
        assert len(reassembly) == 0


@quick
@given(st.lists(packets, max_size=12), st.sampled_from(Overlap))
def test_reassembly_survives_any_fragments(stream: list[Ipv4Packet], overlap: Overlap) -> None:
    reassembly = Reassembly(overlap=overlap)
    for now, packet in enumerate(stream):
        same = Ipv4Packet(1, 2, 3, packet.payload, mf=packet.mf, fragment_offset=packet.fragment_offset & 127)
        whole = reassembly.add(same.build(), now)
        if whole is not None:
            assert not Ipv4Packet.parse(whole, verify=True).is_fragment
    reassembly.expire(10**12)
    assert len(reassembly) == 0
    assert reassembly.next_deadline() is None


PARSERS: list[tuple[str, Callable[[bytes], object], bytes, int]] = [
    ("ethernet", EthernetFrame.parse, EthernetFrame(bytes(6), bytes(6), 1, b"", VlanTag(3)).build(), 18),
    ("arp", ArpPacket.parse, ArpPacket(1, bytes(6), 1, bytes(6), 2).build(), 28),
    ("ipv4", Ipv4Packet.parse, Ipv4Packet(1, 2, 3, bytes(9), options=bytes(8)).build(), 37),
    ("icmp", IcmpMessage.parse, icmp.echo_request(1, 2, b"\x01\x02\x03\x04").build(), 12),
    ("udp", UdpDatagram.parse, UdpDatagram(1, 2, b"abc").build(1, 2), 11),
    ("options", opt.parse_options, opt.Option(opt.SECURITY, bytes(9)).build(), 11),
]


@pytest.mark.parametrize(("parser", "data", "needed"), [row[1:] for row in PARSERS], ids=[row[0] for row in PARSERS])
def test_truncation_at_every_octet(parser: Callable[[bytes], object], data: bytes, needed: int) -> None:
    parser(data)
    for length in range(1 if parser is opt.parse_options else 0, needed):
        with pytest.raises(MalformedPacket):
            parser(data[:length])


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=120))
def test_any_octets(data: bytes) -> None:
    parsers: list[Callable[[bytes], object]] = [row[1] for row in PARSERS]
    parsers += [Ipv4Packet.parse_quote, IcmpMessage.parse_quote, lambda octets: Reassembly().add(octets, 0)]
    for parser in parsers:
        with contextlib.suppress(MalformedPacket):
            parser(data)
    assert summarise(data)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=60), octet)
def test_options_of_any_octets(data: bytes, kind: int) -> None:
    for parse in (opt.RouteOption.parse, opt.TimestampOption.parse, opt.stream_identifier):
        try:
            parsed = parse(opt.Option(kind, data))
        except MalformedPacket:
            continue
        if isinstance(parsed, opt.RouteOption | opt.TimestampOption):
            assert parsed.option() == opt.Option(kind, data)
