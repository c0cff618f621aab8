"""What the consoles, the debug buffer and the packet walk show of address translation."""

from __future__ import annotations

import pytest

from nsemu.cli.walk import PacketWalk
from support.nat_box import NatBox, tcp, udp

CLIENT = "9.9.9.9"
DST = (
    "set address trust virtual 1.2.1.8/32",
    "set vrouter trust-vr route 1.2.1.8/32 interface ethernet1",
    "set policy id 1 from untrust to trust any virtual http nat dst ip 10.1.1.8 port 8000 permit",
)
MIP = (
    "set interface ethernet3 mip 1.1.1.5 host 10.1.1.5",
    "set policy id 1 from untrust to trust any MIP(1.1.1.5) any permit",
    "set policy id 2 from trust to untrust any any any permit",
)
VIP = (
    "set interface ethernet3 vip 1.1.1.10 2121 ftp 10.1.1.10",
    "set policy id 1 from untrust to trust any VIP(1.1.1.10) ftp permit",
)
POOL = (
    "set interface ethernet3 dip 5 1.1.1.20",
    "set policy id 1 from trust to untrust any any any nat src dip-id 5 permit",
)
HUB = (
    "set interface tunnel.1 zone untrust",
    "set interface tunnel.1 ip 10.0.0.1/24",
    "set vpn one manual 3001 4001 gateway 2.2.2.2 outgoing-interface ethernet3 esp des password a auth md5 password b",
    "set vpn two manual 3002 4002 gateway 3.3.3.3 outgoing-interface ethernet3 esp des password a auth md5 password b",
    "set vpn one bind interface tunnel.1",
    "set vpn two bind interface tunnel.1",
    "set interface tunnel.1 nhtb 10.0.4.1 vpn two",
    "set route 10.20.0.0/16 interface tunnel.1 gateway 10.0.4.1",
    "set route 10.30.0.0/16 interface tunnel.1 gateway 10.0.6.1",
    "set policy id 1 from trust to untrust any any any permit",
)
CASES = [
    (
        MIP,
        "ethernet3",
        tcp(CLIENT, "1.1.1.5"),
        "mip (1.1.1.5->10.1.1.5)",
        'set interface "ethernet3" mip 1.1.1.5 host 10.1.1.5 netmask 255.255.255.255 vr "trust-vr"',
    ),
    (
        MIP,
        "ethernet1",
        tcp("10.1.1.5", CLIENT),
        "mip (10.1.1.5/4000->1.1.1.5/4000)",
        'set interface "ethernet3" mip 1.1.1.5 host 10.1.1.5 netmask 255.255.255.255 vr "trust-vr"',
    ),
    (
        VIP,
        "ethernet3",
        tcp(CLIENT, "1.1.1.10", dport=2121),
        "vip (1.1.1.10->10.1.1.10)",
        'set interface ethernet3 vip 1.1.1.10 2121 "FTP" 10.1.1.10',
    ),
    (DST, "ethernet3", tcp(CLIENT, "1.2.1.8"), "dst-nat (1.2.1.8->10.1.1.8)", "nat dst ip 10.1.1.8 port 8000 permit"),
    (POOL, "ethernet1", udp("10.1.1.6", CLIENT), "dip id = 5, 10.1.1.6/4000->1.1.1.20/1024", "nat src dip-id 5 permit"),
    (HUB, "ethernet1", udp("10.1.1.6", "10.20.1.1"), "going into tunnel", 'nhtb 10.0.4.1 vpn "two"'),
]


@pytest.mark.parametrize(("lines", "interface", "packet", "debug", "line"), CASES)
def test_every_decision_is_told_with_its_line(
    lines: tuple[str, ...], interface: str, packet: object, debug: str, line: str
) -> None:
    box = NatBox(*lines)
    box.type("debug flow basic")
    story = box.receive(interface, bytes(packet))  # type: ignore[call-overload]
    assert debug in box.type("get dbuf stream")
    text = PacketWalk(story, {"fw": box.device.config}).text()
    assert line in " ".join(text.split()), text


@pytest.mark.parametrize(
    ("lines", "interface", "packet", "says"),
    [
        (VIP, "ethernet3", tcp(CLIENT, "1.1.1.10", dport=22), "1.1.1.10/22"),
        (HUB, "ethernet1", udp("10.1.1.6", "10.30.1.1"), "no binding for next hop 10.0.6.1"),
    ],
)
def test_a_refusal_says_what_is_missing(lines: tuple[str, ...], interface: str, packet: object, says: str) -> None:
    box = NatBox(*lines)
    story = box.receive(interface, bytes(packet))  # type: ignore[call-overload]
    assert says in " ".join(PacketWalk(story, {"fw": box.device.config}).text().split())


def test_the_tables() -> None:
    box = NatBox(
        *MIP,
        "set interface ethernet3 mip 1.1.1.128 host 10.1.1.0 netmask 255.255.255.128",
        "set interface ethernet3 vip 1.1.1.10 80 http 10.1.1.10",
        "set interface ethernet3 vip 1.1.1.10 + 2121 ftp 10.1.1.20",
        "set interface ethernet3 vip interface-ip 25 mail 10.1.1.30",
        "set interface ethernet3 dip 5 1.1.1.20 1.1.1.30",
        "set interface ethernet3 dip 4 1.1.1.40 1.1.1.45 fix-port",
        "set interface ethernet3 dip 7 shift-from 10.1.1.9 to 1.1.1.50 1.1.1.55",
        "set dip sticky",
    )
    assert box.type("get dip") == (
        "Dip Id    Dip Low             Dip High            Interface            Attribute    Usage\n"
        "4         1.1.1.40            1.1.1.45            eth3                 fix-port     0\n"
        "5         1.1.1.20            1.1.1.30            eth3                 port-xlate   0\n"
        "7         1.1.1.50            1.1.1.55            eth3                 ip-shift     0\n"
        "Port-xlated dip stickness on\n"
    )
    assert box.type("get dip all") == box.type("get dip")
    assert box.type("get mip") == (
        "Total MIPs under Root vsys:2 is shown below\n"
        "Map IP           Host IP          VSYS         Interface   Netmask          VRouter\n"
        "1.1.1.5          10.1.1.5         Root         eth3        255.255.255.255  trust-vr\n"
        "1.1.1.128        10.1.1.0         Root         eth3        255.255.255.128  trust-vr\n"
    )
    assert box.type("get vip") == (
        "Virtual IP    Port  Service         Server/Port\n"
        "1.1.1.10        80  HTTP            10.1.1.10/80(OK)\n"
        "1.1.1.10      2121  FTP             10.1.1.20/21(OK)\n"
        "1.1.1.1         25  MAIL            10.1.1.30/25(OK)\n"
    )


def test_the_policy_says_how_it_translates() -> None:
    box = NatBox(*POOL, *DST[:2], DST[2].replace("id 1", "id 2").replace("nat dst", "nat src dst"))
    assert "nat src dip-id 5, " in box.type("get policy id 1")
    assert "nat src dst ip 10.1.1.8 port 8000, " in box.type("get policy id 2")
    assert "nat off, " in box.type("get policy id 100")
