"""Transcripts of policies, address books, services and the traffic log of a live device."""

from __future__ import annotations

import pytest

from support.site_pair import SitePair


@pytest.fixture
def pair() -> SitePair:
    return SitePair()


def test_policies(pair: SitePair) -> None:
    """Order of search, names cut with `~`, more members under their column, flags, a disabled and a global policy."""
    west = pair.west
    west.accept(
        """
set zone name Warehouse-1
set address Trust accounting-lan 10.1.1.0/24
set address Trust web 10.1.1.80/32
set address Untrust paris 10.2.2.0/24
set policy id 4 from Trust to Untrust accounting-lan paris HTTP permit log count
set policy id 4
set src-address web
set service FTP
set service TELNET
exit
set policy id 7 top from Trust to Untrust any any any deny
set policy id 7 disable
set policy id 12 from Untrust to Warehouse-1 any any any reject
set policy id 20 from Global to Global any any any permit log
"""
    )
    assert west.type("get policy") == (
        "Total regular policies 3, Default deny.\n"
        "    ID From     To       Src-address  Dst-address  Service              Action State   ASTLCB\n"
        "     7 Trust    Untrust  Any          Any          ANY                  Deny   disabled -----X\n"
        "     4 Trust    Untrust  accounting-~ paris        HTTP                 Permit enabled ---XXX\n"
        "                         web                       FTP\n"
        "                                                   TELNET\n"
        "    12 Untrust  Warehou~ Any          Any          ANY                  Reject enabled -----X\n"
        "Total global policies 1.\n"
        "    ID From     To       Src-address  Dst-address  Service              Action State   ASTLCB\n"
        "    20 Global   Global   Any          Any          ANY                  Permit enabled ---X-X\n"
    )
    assert west.type("get policy global").startswith("Total global policies 1.\n")
    assert west.type("get policy from untrust to warehouse-1").splitlines()[0] == (
        "Total regular policies 1, Default deny."
    )
    west.accept("set policy default-permit-all")
    assert west.type("get policy from trust").splitlines()[0] == "Total regular policies 2, Default permit."


def test_no_policies(pair: SitePair) -> None:
    assert pair.west.type("get policy").splitlines() == [
        "Total regular policies 0, Default deny.",
        "    ID From     To       Src-address  Dst-address  Service              Action State   ASTLCB",
    ]


def test_one_policy_counts_living_and_closed_sessions(pair: SitePair) -> None:
    pair.plain()
    west = pair.west
    west.accept("set policy name my-policy from Trust to Untrust any any FTP deny")
    west.ping("10.2.2.5", sequence=1)
    pair.run(100)
    west.ping("10.2.2.5", sequence=2)
    pair.run(1)
    assert len(west.device.state.sessions) == 1
    assert west.type("get policy id 1") == (
        'name:"none" (id 1), zone Trust -> Untrust,action Permit, status "enabled"\n'
        'src "Any", dst "Any", serv "ANY"\n'
        "Policies on this vpn tunnel: 0\n"
        "nat off, url filtering OFF\n"
        "vpn unknown vpn, policy flag 0000, session backup: on\n"
        "traffic shapping off, scheduler n/a, serv flag 00\n"
        "log yes, log count 1, alert no, counter yes(1) byte rate(sec/min) 0/0\n"
        "total octets 336, counter(session/packet/octet) 2/4/336\n"
        "priority 7, diffserv marking Off\n"
        "tadapter: state off, gbw/mbw 0/-1\n"
        "No Authentication\n"
        "No User, User Group or Group expression set\n"
    )
    named = west.type("get policy id 3").splitlines()
    assert named[:2] == [
        'name:"my-policy" (id 3), zone Trust -> Untrust,action Deny, status "enabled"',
        'src "Any", dst "Any", serv "FTP"',
    ]
    assert "counter no(0) byte rate(sec/min) 0/0" in named[6]
    west.type("get policy id 44")
    assert west.console.refused


def test_one_policy_of_6_with_several_members() -> None:
    pair = SitePair("ssg5")
    pair.policy_based()
    west = pair.west
    west.accept("set address Trust more 10.1.9.0/24\nset policy id 5\nset src-address more\nexit")
    text = west.type("get policy id 5").splitlines()
    assert text[:8] == [
        'name:"out" (id 5), zone Trust -> Untrust,action Tunnel, status "enabled"',
        '2 sources: "here", "more"',
        '1 destination: "there"',
        '1 service: "ANY"',
        "Rules on this VPN policy: 2",
        "nat off, Web filtering : disabled",
        "vpn lan_to_lan, policy flag 00010000, session backup: on",
        "traffic shaping off, scheduler n/a, serv flag 00",
    ]


def test_addresses(pair: SitePair) -> None:
    west = pair.west
    west.accept(
        """
set address Trust lan 10.1.1.0/24 "first floor"
set address Trust www www.example.com
set address DMZ mail 3.3.3.25 255.255.255.255
set group address Trust all-of-it
set group address Trust all-of-it add lan
set group address Trust all-of-it add www
"""
    )
    text = west.type("get address")
    assert text.startswith(
        "Total 17 addresses and 1 groups in address book.\n"
        "\n"
        "addr zone name Trust\n"
        "Trust Addresses:\n"
        "Name                 Address         Netmask         Flag  Comments\n"
        "Any                  0.0.0.0         0.0.0.0           02  All Addr\n"
        "Dial-Up VPN          255.255.255.255 255.255.255.255   02  Dial-Up VPN Addr\n"
        "lan                  10.1.1.0        255.255.255.0     00  first floor\n"
        "www                  www.example.com                   00\n"
        "\n"
        "addr zone name Untrust\n"
    )
    assert "mail                 3.3.3.25        255.255.255.255   00\n" in text
    assert text.endswith("02  Dial-Up VPN Addr\n\n")
    assert west.type("get address trust name lan").splitlines()[1:] == [
        "lan                  10.1.1.0        255.255.255.0     00  first floor"
    ]
    assert west.type("get group address trust") == (
        "Group Name                    Count Comment\nall-of-it                         2\n"
    )
    assert west.type("get group address trust all-of-it") == (
        'Group Name: all-of-it, Comment:\nGroup Items: 2 Type: User-defined\n Members: "lan" "www"\n'
    )
    for line in ("get address nowhere", "get address mgt", "get address trust name nothing"):
        west.type(line)
        assert west.console.refused, line


def test_services(pair: SitePair) -> None:
    west = pair.west
    west.accept(
        """
set service web8 protocol tcp src-port 0-65535 dst-port 8080-8088
set service web8 + udp src-port 0-65535 dst-port 8080-8080
set service web8 timeout never
set group service mine
set group service mine add web8
set group service mine add FTP
"""
    )
    assert west.type("get service user") == (
        "Name                     Proto        Port Group      Timeout(min|10sec*) Flag\n"
        "web8                         6   8080/8088 other           never    User-defined \n"
        "                            17        8080\n"
        "Total number of user-defined services shown: 1\n"
        "\n"
        "User-defined Service Groups: \n"
        "Group Name                    Count Comment                         Type\n"
        "mine                              2                                 User-defined\n"
    )
    assert ' Members: "web8" "FTP"\n' in west.type("get service group mine")
    assert west.type("get group service mine") == west.type("get service mine")
    predefined = west.type("get service pre-defined")
    count = sum(line.endswith("Pre-defined ") for line in predefined.splitlines())
    assert f"Total number of pre-defined services shown: {count}\n" in predefined
    assert "tcp           0/65535        21/21" in west.type("get service ftp")
    west.type("get service no-such-thing")
    assert west.console.refused


def test_traffic_log(pair: SitePair) -> None:
    """A ping that was answered, and a refused connection, policy by policy."""
    pair.plain()
    west = pair.west
    west.accept("set policy id 8 top from Trust to Untrust any any TELNET deny log")
    west.ping("10.2.2.5", sequence=3, identifier=700)
    pair.run(1)
    translated = next(iter(west.device.state.sessions)).reverse.flow
    number = next(iter(west.device.state.sessions)).id
    pair.run(120)
    west.connect("10.2.2.5", 23, 2000)
    text = west.type("get log traffic")
    rule = "=" * 80
    header = (
        f"{rule}\n"
        "Date       Time       Duration Source IP        Port Destination IP   Port Service \n"
        "  Reason Protocol Xlated Src IP    Port Xlated Dst IP    Port ID   \n"
        f"{rule}\n"
    )
    closed, denied = text.split("PID 8, ")
    assert closed == (
        "PID 1, from Trust to Untrust, src Any, dst Any, service ANY, action Permit\n"
        f"{header}"
        "2008-05-01 10:00:00    0:01:10 10.1.1.5            3 10.2.2.5          700 PING\n"
        f"  Close - RESP           1 1.1.1.1             3 10.2.2.5        {translated[2]:>5} {number}\n"
    )
    assert denied.splitlines()[-3:-1] == [
        "2008-05-01 10:02:01    0:00:00 10.1.1.5         2000 10.2.2.5           23 TELNET",
        "  Traffic Denied         6 0.0.0.0             0 0.0.0.0             0 0",
    ]
    assert denied.endswith("Total entries matched = 2\n")
    assert west.type("get log traffic policy 1").endswith("Total entries matched = 1\n")
    assert west.type("get log traffic policy 2").endswith("Total entries matched = 0\n")
    assert west.type("get log traffic src-ip 10.1.1.9") == "Total entries matched = 0\n"
    west.type("get log traffic policy 99")
    assert west.console.refused
