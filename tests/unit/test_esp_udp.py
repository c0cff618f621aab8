"""ESP in UDP: the outer packet as scapy reads it, marker and checksum, and where ESP is looked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scapy.layers.inet import IP, UDP

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.ipsec.esp import EspInbound
from nsemu.ipsec.esp_udp import EspUdpOutbound, esp_offset
from nsemu.ipsec.sa import IpsecFailure, SaParameters, UdpPorts
from nsemu.sim.entropy import Entropy
from nsemu.wire.address import parse_ipv4
from nsemu.wire.ipv4 import Ipv4Packet

LOCAL, PEER = parse_ipv4("192.168.1.1"), parse_ipv4("2.2.2.2")
INNER = Ipv4Packet(parse_ipv4("10.1.1.5"), parse_ipv4("10.2.2.5"), 17, bytes(range(101))).build()
PARAMETERS = SaParameters(
    0x12345678,
    LOCAL,
    PEER,
    IpsecProtocol.ESP,
    Encryption.AES128,
    Integrity.SHA1,
    bytes(16),
    bytes(20),
    udp=UdpPorts(4500, 1025),
)


def sealer(ports: UdpPorts) -> EspUdpOutbound:
    return EspUdpOutbound(replace(PARAMETERS, udp=ports), Entropy(1).stream("x"))


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize(("ports", "offset"), [((4500, 1025), 28), ((500, 500), 36)])
def test_the_outer_packet_is_sound(ports: tuple[int, int], offset: int, checksum: bool) -> None:
    """B307, B309: protocol 17, lengths and both checksums; draft 00 has a marker."""
    marker = ports[0] == 500
    outer = sealer(UdpPorts(*ports, marker, checksum)).seal(INNER)
    assert isinstance(outer, bytes)
    read = IP(outer)
    assert (read.proto, read.src, read.dst, read.len) == (17, "192.168.1.1", "2.2.2.2", len(outer))
    assert (read[UDP].sport, read[UDP].dport, read[UDP].len) == (*ports, len(outer) - 20)
    rebuilt = IP(outer)
    del rebuilt.chksum
    del rebuilt[UDP].chksum
    fresh = IP(bytes(rebuilt))
    assert fresh.chksum == read.chksum
    assert read[UDP].chksum == (fresh[UDP].chksum if checksum else 0)
    arrived = outer[:22] + ports[0].to_bytes(2, "big") + outer[24:]
    assert esp_offset(arrived, 20, ports[0]) == offset
    assert outer[offset : offset + 4] == bytes.fromhex("12345678")
    assert EspInbound(PARAMETERS).open(outer, offset) == INNER


def test_what_is_not_esp() -> None:
    """B308: IKE has a marker on port 4500, and a cookie on port 500; a keepalive is one octet."""
    header = bytes(28)
    assert esp_offset(header + bytes(4) + b"cookie..", 20, 4500) == 0
    assert esp_offset(header + b"\xff", 20, 4500) == 0
    assert esp_offset(header + b"cookie!!" + bytes(40), 20, 500) == 0
    assert esp_offset(header + bytes(8), 20, 500) == 0
    assert esp_offset(header + b"\1" * 40, 20, 53) == 0


def test_a_changed_mapping_is_used_from_the_next_packet_on() -> None:
    sa = sealer(UdpPorts(4500, 1025))
    sa.move(parse_ipv4("9.9.9.9"), 40000)
    outer = sa.seal(INNER)
    assert isinstance(outer, bytes)
    read = IP(outer)
    assert (read.dst, read[UDP].dport) == ("9.9.9.9", 40000)
    del read.chksum
    assert IP(bytes(read)).chksum == IP(outer).chksum
    assert sa.parameters.peer == parse_ipv4("9.9.9.9")


@pytest.mark.parametrize("marker", [False, True])
@pytest.mark.parametrize("mtu", [576, 1280, 1400, 1500])
def test_the_longest_inner_packet_just_fits(mtu: int, marker: bool) -> None:
    sa = sealer(UdpPorts(4500, 4500, marker))
    size = sa.longest_inner(mtu)
    exact, longer = sa.seal(INNER[:20] + bytes(size - 20)), sa.seal(INNER[:20] + bytes(size - 19))
    assert isinstance(exact, bytes)
    assert isinstance(longer, bytes)
    assert len(exact) <= mtu < len(longer)
    assert sa.seal(bytes(65530)) is IpsecFailure.TOO_LONG
