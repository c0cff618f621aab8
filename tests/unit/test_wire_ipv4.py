"""IPv4 headers, options and fragments (RFC 791), against scapy."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, IPOption_RR, IPOption_Timestamp, defragment
from scapy.layers.inet import fragment as scapy_fragment

from nsemu.wire import ipv4_options as opt
from nsemu.wire.address import format_ipv4, parse_ipv4
from nsemu.wire.checksum import ones_complement_sum
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import FragmentationNeeded, Ipv4Packet, decrement_ttl, fragment

A = parse_ipv4("10.1.1.5")
B = parse_ipv4("203.0.113.77")


def scapy_checksum_holds(data: bytes) -> bool:
    """Whether scapy comes to the same header checksum."""
    seen = IP(data)
    again = IP(data)
    del again.chksum
    return bool(seen.chksum == IP(bytes(again)).chksum)


def test_scapy_reads_our_packet() -> None:
    data = Ipv4Packet(A, B, 17, b"abc", ttl=9, tos=0xB8, identification=0xBEEF, df=True).build()
    packet = IP(data)
    assert (packet.src, packet.dst, packet.proto, packet.ttl) == ("10.1.1.5", "203.0.113.77", 17, 9)
    assert (packet.tos, packet.id, packet.flags, packet.len) == (0xB8, 0xBEEF, "DF", 23)
    assert scapy_checksum_holds(data)


def test_we_read_scapys_packet_and_leave_padding() -> None:
    data = bytes(IP(src="10.1.1.5", dst="203.0.113.77", proto=253, flags="MF", frag=185, id=7) / b"12345678")
    packet = Ipv4Packet.parse(data + bytes(20), verify=True)
    assert packet == Ipv4Packet(A, B, 253, b"12345678", identification=7, mf=True, fragment_offset=1480)
    assert packet.is_fragment
    assert packet.build() == data


def test_options_of_scapy_survive() -> None:
    data = bytes(
        IP(src="1.2.3.4", dst="5.6.7.8", proto=1, options=[IPOption_RR(routers=["9.9.9.9"], pointer=8)]) / b"x"
    )
    packet = Ipv4Packet.parse(data, verify=True)
    route = opt.RouteOption.parse(opt.parse_options(packet.options)[0])
    assert route == opt.RouteOption(opt.RECORD_ROUTE, 8, (parse_ipv4("9.9.9.9"),))
    assert route.exhausted
    assert packet.build() == data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({0: 0x65}, "IP version 6, must be 4"),
        ({0: 0x44}, "IPv4 header length 16 with 28 octets received"),
        ({0: 0x4F}, "IPv4 header length 60 with 28 octets received"),
        ({2: 0, 3: 19}, "IPv4 total length 19 is less than its header of 20"),
        ({2: 0, 3: 29}, "IPv4 total length 29 with 28 octets received"),
        ({8: 63}, "IPv4 header checksum is wrong"),
    ],
)
def test_bad_headers(change: dict[int, int], message: str) -> None:
    data = bytearray(Ipv4Packet(A, B, 17, bytes(8)).build())
    for at, value in change.items():
        data[at] = value
    with pytest.raises(MalformedPacket) as caught:
        Ipv4Packet.parse(bytes(data), verify=True)
    assert str(caught.value) == message


def test_the_checksum_counts_only_on_request() -> None:
    data = bytearray(Ipv4Packet(A, B, 17, b"").build())
    data[10] ^= 0x40
    assert Ipv4Packet.parse(bytes(data)).destination == B


def test_a_quote_may_lack_its_end() -> None:
    data = Ipv4Packet(A, B, 17, bytes(100)).build()
    assert len(Ipv4Packet.parse_quote(data[:28]).payload) == 8


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (Ipv4Packet(A, B, 1, b"", options=b"\x01"), "IPv4 options of 1 octets, must be a multiple of 4, at most 40"),
        (Ipv4Packet(A, B, 1, b"", options=bytes(44)), "IPv4 options of 44 octets, must be a multiple of 4, at most 40"),
        (Ipv4Packet(A, B, 1, b"", fragment_offset=12), "IPv4 fragment offset 12, must be a multiple of 8"),
        (Ipv4Packet(A, B, 1, bytes(65516)), "IPv4 packet of 65536 octets, at most 65535"),
    ],
)
def test_what_no_header_can_say(packet: Ipv4Packet, message: str) -> None:
    with pytest.raises(ValueError, match="IPv4") as caught:
        packet.build()
    assert str(caught.value) == message


@pytest.mark.parametrize("identification", range(0, 0x10000, 257))
def test_ttl_decrement_keeps_the_checksum(identification: int) -> None:
    data = Ipv4Packet(A, B, 6, b"z", ttl=2, identification=identification).build()
    lower = decrement_ttl(data)
    assert lower == Ipv4Packet(A, B, 6, b"z", ttl=1, identification=identification).build()


# Fragmentation


def test_fragments_are_those_of_scapy() -> None:
    payload = bytes(index * 7 & 0xFF for index in range(3001))
    whole = Ipv4Packet(A, B, 17, payload, identification=99, ttl=31, tos=4).build()
    ours = fragment(whole, 1500)
    theirs = [bytes(piece) for piece in scapy_fragment(IP(whole), fragsize=1480)]
    assert ours == theirs


@pytest.mark.parametrize("mtu", [68, 69, 296, 577, 1500, 4000])
def test_scapy_puts_our_fragments_together(mtu: int) -> None:
    whole = Ipv4Packet(A, B, 253, bytes(range(256)) * 20, identification=3).build()
    pieces = fragment(whole, mtu)
    assert all(len(piece) <= mtu for piece in pieces)
    assert all(ones_complement_sum(piece[:20]) == 0xFFFF for piece in pieces)
    (joined,) = defragment([IP(piece) for piece in pieces])
    assert bytes(joined.payload) == whole[20:]


def test_what_fits_is_left_alone() -> None:
    whole = Ipv4Packet(A, B, 17, bytes(1480), df=True).build()
    assert fragment(whole, 1500) == [whole]


def test_link_padding_is_no_reason_to_fragment() -> None:
    whole = Ipv4Packet(A, B, 17, bytes(48), df=True).build()
    assert fragment(whole + bytes(10), 68) == [whole]


def test_dont_fragment() -> None:
    whole = Ipv4Packet(A, B, 17, bytes(1481), df=True).build()
    with pytest.raises(FragmentationNeeded) as caught:
        fragment(whole, 1500)
    assert (caught.value.length, caught.value.mtu) == (1501, 1500)
    assert str(caught.value) == "packet of 1501 octets must not be fragmented, the MTU is 1500"


def test_a_fragment_of_a_fragment_keeps_offset_and_more() -> None:
    middle = Ipv4Packet(A, B, 17, bytes(800), identification=5, mf=True, fragment_offset=1600).build()
    pieces = [Ipv4Packet.parse(piece) for piece in fragment(middle, 420)]
    assert [(piece.fragment_offset, len(piece.payload), piece.mf) for piece in pieces] == [
        (1600, 400, True),
        (2000, 400, True),
    ]


def test_only_copied_options_go_into_later_fragments() -> None:
    """RFC 791 §3.1: record route stays with the first fragment, a source route goes along."""
    route = opt.RouteOption(opt.LOOSE_SOURCE_ROUTE, 4, (B,)).option()
    record = opt.RouteOption(opt.RECORD_ROUTE, 4, (0, 0)).option()
    options = opt.build_options([record, route])
    whole = Ipv4Packet(A, B, 17, bytes(400), options=options).build()
    first, *later = [Ipv4Packet.parse(piece, verify=True) for piece in fragment(whole, 200)]
    assert first.options == options
    assert later
    assert all(opt.parse_options(piece.options) == (route,) for piece in later)
    assert b"".join(piece.payload for piece in (first, *later)) == bytes(400)


def test_an_mtu_without_room() -> None:
    whole = Ipv4Packet(A, B, 17, bytes(100)).build()
    with pytest.raises(ValueError, match="an MTU of 27 has no room for a fragment with a header of 20"):
        fragment(whole, 27)


# Options


def test_option_flags() -> None:
    option = opt.Option(opt.TIMESTAMP, bytes([5, 0]))
    assert (option.copied, option.option_class, option.number) == (False, 2, 4)
    assert opt.Option(opt.STRICT_SOURCE_ROUTE).copied


def test_parse_stops_at_the_end_of_the_list() -> None:
    data = bytes([1, opt.STREAM_ID, 4, 0x12, 0x34, 0, opt.SECURITY, 99])
    options = opt.parse_options(data)
    assert [option.kind for option in options] == [opt.NO_OPERATION, opt.STREAM_ID]
    assert opt.stream_identifier(options[1]) == 0x1234


def test_timestamp_of_scapy() -> None:
    built = bytes(IPOption_Timestamp(pointer=9, oflw=3, flg=1, internet_address="1.2.3.4", timestamp=77))
    stamp = opt.TimestampOption.parse(opt.parse_options(built)[0])
    assert (stamp.pointer, stamp.overflow, stamp.flag) == (9, 3, 1)
    assert (format_ipv4(stamp.words[0]), stamp.words[1]) == ("1.2.3.4", 77)
    assert stamp.option().build() == built


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes([7]), "IPv4 option 7 has no length octet"),
        (bytes([7, 1]), "IPv4 option 7 has length 1 with 2 octets left"),
        (bytes([1, 131, 7, 4]), "IPv4 option 131 has length 7 with 3 octets left"),
    ],
)
def test_bad_option_lists(data: bytes, message: str) -> None:
    with pytest.raises(MalformedPacket) as caught:
        opt.parse_options(data)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (opt.Option(7, b""), "IPv4 route option of 2 octets, must be 3 more than a multiple of 4"),
        (opt.Option(7, bytes([4, 1, 2])), "IPv4 route option of 5 octets, must be 3 more than a multiple of 4"),
        (opt.Option(131, bytes([3])), "IPv4 route option pointer 3, must be at least 4"),
        (opt.Option(68, b"x"), "IPv4 option 68 is not a route"),
    ],
)
def test_bad_routes(option: opt.Option, message: str) -> None:
    with pytest.raises(MalformedPacket) as caught:
        opt.RouteOption.parse(option)
    assert str(caught.value) == message


def test_bad_timestamps_and_stream_identifiers() -> None:
    with pytest.raises(MalformedPacket, match="IPv4 timestamp option of 5 octets, must be a multiple of 4"):
        opt.TimestampOption.parse(opt.Option(opt.TIMESTAMP, bytes([5, 0, 1])))
    with pytest.raises(MalformedPacket, match="IPv4 timestamp option pointer 4, must be at least 5"):
        opt.TimestampOption.parse(opt.Option(opt.TIMESTAMP, bytes([4, 0])))
    with pytest.raises(MalformedPacket, match="IPv4 option 136 of 3 octets is not a stream identifier"):
        opt.stream_identifier(opt.Option(opt.STREAM_ID, b"x"))


def test_options_have_forty_octets() -> None:
    with pytest.raises(ValueError, match="IPv4 options of 44 octets, at most 40 fit"):
        opt.build_options([opt.Option(opt.NO_OPERATION)] * 41)
