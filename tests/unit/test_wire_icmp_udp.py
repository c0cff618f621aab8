"""ICMP (RFC 792, RFC 1191) and UDP (RFC 768), against scapy; summaries for traces."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, UDP

from nsemu.wire import icmp
from nsemu.wire.address import parse_ipv4
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.icmp import IcmpMessage, may_be_answered_with_error
from nsemu.wire.ipv4 import PROTOCOL_ICMP, PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.summary import summarise
from nsemu.wire.udp import UdpDatagram, checksum_is_right

A = parse_ipv4("10.1.1.5")
B = parse_ipv4("203.0.113.77")
DATAGRAM = Ipv4Packet(A, B, PROTOCOL_UDP, UdpDatagram(1024, 7, b"echo me, please").build(A, B)).build()


def in_scapy(message: IcmpMessage) -> IP:
    """The message in a packet as scapy reads it, after scapy has agreed with the checksum."""
    data = Ipv4Packet(B, A, PROTOCOL_ICMP, message.build()).build()
    packet, again = IP(data), IP(data)
    del again[ICMP].chksum
    assert IP(bytes(again))[ICMP].chksum == packet[ICMP].chksum
    return packet


def test_scapy_reads_our_echoes() -> None:
    request = in_scapy(icmp.echo_request(0x1234, 9, b"odd"))[ICMP]
    assert (request.type, request.id, request.seq, bytes(request.payload)) == (8, 0x1234, 9, b"odd")
    reply = in_scapy(icmp.echo_reply(1, 0xFFFF))[ICMP]
    assert (reply.type, reply.id, reply.seq) == (0, 1, 0xFFFF)


def test_we_read_scapys_echo() -> None:
    message = IcmpMessage.parse(bytes(ICMP(type=8, id=77, seq=3) / b"data"))
    assert (message.identifier, message.sequence, message.payload) == (77, 3, b"data")
    assert not message.is_error


def test_fragmentation_needed_quotes_header_and_eight_octets() -> None:
    packet = in_scapy(icmp.destination_unreachable(icmp.FRAGMENTATION_NEEDED, DATAGRAM, 1400))
    assert (packet[ICMP].type, packet[ICMP].code, packet[ICMP].nexthopmtu) == (3, 4, 1400)
    assert bytes(packet[ICMP].payload) == DATAGRAM[:28]
    message = IcmpMessage.parse(bytes(packet[ICMP]))
    assert message.is_error
    assert message.next_hop_mtu == 1400


def test_other_errors_in_scapy() -> None:
    exceeded = in_scapy(icmp.time_exceeded(icmp.REASSEMBLY_TIME_EXCEEDED, DATAGRAM))[ICMP]
    assert (exceeded.type, exceeded.code) == (11, 1)
    turned = in_scapy(icmp.redirect(1, DATAGRAM, B))[ICMP]
    assert (turned.type, turned.code, turned.gw) == (5, 1, "203.0.113.77")
    problem = in_scapy(icmp.parameter_problem(20, DATAGRAM))[ICMP]
    assert (problem.type, problem.ptr) == (12, 20)


def test_properties_of_what_scapy_builds() -> None:
    assert IcmpMessage.parse(bytes(ICMP(type=5, code=1, gw="203.0.113.77"))).gateway == B
    assert IcmpMessage.parse(bytes(ICMP(type=12, ptr=8))).pointer == 8


def test_a_quote_holds_the_options_too() -> None:
    packet = Ipv4Packet(A, B, 6, bytes(range(20)), options=bytes([1] * 8)).build()
    assert icmp.quote(packet) == packet[:36]
    assert icmp.quote(Ipv4Packet(A, B, 6, b"abc").build() + b"padding") == Ipv4Packet(A, B, 6, b"abc").build()


def test_bad_messages() -> None:
    with pytest.raises(MalformedPacket, match="ICMP message of 7 octets, the header has 8"):
        IcmpMessage.parse(bytes(7))
    data = bytearray(icmp.echo_request(1, 1).build())
    data[5] ^= 1
    with pytest.raises(MalformedPacket, match="ICMP checksum is wrong"):
        IcmpMessage.parse(bytes(data))


@pytest.mark.parametrize(
    ("packet", "allowed"),
    [
        (Ipv4Packet(A, B, 17, bytes(8)), True),
        (Ipv4Packet(A, B, 17, bytes(8), mf=True), True),
        (Ipv4Packet(A, B, 17, bytes(8), fragment_offset=8), False),
        (Ipv4Packet(A, 0xFFFFFFFF, 17, bytes(8)), False),
        (Ipv4Packet(A, parse_ipv4("224.0.0.5"), 17, bytes(8)), False),
        (Ipv4Packet(parse_ipv4("224.0.0.5"), B, 17, bytes(8)), False),
        (Ipv4Packet(0xFFFFFFFF, B, 17, bytes(8)), False),
        (Ipv4Packet(0, B, 17, bytes(8)), False),
        (Ipv4Packet(parse_ipv4("127.0.0.1"), B, 17, bytes(8)), False),
        (Ipv4Packet(A, B, 1, icmp.echo_request(1, 1).build()), True),
        (Ipv4Packet(A, B, 1, icmp.time_exceeded(0, DATAGRAM).build()), False),
        (Ipv4Packet(A, B, 1, icmp.redirect(0, DATAGRAM, A).build()), False),
        (Ipv4Packet(A, B, 1, b""), False),
    ],
)
def test_when_an_error_may_be_sent(packet: Ipv4Packet, allowed: bool) -> None:
    """RFC 1122 §3.2.2."""
    assert may_be_answered_with_error(packet) is allowed


# UDP


@pytest.mark.parametrize("payload", [b"", b"x", b"even", bytes(range(255))])
def test_scapy_agrees_with_our_checksum(payload: bytes) -> None:
    data = Ipv4Packet(A, B, PROTOCOL_UDP, UdpDatagram(500, 4500, payload).build(A, B)).build()
    packet, again = IP(data), IP(data)
    del again[UDP].chksum
    assert IP(bytes(again))[UDP].chksum == packet[UDP].chksum
    assert (packet[UDP].sport, packet[UDP].dport, packet[UDP].len) == (500, 4500, 8 + len(payload))


def test_we_read_scapys_datagram() -> None:
    data = bytes(IP(src="10.1.1.5", dst="203.0.113.77") / UDP(sport=53, dport=1024) / b"answer")[20:]
    assert UdpDatagram.parse(data + b"trailer") == UdpDatagram(53, 1024, b"answer")
    assert checksum_is_right(data, A, B)
    assert checksum_is_right(data + b"trailer", A, B)
    assert not checksum_is_right(data, A, B + 1)


def test_a_checksum_of_zero_is_sent_as_ones_and_no_checksum_as_zero() -> None:
    payloads = (value.to_bytes(2, "big") for value in range(0x10000))
    all_ones = [data for data in (UdpDatagram(1, 2, one).build(A, B) for one in payloads) if data[6:8] == b"\xff\xff"]
    assert len(all_ones) == 1
    assert checksum_is_right(all_ones[0], A, B)
    without = UdpDatagram(1, 2, b"anything").build(A, B, with_checksum=False)
    assert without[6:8] == b"\0\0"
    assert checksum_is_right(without, A, B)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(7), "UDP datagram of 7 octets, the header has 8"),
        (bytes([0, 1, 0, 2, 0, 7, 0, 0]), "UDP length 7 with 8 octets received"),
        (bytes([0, 1, 0, 2, 0, 9, 0, 0]), "UDP length 9 with 8 octets received"),
    ],
)
def test_bad_datagrams(data: bytes, message: str) -> None:
    with pytest.raises(MalformedPacket) as caught:
        UdpDatagram.parse(data)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("packet", "text"),
    [
        (Ipv4Packet(A, B, 17, UdpDatagram(500, 4500, b"").build(A, B)), "udp 500 > 4500, 28 octets"),
        (Ipv4Packet(A, B, 1, icmp.echo_request(7, 2).build()), "icmp echo request id 7 seq 2, 28 octets"),
        (Ipv4Packet(A, B, 1, icmp.time_exceeded(0, DATAGRAM).build()), "icmp time to live exceeded, 56 octets"),
        (Ipv4Packet(A, B, 1, b"\x03\x0f" + bytes(6)), "icmp type 3 code 15, 28 octets"),
        (Ipv4Packet(A, B, 6, bytes([4, 0, 0, 80]) + bytes(9) + b"\x12" + bytes(6)), "tcp 1024 > 80 SYN+ACK, 40 octets"),
        (Ipv4Packet(A, B, 50, bytes.fromhex("0000123400000009")), "esp spi 00001234 seq 9, 28 octets"),
        (Ipv4Packet(A, B, 51, bytes(4) + bytes.fromhex("0000123400000009")), "ah spi 00001234 seq 9, 32 octets"),
        (Ipv4Packet(A, B, 89, b"ospf"), "protocol 89, 24 octets"),
        (Ipv4Packet(A, B, 17, bytes(16), fragment_offset=1480), "protocol 17 fragment at 1480, 36 octets"),
        (Ipv4Packet(A, B, 17, bytes(16), mf=True), "udp 0 > 0, first fragment, 36 octets"),
        (Ipv4Packet(A, B, 17, b"abc"), "udp cut short, 23 octets"),
    ],
)
def test_summaries(packet: Ipv4Packet, text: str) -> None:
    assert summarise(packet.build()) == f"10.1.1.5 > 203.0.113.77 {text}"


def test_summary_of_nonsense() -> None:
    assert summarise(b"\x60" + bytes(30)) == "malformed: IP version 6, must be 4"
