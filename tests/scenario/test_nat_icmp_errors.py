"""ICMP errors about translated packets: they reach the sender, quote what it sent, and tell no hidden address."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, IPerror

from support.nat_box import NatBox, checked, ends, error_about, ping, quoted_ends, reply_to, tcp, udp

CLIENT, SERVER = "10.1.1.6", "9.9.9.9"
OUTWARD = {
    "interface mode": ("set interface ethernet1 nat", "set policy id 1 from trust to untrust any any any permit"),
    "egress": ("set policy id 1 from trust to untrust any any any nat src permit",),
    "pool": (
        "set interface ethernet3 dip 5 1.1.1.20 1.1.1.30",
        "set policy id 1 from trust to untrust any any any nat src dip-id 5 permit",
    ),
    "fixed port": (
        "set interface ethernet3 dip 5 1.1.1.20 fix-port",
        "set policy id 1 from trust to untrust any any any nat src dip-id 5 permit",
    ),
    "shift": (
        "set interface ethernet3 dip 5 shift-from 10.1.1.1 to 1.1.1.20 1.1.1.30",
        "set policy id 1 from trust to untrust any any any nat src dip-id 5 permit",
    ),
    "mip": (
        "set interface ethernet3 mip 1.1.1.77 host 10.1.1.6",
        "set policy id 1 from trust to untrust any any any permit",
    ),
}
INWARD = {
    "mip": (
        "1.1.1.5",
        "set interface ethernet3 mip 1.1.1.5 host 10.1.1.5",
        "set policy id 1 from untrust to trust any MIP(1.1.1.5) any permit",
    ),
    "vip": (
        "1.1.1.10",
        "set interface ethernet3 vip 1.1.1.10 80 http 10.1.1.5",
        "set interface ethernet3 vip 1.1.1.10 + 53 dns 10.1.1.5",
        "set policy id 1 from untrust to trust any VIP(1.1.1.10) any permit",
    ),
    "address": (
        "1.2.1.8",
        "set address trust virtual 1.2.1.8/32",
        "set vrouter trust-vr route 1.2.1.8/32 interface ethernet1",
        "set policy id 1 from untrust to trust any virtual any nat dst ip 10.1.1.5 permit",
    ),
    "port": (
        "1.2.1.8",
        "set address trust virtual 1.2.1.8/32",
        "set vrouter trust-vr route 1.2.1.8/32 interface ethernet1",
        "set policy id 1 from untrust to trust any virtual any nat dst ip 10.1.1.5 port 8000 permit",
    ),
    "both": (
        "1.2.1.8",
        "set address trust virtual 1.2.1.8/32",
        "set interface ethernet1 dip 5 10.1.1.200",
        "set vrouter trust-vr route 1.2.1.8/32 interface ethernet1",
        "set policy id 1 from untrust to trust any virtual any nat src dip-id 5 dst ip 10.1.1.5 permit",
    ),
}


def inner_checksum_holds(error: IP) -> bool:
    """Whether the quoted IP header has a sound checksum."""
    inner = error[IPerror]
    header = bytes(inner)[: inner.ihl * 4]
    total = sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, len(header), 2))
    return (total & 0xFFFF) + (total >> 16) == 0xFFFF


@pytest.mark.parametrize("maker", [tcp, udp, ping])
@pytest.mark.parametrize("kind", OUTWARD)
@pytest.mark.parametrize("reporter", ["7.7.7.7", SERVER])
def test_an_error_from_outside_reaches_the_host_inside(kind: str, maker: object, reporter: str) -> None:
    box = NatBox(*OUTWARD[kind])
    first = maker(CLIENT, SERVER)  # type: ignore[operator]
    sent = box.one("ethernet1", first)
    error = box.one("ethernet3", error_about(sent, reporter, 11, 0))
    assert (error.src, error.dst, error[ICMP].type) == (reporter, CLIENT, 11)
    assert quoted_ends(error) == ends(first)
    assert inner_checksum_holds(error)


@pytest.mark.parametrize("maker", [tcp, udp])
@pytest.mark.parametrize("kind", OUTWARD)
@pytest.mark.parametrize("reporter", [CLIENT, "10.1.1.254"])
def test_an_error_from_inside_tells_no_inner_address(kind: str, maker: object, reporter: str) -> None:
    """What the client, or a router in front of it, says about a reply comes from the translated address (RFC 5508)."""
    box = NatBox(*OUTWARD[kind])
    sent = box.one("ethernet1", maker(CLIENT, SERVER))  # type: ignore[operator]
    reply = box.one("ethernet3", reply_to(sent))
    error = box.one("ethernet1", error_about(reply, reporter))
    assert (error.src, error.dst) == (sent.src, SERVER)
    assert quoted_ends(error) == (SERVER, ends(sent)[3], sent.src, ends(sent)[1])
    assert inner_checksum_holds(error)


@pytest.mark.parametrize("kind", INWARD)
@pytest.mark.parametrize("maker", [tcp, udp])
def test_a_server_behind_translation_says_port_unreachable(kind: str, maker: object) -> None:
    """The error comes from the address that the client knows, not from the server's own."""
    destination, *lines = INWARD[kind]
    box = NatBox(*lines)
    first = maker(SERVER, destination)  # type: ignore[operator]
    inside = box.one("ethernet3", first)
    assert inside.dst == "10.1.1.5"
    error = box.one("ethernet1", error_about(inside, "10.1.1.5"))
    assert (error.src, error.dst) == (destination, SERVER)
    assert quoted_ends(error) == ends(first)
    assert inner_checksum_holds(error)


@pytest.mark.parametrize("kind", INWARD)
def test_an_error_about_a_reply_of_the_server_reaches_the_server(kind: str) -> None:
    destination, *lines = INWARD[kind]
    box = NatBox(*lines)
    inside = box.one("ethernet3", udp(SERVER, destination))
    reply = box.one("ethernet1", reply_to(inside))
    error = box.one("ethernet3", error_about(reply, "5.5.5.5", 3, 1))
    assert error.dst == "10.1.1.5"
    assert quoted_ends(error) == ("10.1.1.5", ends(inside)[3], inside.src, ends(inside)[1])


def test_an_error_about_a_port_that_no_session_has_goes_nowhere() -> None:
    box = NatBox(*OUTWARD["pool"])
    sent = box.one("ethernet1", udp(CLIENT, SERVER))
    forged = udp(sent.src, SERVER, ends(sent)[1] ^ 1)
    forged.src = sent.src
    assert box.nothing("ethernet3", error_about(checked(bytes(forged)), "7.7.7.7"))


def test_the_device_itself_reports_to_the_sender_about_what_it_sent() -> None:
    """Time exceeded and host unreachable are about the packet as it came."""
    box = NatBox(*OUTWARD["pool"])
    late = udp(CLIENT, SERVER)
    late.ttl = 1
    error = box.one("ethernet1", late)
    assert (error.src, error.dst) == ("10.1.1.1", CLIENT)
    assert quoted_ends(error) == ends(late)
    box.silent.add(0x010101FA)  # 1.1.1.250
    box.device.state.neighbors.clear()
    lost = udp(CLIENT, SERVER, 4001)
    box.sent.clear()
    box.receive("ethernet1", bytes(lost), trace=False, seconds=10)
    (error,) = [checked(frame[14:]) for name, frame in box.sent if name == "ethernet1"]
    assert (error.dst, error[ICMP].type, error[ICMP].code) == (CLIENT, 3, 1)
    assert quoted_ends(error) == ends(lost)
