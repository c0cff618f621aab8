"""Rows of the layouts against lines that were captured on real devices (screenos-cli §1, samples marked exact)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from nsemu.cli.show import address, arp, counter, event, interface, layout, policy, route, sa, service, session, zone
from nsemu.config.address import Address
from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.config.device import factory_configuration
from nsemu.config.interface import InterfaceKind
from nsemu.config.policy import Policy, PolicyAction
from nsemu.config.predefined_services import PREDEFINED_SERVICE_GROUPS, PREDEFINED_SERVICES
from nsemu.config.vrouter import VirtualRouter
from nsemu.config.zone import PREDEFINED_ZONES
from nsemu.device.views.interfaces import InterfaceView, ZoneView
from nsemu.device.views.ipsec import SaView, TunnelView
from nsemu.device.views.neighbors import ArpView
from nsemu.device.views.policies import PolicyView
from nsemu.device.views.routing import RouteView, VrouterView
from nsemu.device.views.sessions import SessionTableView, SessionView, SideView
from nsemu.runtime.drop import DropReason
from nsemu.wire.address import Prefix, parse_ipv4, parse_mac

OLD, NEW = layout.layout_of(factory_configuration("ns208")), layout.layout_of(factory_configuration("ssg5"))


def an_interface(**changes: Any) -> InterfaceView:
    plain = InterfaceView(
        name="trust",
        short_name="trust",
        kind=InterfaceKind.ETHERNET,
        number=2,
        if_index=0,
        zone="Trust",
        zone_bound=True,
        vrouter="trust-vr",
        address=None,
        effective=0,
        length=0,
        lender=None,
        mac=None,
        manage_ip=0,
        manage=frozenset(),
        manageable=True,
        nat_mode=False,
        carrier=True,
        admin_down=False,
        up=True,
        state="U",
        changes=0,
        changed=None,
        admin_mtu=0,
        mtu=1500,
        description="",
        vpns=(),
        next_hops=(),
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("view", "form", "line"),
    [
        (
            an_interface(address=Prefix.parse("10.100.2.10/24"), mac=parse_mac("0010.db28.1152")),
            OLD,
            "trust          10.100.2.10/24     Trust       0010.db28.1152    -   U   -  ",
        ),
        (
            an_interface(
                short_name="tun.1", kind=InterfaceKind.TUNNEL, zone="Untrust", lender="untrust", up=False, state="D"
            ),
            OLD,
            "tun.1          unnumbered         Untrust     untrust           -   D   -  ",
        ),
        (
            an_interface(short_name="eth0/0", zone="Untrust", mac=parse_mac("0017.cb80.9f40")),
            NEW,
            "eth0/0         0.0.0.0/0                         Untrust     0017.cb80.9f40    -   U   -  ",
        ),
        (
            an_interface(
                short_name="vlan1",
                kind=InterfaceKind.VLAN,
                zone="VLAN",
                mac=parse_mac("0017.cb80.9f4f"),
                up=False,
                state="D",
            ),
            NEW,
            "vlan1          0.0.0.0/0                         VLAN        0017.cb80.9f4f    1   D   -  ",
        ),
        (
            an_interface(short_name="null", kind=InterfaceKind.NULL, zone="Null", zone_bound=False),
            NEW,
            "null           0.0.0.0/0                         Null        N/A               -   U   0  ",
        ),
    ],
)
def test_interface_rows(view: InterfaceView, form: layout.Layout, line: str) -> None:
    assert interface._row(view, form) == line


def test_interface_headers() -> None:
    assert interface._header(OLD) == "Name           IP Address         Zone        MAC            VLAN State VSD      "
    assert (
        interface._header(NEW)
        == "Name           IP Address                        Zone        MAC            VLAN State VSD      "
    )


def test_interface_block_of_6_3() -> None:
    view = an_interface(
        name="bgroup0",
        number=11,
        address=Prefix.parse("192.168.1.1/24"),
        manage_ip=parse_ipv4("192.168.1.1"),
        mac=parse_mac("0000.0000.a308"),
        nat_mode=True,
        changes=1,
        changed=datetime(2016, 3, 28, 19, 24, 34),
    )
    assert list(interface.interface_block(view, factory_configuration("ssg5").platform, NEW)) == [
        "Interface bgroup0:",
        "  description bgroup0",
        "  number 11, if_info 968, if_index 0, mode nat",
        "  link up, phy-link up/full-duplex, admin status up",
        "  status change:1, last change:03/28/2016 19:24:34",
        "  vsys Root, zone Trust, vr trust-vr",
        "  dhcp client disabled",
        "  PPPoE disabled",
        "  admin mtu 0, operating mtu 1500, default mtu 1500",
        "  *ip 192.168.1.1/24   mac 0000.0000.a308",
        "  *manage ip 192.168.1.1, mac 0000.0000.a308",
        "  route-deny disable",
        "  bandwidth: physical 100000kbps, configured egress [gbw 0kbps mbw 0kbps]",
        "             configured ingress mbw 0kbps, current bw 0kbps",
        "             total allocated gbw 0kbps",
    ]


@pytest.mark.parametrize(
    ("name", "default", "line"),
    [
        (
            "Untrust",
            "ethernet0/0",
            "   1 Untrust                          Sec(L3) Shared trust-vr     ethernet0/0  Root                ",
        ),
        (
            "Trust",
            "bgroup0",
            "   2 Trust                            Sec(L3)        trust-vr     bgroup0      Root                ",
        ),
        (
            "Untrust-Tun",
            "hidden.1",
            "  16 Untrust-Tun                      Tun            trust-vr     hidden.1     Root                ",
        ),
    ],
)
def test_zone_rows(name: str, default: str, line: str) -> None:
    record = next(record for record in PREDEFINED_ZONES if record.name == name)
    assert zone._row(ZoneView(record, (), default)) == line
    assert zone._HEADER == "  ID Name                             Type    Attr    VR          Default-IF   VSYS      "


def a_route(number: int, prefix: str, via: str | None, gateway: str, letter: str, **changes: Any) -> RouteView:
    metrics = (20, 1) if letter == "S" else (0, 0)
    plain = RouteView(
        number,
        "trust-vr",
        Prefix.parse(prefix),
        via,
        via,
        parse_ipv4(gateway),
        None,
        letter,
        False,
        *metrics,
        active=True,
        fault="",
        description="",
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("view", "form", "line"),
    [
        (
            a_route(5, "0.0.0.0/0", "eth0/0", "138.168.52.1", "S"),
            OLD,
            "*   5          0.0.0.0/0         eth0/0    138.168.52.1   S   20      1     Root",
        ),
        (
            a_route(5, "172.16.10.0/24", "eth0/0.2", "0.0.0.0", "C"),
            NEW,
            "*         5     172.16.10.0/24       eth0/0.2         0.0.0.0   C    0      0     Root",
        ),
        (
            a_route(2, "192.168.2.1/32", "wireless0/0", "0.0.0.0", "H", active=False),
            NEW,
            "          2     192.168.2.1/32    wireless0/0         0.0.0.0   H    0      0     Root",
        ),
        (
            a_route(5, "10.100.37.170/32", "eth1/1", "0.0.0.0", "H"),
            OLD,
            "*   5   10.100.37.170/32         eth1/1         0.0.0.0   H    0      0     Root",
        ),
    ],
)
def test_route_rows(view: RouteView, form: layout.Layout, line: str) -> None:
    assert route._row(view, form) == line


def test_route_headers() -> None:
    assert route._header(OLD) == "   ID          IP-Prefix      Interface         Gateway   P Pref    Mtr     Vsys"
    assert (
        route._header(NEW) == "         ID          IP-Prefix      Interface         Gateway   P Pref    Mtr     Vsys"
    )


def test_vrouter_rows() -> None:
    routes = tuple(a_route(number, "0.0.0.0/0", "eth1", "1.1.1.1", "S") for number in range(4))
    trust = VrouterView(VirtualRouter("trust-vr", 2, predefined=True), True, routes, (), ())
    own = VrouterView(VirtualRouter("dmz-vr", 1025), False, (), (), ())
    assert [route._vrouter_row(trust), route._vrouter_row(own)] == [
        "*   2 trust-vr                 Root                 shared      4/max       0/max       ",
        " 1025 dmz-vr                   Root                 user        0/max       0/max       ",
    ]


def a_policy(number: int, service_name: str, action: PolicyAction, **changes: Any) -> Policy:
    return replace(Policy(number, "Untrust", "Trust", ("Any",), ("Any",), (service_name,), action), **changes)


def test_policy_rows() -> None:
    row = a_policy(76, "OpenSSH", PolicyAction.PERMIT, destinations=("VIP(61.144.1.2)",))
    view = PolicyView(row, 0, 0, 0, 0, 0, "enabled")
    assert list(policy._rows(view)) == [
        "    76 Untrust  Trust    Any          VIP(61.144.~ OpenSSH              Permit enabled -----X"
    ]
    assert (
        policy._HEADER
        == "    ID From     To       Src-address  Dst-address  Service              Action State   ASTLCB"
    )


def a_side(number: int, left: tuple[str, int], right: tuple[str, int], mac: str, route_id: int) -> SideView:
    ends = (parse_ipv4(left[0]), left[1]), (parse_ipv4(right[0]), right[1])
    return SideView("", number, *ends, parse_mac(mac), 0, route_id, 0, 0)


def test_session_of_6() -> None:
    left, right = ("10.141.222.124", 36383), ("192.30.30.2", 23)
    client = a_side(0, left, right, "0010dbfc1000", 7)
    server = a_side(5, left, right, "54e032d187c5", 10)
    view = SessionView(64059, 6, "TELNET", 1, 180, 1800, client, server)
    assert [*session._head(SessionTableView(1, 64064, 0), True), *session._extended(view)] == [
        "alloc 1/max 64064, alloc failed 0, mcast alloc 0, di alloc failed 0",
        "total reserved 0, free sessions in shared pool 64063",
        "id 64059/s**,vsys 0,flag 08000040/0000/0001/0000,policy 1,time 180, dip 0 module 0",
        " if 0(nspflag 801801):10.141.222.124/36383->192.30.30.2/23,6,0010dbfc1000,sess token 4,vlan 0,tun 0,vsd 0,"
        "route 7,wsf 0,seg 1",
        " if 5(nspflag 801800):10.141.222.124/36383<-192.30.30.2/23,6,54e032d187c5,sess token 3,vlan 0,tun 0,vsd 0,"
        "route 10,wsf 0, seg 0",
    ]


def test_session_of_5_into_a_tunnel() -> None:
    left, right = ("192.168.1.10", 4000), ("192.168.2.10", 1024)
    client = a_side(0, left, right, "0010db103040", 0)
    server = replace(a_side(6, left, right, "000000000000", 5), tunnel_id=1)
    view = SessionView(25599, 1, "PING", 1, 6, 60, client, server)
    assert [*session._head(SessionTableView(176, 128000, 0), False), *session._plain(view)] == [
        "alloc 176/max 128000, alloc failed 0, di alloc failed 0",
        "id 25599/s**,vsys 0,flag 00000040/0000/00,policy 1,time 6, dip 0",
        " 0(8801):192.168.1.10/4000->192.168.2.10/1024,1,0010db103040,2,vlan 0,tun 0,vsd 0,route 0",
        " 6(2800):192.168.1.10/4000<-192.168.2.10/1024,1,000000000000,3,vlan 0,tun 40000001,vsd 0,route 5",
    ]


def an_sa(spi: int, **changes: Any) -> SaView:
    plain = SaView(True, spi, -1, 3600, 3385, 0, None, 0, True, 0, 0, 0, 0, 0, 0, 0, 0)
    return replace(plain, **changes)


def a_tunnel(**changes: Any) -> TunnelView:
    everything = Prefix.parse("0.0.0.0/0")
    plain = TunnelView(
        id=2,
        index=1,
        vpn="vpn-81",
        gateway="gw",
        peer=parse_ipv4("72.21.209.225"),
        peer_id=1,
        port=500,
        local=parse_ipv4("10.10.120.41"),
        outgoing_interface="ethernet0/0",
        bound_interface="tunnel.1",
        active=True,
        label="esp:a128/sha1",
        protocol=IpsecProtocol.ESP,
        encryption=Encryption.AES128,
        integrity=Integrity.SHA1,
        pfs=None,
        df_bit="clear",
        local_network=everything,
        remote_network=everything,
        selector_protocol=0,
        selector_port=0,
        ike_activity=0,
        inbound=an_sa(0x80041CA4),
        outbound=an_sa(0x8CDD274A),
    )
    return replace(plain, **changes)


def test_sa_rows() -> None:
    assert list(sa._table(2, (a_tunnel(),))) == [
        "total configured sa: 2",
        "HEX ID    Gateway         Port Algorithm     SPI      Life:sec kb Sta   PID vsys",
        "00000002<   72.21.209.225  500 esp:a128/sha1 80041ca4  3385 unlim A/-    -1 0",
        "00000002>   72.21.209.225  500 esp:a128/sha1 8cdd274a  3385 unlim A/-    -1 0",
    ]


def test_sa_detail() -> None:
    incoming = an_sa(0x33511799, remaining=3537, last_sequence=0x1724, window=0xFFFFFFFF)
    outgoing = an_sa(0x01C2E484, remaining=3537, last_sequence=0xC51)
    lines = list(
        sa._detail(
            a_tunnel(
                id=21,
                peer=parse_ipv4("10.10.104.235"),
                inbound=incoming,
                outbound=outgoing,
                ike_activity=1732254,
                encryption=Encryption.NULL,
                integrity=Integrity.MD5,
            )
        )
    )
    assert lines == [
        "index 1, name vpn-81, peer gateway ip 10.10.104.235. vsys<Root>",
        "auto key. tunnel if binding node, tunnel mode, policy id in:<-1> out:<-1> vpngrp:<-1>. "
        "sa_list_nxt:<0xffffffff>.",
        "tunnel id 21, peer id 1, NSRP Local. site-to-site. Local interface is ethernet0/0 <10.10.120.41>.",
        "esp, group 0, null encryption, md5 authentication",
        "autokey, IN active, OUT active",
        "monitor<0>, latency: -1, availability: 0",
        "DF bit: clear",
        "app_sa_flags: 0x4000a7",
        "proxy id: local 0.0.0.0/0.0.0.0, remote 0.0.0.0/0.0.0.0, proto 0, port 0",
        "ike activity timestamp: 1732254",
        "nat-traversal map not available",
        "incoming: SPI 33511799, flag 00004000, tunnel info 40000015, pipeline",
        "  life 3600 sec, 3537 remain, 0 kb, 0 bytes remain",
        "  anti-replay on, last 0x1724, window 0xffffffff, idle timeout value <0>, idled 0 seconds",
        "  next pak sequence number: 0x0",
        "outgoing: SPI 01c2e484, flag 00000000, tunnel info 40000015, pipeline",
        "  life 3600 sec, 3537 remain, 0 kb, 0 bytes remain",
        "  anti-replay on, last 0x0, window 0x0, idle timeout value <0>, idled 0 seconds",
        "  next pak sequence number: 0xc52",
    ]


def test_arp_rows() -> None:
    view = ArpView(
        parse_ipv4("192.168.69.254"),
        parse_mac("000000000000"),
        "trust-vr",
        "ethernet0/5",
        "eth0/5",
        True,
        264,
        0,
        0,
        663,
    )
    other = replace(view, address=parse_ipv4("10.97.160.99"), mac=parse_mac("001a6ca5413f"), age=505, sessions=0)
    assert [arp._row(view), arp._row(replace(other, short_interface="eth3/1.1500")).lstrip()] == [
        "192.168.69.254  000000000000  trust-vr/eth0/5         VLD   264      0       0   663",
        "10.97.160.99  001a6ca5413f  trust-vr/eth3/1.1500    VLD   505      0       0     0",
    ]


def test_service_rows() -> None:
    rows = [line for name in ("ANY", "AOL", "DNS") for line in service._rows(PREDEFINED_SERVICES[name])]
    assert [service._HEADER, *rows] == [
        "Name                     Proto        Port Group      Timeout(min|10sec*) Flag",
        "ANY                          0     0/65535 other         default    Pre-defined ",
        "AOL                          6   5190/5194 remote             30    Pre-defined ",
        "DNS                         17          53 info seeking        1    Pre-defined ",
    ]
    groups = [PREDEFINED_SERVICE_GROUPS[name] for name in ("APPLE-ICHAT", "MGCP")]
    assert list(service._group_table(groups)) == [
        "Group Name                    Count Comment                         Type",
        "APPLE-ICHAT                       6 Apple iChat Services Group      Pre-defined",
        "MGCP                              2 Media Gateway Control Protocol  Pre-defined",
    ]


def test_address_rows() -> None:
    """The first lines of a book; the admin's own flag is not captured anywhere."""
    assert list(address._addresses(factory_configuration(), "Trust")) == [
        "Trust Addresses:",
        "Name                 Address         Netmask         Flag  Comments",
        "Any                  0.0.0.0         0.0.0.0           02  All Addr",
        "Dial-Up VPN          255.255.255.255 255.255.255.255   02  Dial-Up VPN Addr",
    ]
    long = Address("Trust", "a-name-of-more-than-20", Prefix.parse("10.1.1.0/24"), comment="LAN")
    assert address._address_row(long) == "a-name-of-more-than~ 10.1.1.0        255.255.255.0     00  LAN"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "Admin user system has logged on via SSH from 1.1.1.1:32366",
            ["Admin user system has logged on via ", "SSH from 1.1.1.1:32366"],
        ),
        ("short", ["short"]),
        ("", [""]),
        ("x" * 60 + " end", ["x" * 60 + " ", "end"]),
    ],
)
def test_events_wrap_after_a_blank(text: str, parts: list[str]) -> None:
    assert event.wrap(text) == parts
    assert "".join(event.wrap(text)) == text


def test_counter_cells() -> None:
    values = {"in bytes": 2391954371, "out bytes": 2188210410}
    first, *_others, last = counter._cells(counter.HARDWARE_COUNTERS, values)
    assert first == "in bytes      2391954371 | out bytes     2188210410 | early frame            0"
    assert last == f"in short frame         0 | out heartbeat          0 | {' ' * 24}"


def test_every_drop_moves_a_counter_that_is_shown() -> None:
    shown = {name for row in (*counter.FLOW_COUNTERS, *counter.HARDWARE_COUNTERS) for name in row}
    assert {reason.counter for reason in DropReason} <= shown


def test_long_names_are_cut_with_a_tilde() -> None:
    assert [layout.cut(text, 8) for text in ("exactly8", "nine-long", "abc")] == ["exactly8", "nine-lo~", "abc     "]
