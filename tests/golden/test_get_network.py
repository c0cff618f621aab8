"""Transcripts of what the network of a live device looks like: interfaces, zones, routes, ARP, sessions, counters."""

from __future__ import annotations

import pytest

from nsemu.wire.address import format_mac_dotted
from support.site_pair import Site, SitePair


@pytest.fixture
def pair() -> SitePair:
    return SitePair()


def mac(site: Site, interface: str) -> str:
    return format_mac_dotted(site.device.interfaces.items[interface].mac)


def body(text: str, after: str) -> list[str]:
    lines = text.splitlines()
    return lines[lines.index(after) + 1 :]


def test_interfaces_of_5(pair: SitePair) -> None:
    pair.route_based()
    west = pair.west
    west.accept(
        "set interface loopback.3 zone DMZ\nset interface loopback.3 ip 9.9.9.9/32\nset zone name a-very-long-zone"
    )
    west.accept("set interface ethernet7 zone a-very-long-zone")
    macs = [mac(west, f"ethernet{number}") for number in range(1, 9)]
    assert west.type("get interface") == (
        "\n"
        "A - Active, I - Inactive, U - Up, D - Down, R - Ready \n"
        "\n"
        "Interfaces in vsys Root: \n"
        "Name           IP Address         Zone        MAC            VLAN State VSD      \n"
        f"eth1           10.1.1.1/24        Trust       {macs[0]}    -   U   -  \n"
        f"eth2           0.0.0.0/0          DMZ         {macs[1]}    -   D   -  \n"
        f"eth3           1.1.1.1/24         Untrust     {macs[2]}    -   U   -  \n"
        f"eth4           0.0.0.0/0          Null        {macs[3]}    -   D   -  \n"
        f"eth5           0.0.0.0/0          Null        {macs[4]}    -   D   -  \n"
        f"eth6           0.0.0.0/0          Null        {macs[5]}    -   D   -  \n"
        f"eth7           0.0.0.0/0          a-very-lon~ {macs[6]}    -   D   -  \n"
        f"eth8           0.0.0.0/0          Null        {macs[7]}    -   D   -  \n"
        "loop.3         9.9.9.9/32         DMZ         N/A               -   U   -  \n"
        "tun.1          unnumbered         Untrust     ethernet3         -   R   -  \n"
        f"vlan1          0.0.0.0/0          VLAN        {mac(west, 'vlan1')}    1   D   -  \n"
        "null           0.0.0.0/0          Null        N/A               -   U   0  \n"
    )
    assert west.type("get interface all").splitlines()[:5] == [
        "box is not in pure_l2_mode",
        "",
        "A - Active, I - Inactive, U - Up, D - Down, R - Ready ",
        "",
        "Total interface: 12",
    ]


def test_state_of_a_tunnel_interface(pair: SitePair) -> None:
    """B179: the state of a tunnel interface is that of its VPN; bound to a tunnel zone it is always up."""
    pair.route_based()
    west = pair.west
    west.accept("set interface tunnel.7 zone Untrust-Tun\nset interface tunnel.8 zone Trust")

    def states() -> dict[str, str]:
        rows = [line.split() for line in west.type("get interface | include tun.").splitlines()]
        return {row[0]: row[5] for row in rows}

    assert states() == {"tun.1": "R", "tun.7": "U", "tun.8": "D"}
    assert "  link ready\n" in west.type("get interface tunnel.1")
    west.device.set_carrier(west.outside, False)
    assert states() == {"tun.1": "D", "tun.7": "U", "tun.8": "D"}
    assert "  link down\n" in west.type("get interface tunnel.1")


def test_one_interface_of_5(pair: SitePair) -> None:
    west = pair.west
    west.accept("set interface ethernet3 manage ping\nset interface ethernet3 manage web")
    west.accept("set interface ethernet3 manage-ip 1.1.1.7")
    pair.run(3725)
    west.device.set_carrier("ethernet3", False)
    west.device.set_carrier("ethernet3", True)
    hardware = mac(west, "ethernet3")
    assert west.type("get interface eth3") == (
        "Interface ethernet3:\n"
        "  number 2, if_info 176, if_index 0, mode route\n"
        "  link up, phy-link up/full-duplex\n"
        "  status change:3, last change:05/01/2008 11:02:05\n"
        "  vsys Root, zone Untrust, vr trust-vr\n"
        "  dhcp client disabled\n"
        "  PPPoE disabled\n"
        f"  *ip 1.1.1.1/24   mac {hardware}\n"
        f"  *manage ip 1.1.1.7, mac {hardware}\n"
        "  route-deny disable\n"
        "  ping enabled, telnet disabled, SSH disabled, SNMP disabled\n"
        "  web enabled, ident-reset disabled, SSL disabled\n"
        "  webauth disabled, webauth-ip 0.0.0.0\n"
        "  RIP disabled\n"
        "  bandwidth: physical 100000kbps, configured 0kbps, current 0kbps\n"
        "             total configured gbw 0kbps, total allocated gbw 0kbps\n"
        "  DHCP-Relay disabled\n"
        "  DHCP-server disabled\n"
    )


def test_one_tunnel_interface_of_6() -> None:
    pair = SitePair("ssg5")
    pair.route_based()
    assert pair.west.type("get interface tun.1") == (
        "Interface tunnel.1:\n"
        "  description tunnel.1\n"
        "  number 20, if_info 1768, if_index 1, mode route\n"
        "  link ready\n"
        "  status change:1, last change:05/01/2008 10:00:00\n"
        "  vsys Root, zone Untrust, vr trust-vr\n"
        "  admin mtu 0, operating mtu 1500, default mtu 1500\n"
        "  *ip 1.1.1.1/24   unnumbered, source interface ethernet0/0\n"
        "  *manage ip 1.1.1.1\n"
        "  route-deny disable\n"
        "  bound vpn:\n"
        "    lan_to_lan\n"
        "\n"
        "  Next-Hop Tunnel Binding table\n"
        "  Flag Status Next-Hop(IP)    tunnel-id  VPN\n"
        "\n"
        "  pmtu-v4 disabled\n"
        "  ping disabled, telnet disabled, SSH disabled, SNMP disabled\n"
        "  web disabled, ident-reset disabled, SSL disabled\n"
        "\n"
        "  OSPF disabled  BGP disabled  RIP disabled  RIPng disabled  mtrace disabled\n"
        "  PIM: not configured  IGMP not configured\n"
        "  NHRP disabled\n"
        "  bandwidth: physical 0kbps, configured egress [gbw 0kbps mbw 0kbps]\n"
        "             configured ingress mbw 0kbps, current bw 0kbps\n"
        "             total allocated gbw 0kbps\n"
    )
    assert pair.west.type("get int tun.1 nhtb") == (
        "  Next-Hop Tunnel Binding table\n  Flag Status Next-Hop(IP)    tunnel-id  VPN\n"
    )


def test_interfaces_that_do_not_exist(pair: SitePair) -> None:
    for line in ("get interface ethernet9", "get interface tunnel.4 nhtb", "get interface ethernet1 nhtb"):
        output = pair.west.type(line)
        assert pair.west.console.refused
        assert line.split()[2] in output


def test_zones(pair: SitePair) -> None:
    west = pair.west
    west.accept("set zone name X1\nset zone X1 vrouter untrust-vr\nset zone X1 block\nset interface ethernet4 zone X1")
    table = west.type("get zone").splitlines()
    assert table[:2] == [
        "Total 15 zones created in vsys Root - 9 are policy configurable.",
        "Total policy configurable zones for Root is 9.",
    ]
    assert table[-2] == f" 100 X1                               Sec(L3)        untrust-vr   ethernet4    Root{' ' * 16}"
    assert west.type("get zone x1") == (
        "Zone name: X1, id: 100, type: Security(L3), vsys: Root, vrouter:untrust-vr\n"
        "Intrazone block: On, attrib: Non-shared\n"
        "TCP non SYN send reset: Off\n"
        "IP/TCP reassembly for ALG on traffic from/to this zone: No\n"
        "Asymmetric vpn: Disabled\n"
        "Policy Configurable: Yes\n"
        "Interfaces bound:1. Designated ifp:ethernet4\n"
        "interface ethernet4\n"
        "DHCP relay disabled\n"
    )


def test_routes_of_5_with_an_empty_first_table(pair: SitePair) -> None:
    """B184, B185: the asterisk, the letters, the columns. The layout is the one that Volume 5 prints."""
    west = pair.west
    west.accept(
        """
set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set interface tunnel.1 zone Untrust
set interface tunnel.1 ip unnumbered interface ethernet3
set vrouter trust-vr route 10.2.2.0/24 interface tunnel.1
set vrouter trust-vr route 10.2.2.0/24 interface null metric 10
set vrouter trust-vr route 172.16.0.0/12 vrouter untrust-vr
"""
    )
    assert west.type("get route") == (
        "IPv4 Dest-Routes for <untrust-vr> (0 entries)\n"
        f"{'-' * 80}\n"
        "H: Host C: Connected S: Static A: Auto-Exported\n"
        "I: Imported R: RIP P: Permanent D: Auto-Discovered\n"
        "iB: IBGP eB: EBGP O: OSPF E1: OSPF external type 1\n"
        "E2: OSPF external type 2\n"
        "\n"
        "IPv4 Dest-Routes for <trust-vr> (8 entries)\n"
        f"{'-' * 80}\n"
        "   ID          IP-Prefix      Interface         Gateway   P Pref    Mtr     Vsys\n"
        f"{'-' * 80}\n"
        "*   1        10.1.1.0/24           eth1         0.0.0.0   C    0      0     Root\n"
        "*   2        10.1.1.1/32           eth1         0.0.0.0   H    0      0     Root\n"
        "*   3         1.1.1.0/24           eth3         0.0.0.0   C    0      0     Root\n"
        "*   4         1.1.1.1/32           eth3         0.0.0.0   H    0      0     Root\n"
        "*   5          0.0.0.0/0           eth3       1.1.1.250   S   20      1     Root\n"
        "    6        10.2.2.0/24          tun.1         0.0.0.0   S   20      1     Root\n"
        "*   7        10.2.2.0/24           null         0.0.0.0   S   20     10     Root\n"
        "*   8      172.16.0.0/12            n/a      untrust-vr   S   20      0     Root\n"
    )
    assert body(west.type("get route prefix 10.2.2.0/24"), "-" * 80)[-2:] == [
        "    6        10.2.2.0/24          tun.1         0.0.0.0   S   20      1     Root",
        "*   7        10.2.2.0/24           null         0.0.0.0   S   20     10     Root",
    ]
    connected = west.type("get vrouter trust-vr route protocol connected")
    assert [line.split()[2] for line in connected.splitlines()[-4:]] == [
        "10.1.1.0/24",
        "10.1.1.1/32",
        "1.1.1.0/24",
        "1.1.1.1/32",
    ]


def test_routes_of_6_with_a_legend_before_the_first_table() -> None:
    pair = SitePair("ssg5")
    west = pair.west
    west.accept(
        """
set vrouter name dmz-vr
set zone DMZ vrouter untrust-vr
set interface ethernet0/1 zone DMZ
set interface ethernet0/1 ip 3.3.3.1/24
"""
    )
    text = west.type("get route")
    legend = text.splitlines()[:5]
    assert legend == [
        "H: Host C: Connected S: Static A: Auto-Exported",
        "I: Imported R: RIP P: Permanent D: Auto-Discovered",
        "N: NHRP",
        "iB: IBGP eB: EBGP O: OSPF E1: OSPF external type 1",
        "E2: OSPF external type 2 trailing B: backup route",
    ]
    assert text.splitlines()[5:13] == [
        "",
        "",
        "IPv4 Dest-Routes for <untrust-vr> (2 entries)",
        "-" * 86,
        "         ID          IP-Prefix      Interface         Gateway   P Pref    Mtr     Vsys",
        "-" * 86,
        "          1         3.3.3.0/24         eth0/1         0.0.0.0   C    0      0     Root",
        "          2         3.3.3.1/32         eth0/1         0.0.0.0   H    0      0     Root",
    ]
    assert text.endswith(f"\n\n\nIPv4 Dest-Routes for <dmz-vr> (0 entries)\n{'-' * 86}\n")


def test_route_to_an_address(pair: SitePair) -> None:
    west = pair.west
    west.accept(
        """
set interface ethernet2 zone DMZ
set vrouter untrust-vr route 0.0.0.0/0 vrouter trust-vr
set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
"""
    )
    assert west.type("get route ip 8.8.8.8") == (
        " Dest for 8.8.8.8\n"
        f"{'-' * 80}\n"
        "untrust-vr     : => 0.0.0.0/0 (id=1) via 1.1.1.250 (vr: trust-vr)\n"
        "                    Interface ethernet3 , metric 1\n"
        "trust-vr       : => 0.0.0.0/0 (id=5) via 1.1.1.250 (vr: trust-vr)\n"
        "                    Interface ethernet3 , metric 1\n"
    )
    west.accept("unset vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250")
    assert west.type("get vrouter trust-vr route ip 8.8.8.8").splitlines()[2:] == ["trust-vr       : => no route"]
    west.type("get route id 77")
    assert west.console.refused


def test_vrouters(pair: SitePair) -> None:
    west = pair.west
    west.accept("set vrouter name blue-vr")
    assert west.type("get vrouter") == (
        "* indicates default vrouter \n"
        "A - AutoExport, R - RIP, N- NHRP, O - OSPF, B - BGP, P - PIM\n"
        "\n"
        "   ID Name                     Vsys                 Owner     Routes    MRoutes     Flags\n"
        "    1 untrust-vr               Root                 shared      0/max       0/max       \n"
        "*   2 trust-vr                 Root                 shared      4/max       0/max       \n"
        " 1025 blue-vr                  Root                 user        0/max       0/max       \n"
        "\n"
        "total 3 vrouters shown and 1 of them defined by user\n"
    )


def test_arp(pair: SitePair) -> None:
    """An entry that waits, entries that count down, an entry that has gone stale."""
    pair.plain()
    west = pair.west
    neighbor = pair.east.device.interfaces.items["ethernet3"].mac.hex()
    rows = west.type("get arp").splitlines()
    assert rows[:5] == [
        "usage: 0/1024 miss: 0",
        "always-on-dest: disabled",
        "-" * 89,
        "            IP           Mac          VR/Interface  State   Age  Retry  PakQue  Sess_cnt",
        "-" * 89,
    ]
    west.ping("10.2.2.5")
    assert west.type("get arp").splitlines()[5:] == [
        "       1.1.1.2  000000000000  trust-vr/eth3           PND     0      1       1     1"
    ]
    pair.run(10)
    assert west.type("get arp").splitlines()[5:] == [
        f"      10.1.1.5  {west.host_mac.hex()}  trust-vr/eth1           VLD  1191      0       0     1",
        f"       1.1.1.2  {neighbor}  trust-vr/eth3           VLD  1191      0       0     1",
    ]
    assert len(west.type("get arp interface eth1").splitlines()) == 6
    pair.run(1200)
    assert len(west.type("get arp").splitlines()) == 5


def test_sessions_of_5(pair: SitePair) -> None:
    """Both wings of a translated TCP connection and of a ping; the time left, in ticks of ten seconds."""
    pair.plain()
    west, outside = pair.west, pair.east.device.interfaces.items["ethernet3"].mac.hex()
    west.connect("10.2.2.5", 80)
    pair.run(1)
    west.ping("10.2.2.5", sequence=9, identifier=512)
    pair.run(1)
    tcp, ping = west.device.state.sessions
    port, identifier = tcp.reverse.flow[3], ping.reverse.flow[2]
    inside = west.host_mac.hex()
    assert west.type("get session") == (
        "alloc 2/max 128000, alloc failed 0, di alloc failed 0\n"
        f"id {tcp.id}/s**,vsys 0,flag 08000040/0000/00,policy 1,time 30, dip 2\n"
        f" 0(0801):10.1.1.5/1024->10.2.2.5/80,6,{inside},2,vlan 0,tun 0,vsd 0,route 1\n"
        f" 2(0800):1.1.1.1/{port}<-10.2.2.5/80,6,{outside},3,vlan 0,tun 0,vsd 0,route 5\n"
        f"id {ping.id}/s**,vsys 0,flag 00000040/0000/00,policy 1,time 6, dip 2\n"
        f" 0(0801):10.1.1.5/9->10.2.2.5/512,1,{inside},2,vlan 0,tun 0,vsd 0,route 1\n"
        f" 2(0800):1.1.1.1/9<-10.2.2.5/{identifier},1,{outside},3,vlan 0,tun 0,vsd 0,route 5\n"
        "Total 2 sessions shown\n"
    )
    pair.run(35)
    times = [line.split("time ")[1] for line in west.type("get session | include policy").splitlines()]
    assert times == ["27, dip 2", "3, dip 2"]
    pair.run(300)
    assert west.type("get session") == (
        "alloc 0/max 128000, alloc failed 0, di alloc failed 0\nTotal 0 sessions shown\n"
    )


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("src-ip 10.1.1.5", 3),
        ("src-ip 10.1.1.6", 0),
        ("src-ip 10.1.1.0 netmask 255.255.255.0", 3),
        ("src-ip 10.1.2.0 netmask 255.255.255.0", 0),
        ("dst-ip 10.2.2.5 dst-port 80", 1),
        ("dst-port 80 443", 2),
        ("src-port 1025", 1),
        ("protocol 6", 2),
        ("protocol 1", 1),
        ("protocol 2 5", 0),
        ("policy-id 1", 3),
        ("policy-id 2", 0),
        ("service http", 1),
        ("tunnel", 0),
        ("dst-port 443 protocol 6 src-ip 10.1.1.5 policy-id 1", 1),
    ],
)
def test_session_filters(words: str, shown: int) -> None:
    pair = SitePair()
    pair.plain()
    pair.west.connect("10.2.2.5", 80)
    pair.west.connect("10.2.2.5", 443, 1025)
    pair.west.ping("10.2.2.5")
    pair.run(1)
    text = pair.west.type(f"get session {words}")
    assert text.endswith(f"Total {shown} sessions shown\n")
    assert text.count("id ") == shown


def test_session_by_id_and_summary(pair: SitePair) -> None:
    pair.plain()
    pair.west.connect("10.2.2.5", 80)
    pair.west.connect("10.2.2.5", 443, 1025)
    first, _second = pair.west.device.state.sessions
    assert pair.west.type(f"get session id {first.id}").startswith(f"id {first.id}({first.id:08x}), flag ")
    assert pair.west.type("get session info") == "alloc 2/max 128000, alloc failed 0, di alloc failed 0\n"


def test_counters(pair: SitePair) -> None:
    pair.plain()
    west = pair.west
    west.accept("unset policy 1")
    west.ping("10.2.2.5")
    west.ping("10.1.1.1")
    pair.run(1)
    inside = west.device.interfaces.items["ethernet1"].counters
    # Two pings and an ARP reply came in; a gratuitous ARP, an ARP request and the answer to a ping went out.
    assert (inside.in_packets, inside.out_packets) == (3, 3)
    text = west.type("get count stati int e1")
    assert text.splitlines()[:3] == [
        "Hardware counters for interface ethernet1:",
        f"in bytes      {inside.in_bytes:>10} | out bytes     {inside.out_bytes:>10} | early frame            0",
        "in packets             3 | out packets            3 | late frame             0",
    ]
    flow = text.splitlines()[12:]
    assert flow[0] == "Total flow counters for interface ethernet1:"
    assert "encrypt fail           0 | connections            0 | policy deny            1" in flow
    assert "in self                1 | no map                 0 | icmp flood             0" in flow
    assert west.type("get counter flow zone trust").splitlines()[1:] == flow[1:]
    untrust = west.type("get counter flow zone untrust")
    assert "policy deny            0" in untrust
    assert west.type("get counter flow").count("Total flow counters") == 3
    screen = west.type("get counter screen interface ethernet1").splitlines()
    assert screen[0] == "Screen counter on Interface ethernet1"
    assert all(cell.split()[-1] == "0" for line in screen[1:] for cell in line.split("|") if cell.strip())
