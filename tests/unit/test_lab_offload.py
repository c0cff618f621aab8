"""What the kernel leaves to a card: checksums and VLAN tags beside the frame."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from nsemu.lab.offload import finished, with_checksum

NOT_READY, VLAN, TPID = 8, 16, 64


def auxdata(status: int, tag: int = 0, tpid: int = 0) -> bytes:
    return struct.pack("=IIIHHHH", status, 0, 0, 0, 0, tag, tpid)


def built(layer: UDP | TCP, data: bytes, wrong: int) -> tuple[bytes, bytes]:
    """The frame as scapy sums it, and with another checksum."""
    head = Ether(src="00:00:00:00:00:01", dst="00:00:00:00:00:02") / IP(src="10.1.1.5", dst="10.2.2.1")
    right = bytes(head / layer / data)
    bad = layer.copy()
    bad.chksum = wrong
    return right, bytes(head / bad / data)


@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=64), wrong=st.integers(1, 0xFFFF), tcp=st.booleans())
def test_the_checksum_is_what_scapy_computes(data: bytes, wrong: int, tcp: bool) -> None:
    layer = TCP(sport=1, dport=2) if tcp else UDP(sport=1, dport=2)
    right, bad = built(layer, data, wrong)
    assert finished(bad, auxdata(NOT_READY)) == right
    assert finished(bad, auxdata(0)) == bad
    assert finished(bad, b"") == bad


def test_padding_after_the_packet_is_no_part_of_it() -> None:
    right, bad = built(UDP(sport=1, dport=2), b"x", 77)
    assert with_checksum(bad + bytes(20)) == right + bytes(20)


@pytest.mark.parametrize(
    "frame",
    [
        Ether() / IP() / ICMP(),
        Ether() / IP(flags="MF") / UDP(chksum=1) / b"part",
        Ether() / IP(frag=8) / UDP(chksum=1) / b"part",
        Ether(type=0x86DD) / (b"\x60" + bytes(39)),
    ],
)
def test_what_has_no_such_checksum_stays(frame: Ether) -> None:
    assert with_checksum(bytes(frame)) == bytes(frame)


@pytest.mark.parametrize("layer", [UDP(chksum=1), TCP(chksum=1)])
def test_any_cut_is_survived(layer: UDP | TCP) -> None:
    whole = bytes(Ether() / IP() / layer / b"data")
    for size in range(len(whole)):
        assert with_checksum(whole[:size]) == whole[:size]


def test_the_vlan_tag_is_put_back() -> None:
    plain = Ether() / IP(src="10.1.1.5", dst="10.2.2.1") / ICMP()
    tagged = Ether() / Dot1Q(vlan=7, prio=3) / IP(src="10.1.1.5", dst="10.2.2.1") / ICMP()
    assert finished(bytes(plain), auxdata(VLAN, tag=7 | 3 << 13)) == bytes(tagged)
    assert finished(bytes(plain), auxdata(VLAN | TPID, 7, 0x88A8))[12:16] == b"\x88\xa8\x00\x07"
