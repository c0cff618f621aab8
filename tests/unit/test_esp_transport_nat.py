"""Transport mode through NAT: ESP in UDP with the packet's own header, and the checksum that NAT has made wrong.

inside 192.168.1.1  ->  NAT 198.51.100.9  ->  device 2.2.2.2
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Raw

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.ipsec.esp import EspInbound
from nsemu.ipsec.esp_udp import EspUdpOutbound
from nsemu.ipsec.sa import SaMode, SaParameters, UdpPorts
from nsemu.sim.entropy import Entropy
from nsemu.wire.address import parse_ipv4
from nsemu.wire.checksum import checksum

INSIDE, OUTSIDE, DEVICE = (parse_ipv4(text) for text in ("192.168.1.1", "198.51.100.9", "2.2.2.2"))
PARAMETERS = SaParameters(
    0x12345678,
    INSIDE,
    DEVICE,
    IpsecProtocol.ESP,
    Encryption.AES128,
    Integrity.SHA1,
    bytes(range(16)),
    bytes(range(20)),
    mode=SaMode.TRANSPORT,
    udp=UdpPorts(4500, 4500),
)
RECEIVER = replace(PARAMETERS, local=DEVICE, peer=OUTSIDE)
ORIGINALS = [(INSIDE, DEVICE), None]


def through_nat(packet: bytes, values: SaParameters = PARAMETERS, *, source: int = OUTSIDE) -> bytes:
    """The packet sealed at the inside, as it arrives after NAT."""
    outer = EspUdpOutbound(values, Entropy(1).stream("x")).seal(packet)
    assert isinstance(outer, bytes)
    changed = bytearray(outer)
    changed[12:16] = source.to_bytes(4, "big")
    size = (changed[0] & 15) * 4
    changed[10:12] = b"\0\0"
    changed[10:12] = checksum(changed[:size]).to_bytes(2, "big")
    return bytes(changed)


def opened(packet: bytes, originals: tuple[int, int] | None, offset: int = 28) -> bytes:
    inner = EspInbound(replace(RECEIVER, originals=originals)).open(packet, offset)
    assert isinstance(inner, bytes)
    return inner


def is_sound(packet: bytes) -> bool:
    """Whether scapy computes the same checksums."""
    read = IP(packet)
    fresh = IP(packet)
    layer = UDP if UDP in read else TCP
    del fresh.chksum
    del fresh[layer].chksum
    again = IP(bytes(fresh))
    return bool(again.chksum == read.chksum and again[layer].chksum == read[layer].chksum)


@pytest.mark.parametrize("originals", ORIGINALS, ids=["told", "not told"])
@pytest.mark.parametrize("layer", [UDP(sport=1701, dport=1701), TCP(sport=1701, dport=80)], ids=["udp", "tcp"])
def test_the_checksum_goes_with_the_addresses(originals: tuple[int, int] | None, layer: object) -> None:
    """RFC 3948 §3.1.2: from the original addresses, or anew where the peer told none."""
    for text in (b"", b"x", b"hello, world"):
        packet = bytes(IP(src="192.168.1.1", dst="2.2.2.2") / layer / Raw(text))
        inner = opened(through_nat(packet), originals)
        read = IP(inner)
        assert (read.src, read.dst, read.len) == ("198.51.100.9", "2.2.2.2", len(packet))
        assert bytes(read.payload.payload) == text
        assert is_sound(inner)


def test_no_checksum_stays_none() -> None:
    """RFC 768: 0 means that there is none."""
    packet = bytes(IP(src="192.168.1.1", dst="2.2.2.2") / UDP(sport=1701, dport=1701, chksum=0) / Raw(b"text"))
    for originals in ORIGINALS:
        assert IP(opened(through_nat(packet), originals))[UDP].chksum == 0


def test_both_ends_behind_nat() -> None:
    """The packet was summed over what the sender sees of both ends."""
    seen = parse_ipv4("203.0.113.5")
    packet = bytes(IP(src="192.168.1.1", dst="203.0.113.5") / UDP(sport=1701, dport=1701) / Raw(b"text"))
    arrived = bytearray(through_nat(packet))
    arrived[16:20] = DEVICE.to_bytes(4, "big")
    arrived[10:12] = b"\0\0"
    arrived[10:12] = checksum(arrived[:20]).to_bytes(2, "big")
    assert is_sound(opened(bytes(arrived), (INSIDE, seen)))
    assert not is_sound(opened(bytes(arrived), (INSIDE, DEVICE)))


def test_options_of_the_header_stay_in_front() -> None:
    packet = bytes(IP(src="192.168.1.1", dst="2.2.2.2", options=b"\x01\x01\x01\x00") / UDP(sport=1701, dport=1701))
    outer = through_nat(packet)
    assert (outer[0], outer[9], outer[20:24]) == (0x46, 17, b"\1\1\1\0")
    inner = opened(outer, (INSIDE, DEVICE), offset=32)
    assert (inner[0], inner[20:24]) == (0x46, b"\1\1\1\0")
    assert is_sound(inner)


def test_scapy_reads_it() -> None:
    """B068: the next header is 17, that of the payload; scapy's ESP in UDP gives the packet as it was."""
    association = SecurityAssociation(
        ESP,
        spi=PARAMETERS.spi,
        crypt_algo="AES-CBC",
        crypt_key=PARAMETERS.encryption_key,
        auth_algo="HMAC-SHA1-96",
        auth_key=PARAMETERS.integrity_key,
        nat_t_header=UDP(sport=4500, dport=4500),
    )
    packet = bytes(IP(src="192.168.1.1", dst="2.2.2.2", ttl=64) / UDP(sport=1701, dport=1701) / Raw(b"text"))
    outer = EspUdpOutbound(PARAMETERS, Entropy(1).stream("x")).seal(packet)
    assert isinstance(outer, bytes)
    read = association.decrypt(IP(outer))
    assert read.proto == 17
    assert bytes(read[UDP]) == packet[20:]


def test_a_packet_too_long_for_udp_is_refused() -> None:
    sa = EspUdpOutbound(PARAMETERS, Entropy(1).stream("x"))
    packet = bytes(IP(src="192.168.1.1", dst="2.2.2.2", len=65500) / UDP(len=65480)) + bytes(65472)
    assert not isinstance(sa.seal(packet), bytes)


@settings(max_examples=60, deadline=None)
@given(text=st.binary(max_size=60), source=st.integers(1, 0xDFFFFFFF), told=st.booleans())
def test_any_payload_and_any_mapping(text: bytes, source: int, told: bool) -> None:
    packet = bytes(IP(src="192.168.1.1", dst="2.2.2.2") / UDP(sport=1701, dport=1701) / Raw(text))
    inner = opened(through_nat(packet, source=source), (INSIDE, DEVICE) if told else None)
    assert is_sound(inner)
