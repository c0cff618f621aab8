"""Ethernet II, 802.1Q and ARP against scapy, and what they refuse."""

from __future__ import annotations

import pytest
from scapy.layers.l2 import ARP, Dot1Q, Ether

from nsemu.wire import arp
from nsemu.wire.address import BROADCAST_MAC, ZERO_MAC, parse_ipv4
from nsemu.wire.arp import ArpPacket
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV4, EthernetFrame, VlanTag, is_group

MAC_A = bytes.fromhex("0010db281152")
MAC_B = bytes.fromhex("02aabbccddee")


def test_scapy_reads_our_frame() -> None:
    frame = Ether(EthernetFrame(MAC_A, MAC_B, 0x88B5, b"payload").build())
    assert (frame.dst, frame.src, frame.type) == ("00:10:db:28:11:52", "02:aa:bb:cc:dd:ee", 0x88B5)
    assert bytes(frame.payload) == b"payload"


def test_scapy_reads_our_tag() -> None:
    frame = Ether(EthernetFrame(MAC_A, MAC_B, 0x88B5, b"x", VlanTag(1234, priority=5, drop_eligible=True)).build())
    tag = frame[Dot1Q]
    assert (tag.vlan, tag.prio, tag.id, tag.type) == (1234, 5, 1, 0x88B5)


def test_we_read_scapys_tag() -> None:
    data = bytes(Ether(dst="00:10:db:28:11:52", src="02:aa:bb:cc:dd:ee") / Dot1Q(vlan=7, prio=3, type=0x0800) / b"ip")
    frame = EthernetFrame.parse(data)
    assert frame == EthernetFrame(MAC_A, MAC_B, ETHERTYPE_IPV4, b"ip", VlanTag(7, priority=3))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(13), "Ethernet frame of 13 octets, the header has 14"),
        (bytes(12) + b"\x81\x00\x00", "Ethernet frame of 15 octets, the tagged header has 18"),
    ],
)
def test_short_frames_are_malformed(data: bytes, message: str) -> None:
    with pytest.raises(MalformedPacket) as caught:
        EthernetFrame.parse(data)
    assert str(caught.value) == message


def test_group_bit() -> None:
    assert is_group(BROADCAST_MAC)
    assert is_group(bytes.fromhex("01005e000001"))
    assert not is_group(MAC_B)


def test_scapy_reads_our_arp_in_a_frame() -> None:
    request = ArpPacket(arp.REQUEST, MAC_B, parse_ipv4("10.1.1.5"), ZERO_MAC, parse_ipv4("10.1.1.1"))
    packet = Ether(EthernetFrame(BROADCAST_MAC, MAC_B, ETHERTYPE_ARP, request.build()).build())[ARP]
    assert (packet.op, packet.hwsrc, packet.psrc, packet.pdst) == (1, "02:aa:bb:cc:dd:ee", "10.1.1.5", "10.1.1.1")


def test_we_read_scapys_arp_with_padding() -> None:
    data = bytes(ARP(op=2, hwsrc="00:10:db:28:11:52", psrc="1.1.1.1", hwdst="02:aa:bb:cc:dd:ee", pdst="1.1.1.2"))
    packet = ArpPacket.parse(data + bytes(18))
    assert packet == ArpPacket(arp.REPLY, MAC_A, parse_ipv4("1.1.1.1"), MAC_B, parse_ipv4("1.1.1.2"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((0, b"\x00\x06"), "ARP hardware type 6 and protocol type 0x0800, not Ethernet and IPv4"),
        ((2, b"\x86\xdd"), "ARP hardware type 1 and protocol type 0x86dd, not Ethernet and IPv4"),
        ((4, b"\x08"), "ARP address lengths 8 and 4, must be 6 and 4"),
        ((5, b"\x10"), "ARP address lengths 6 and 16, must be 6 and 4"),
    ],
)
def test_arp_of_other_networks_is_malformed(change: tuple[int, bytes], message: str) -> None:
    data = bytearray(ArpPacket(arp.REQUEST, MAC_B, 1, ZERO_MAC, 2).build())
    data[change[0] : change[0] + len(change[1])] = change[1]
    with pytest.raises(MalformedPacket) as caught:
        ArpPacket.parse(bytes(data))
    assert str(caught.value) == message
