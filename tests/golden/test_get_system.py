"""Transcripts of system, clock, events, configuration, debug buffer and help of a live device."""

from __future__ import annotations

import re

import pytest

from nsemu.cli.commands import device_shell
from nsemu.cli.grammar.graph import Position
from nsemu.cli.grammar.nodes import Keyword
from nsemu.config.device import factory_configuration
from nsemu.runtime.event_log import Level
from nsemu.wire.address import format_mac_dotted
from support.site_pair import SitePair


@pytest.fixture
def pair() -> SitePair:
    return SitePair()


def test_system_of_5(pair: SitePair) -> None:
    west = pair.west
    pair.run(1 * 3600 + 2 * 60 + 3)
    base = west.device.interfaces.items["ethernet1"].mac
    text = west.type("get system")
    head, blocks = text.split("Interface ethernet1:\n")
    checksum = re.search(r"Checksum: ([0-9a-f]{8})\n", head)
    assert checksum is not None
    assert head == (
        "Product Name: NetScreen-208\n"
        f"Serial Number: 0043{int.from_bytes(base[3:], 'big'):012d}, Control Number: 00000000\n"
        "Hardware Version: 0110(0), FPGA checksum: 00000000, VLAN1 IP (0.0.0.0)\n"
        "Software Version: 5.4.0r12.0, Type: Firewall+VPN\n"
        f"Base Mac: {format_mac_dotted(base)}\n"
        f"File Name: ns208.5.4.0r12.0, Checksum: {checksum[1]}\n"
        ", Total Memory: 128MB\n"
        "\n"
        "Date 05/01/2008 11:02:03, Daylight Saving Time disabled\n"
        "The Network Time Protocol is Disabled\n"
        "Up 1 hours 2 minutes 3 seconds Since 1May2008:10:00:00\n"
        "Total Device Resets: 0\n"
        "\n"
        "System in NAT/route mode.\n"
        "\n"
        "Use interface IP, Config Port: 80\n"
        "User Name: netscreen\n"
    )
    assert blocks.count("\nInterface ") == 9
    assert "\n\n" not in blocks


def test_system_after_a_restart() -> None:
    pair = SitePair("ssg5")
    west = pair.west
    pair.run(60)
    west.device.restart(factory_configuration("ssg5"))
    pair.run(5)
    text = west.type("get system")
    assert "Up 0 hours 0 minutes 5 seconds Since 1May2008:10:01:00\n" in text
    assert "Total Device Resets: 1, Last Device Reset at: 05/01/2008 10:01:00\n" in text
    assert "Manager IP enforced: False\nManager IPs: 0\n\nAddress    " in text


def test_two_devices_are_told_apart(pair: SitePair) -> None:
    serials = {site.type("get system | include Serial") for site in (pair.west, pair.east)}
    assert len(serials) == 2


@pytest.mark.parametrize(("platform", "version"), [("ns208", "5.4.0.12.0.0.0.0"), ("ssg5", "6.3.0.19.0.0.0.0")])
def test_version(platform: str, version: str) -> None:
    assert SitePair(platform).west.type("get system version") == f"Version: {version}\n"


def test_clock_in_a_time_zone(pair: SitePair) -> None:
    west = pair.west
    west.accept("set clock timezone -8\nset hostname lab7\nset domain example.com")
    pair.run(1.5)
    assert west.type("get clock") == (
        "Date 05/01/2008 02:00:01, Daylight Saving Time disabled\n"
        "The Network Time Protocol is Disabled\n"
        "Up 0 hours 0 minutes 1 seconds Since 1May2008:02:00:00\n"
        "1209636001.500000 seconds since 1/1/1970 0:0:0 GMT\n"
        "GMT time zone area -8:00\n"
        "GMT time zone offset 8:00\n"
    )
    assert west.type("get hostname") == "Hostname: lab7\n"
    assert west.type("get domain") == "Domain name: example.com\n"


def test_console_and_administrators(pair: SitePair) -> None:
    west = pair.west
    west.device.save("")
    assert west.type("get console").splitlines()[1] == "privilege 250, config was not changed!"
    west.accept("set console page 30\nset console timeout 0\nset admin user carol password abcdef privilege all")
    assert west.type("get console") == (
        "Console timeout: 0(minute), Page size: 30/30, debug: buffer\n"
        "privilege 250, config was changed and not saved!\n"
    )
    assert west.type("get admin user").splitlines()[2:] == [
        "netscreen                       Root",
        "carol                           Read-Write",
    ]


def test_events(pair: SitePair) -> None:
    west = pair.west
    west.device.event_log.clear()
    west.device.log(515, Level.WARNING, "Admin user system has logged on via SSH from 1.1.1.1:32366")
    pair.run(61)
    west.device.log(42, Level.CRITICAL, "second")
    rows = (
        "2008-05-01 10:01:01 system crit  00042 second\n"
        "2008-05-01 10:00:00 system warn  00515 Admin user system has logged on via \n"
        "                                       SSH from 1.1.1.1:32366\n"
    )
    header = "Date       Time     Module Level  Type Description\n"
    assert west.type("get event") == f"Total event entries = 2\n{header}{rows}"
    assert west.type("get log event") == west.type("get event")
    for words in ("type 42", "level critical", "include second", "exclude SSH", "type 42 level critical module system"):
        assert west.type(f"get event {words}") == f"{header}{rows.splitlines()[0]}\n", words
    assert west.type("get event type 43") == header
    assert west.type("get event | include SSH") == "                                       SSH from 1.1.1.1:32366\n"
    west.device.event_log.clear()
    assert west.type("get event") == f"Total event entries = 0\n{header}"


def test_configuration(pair: SitePair) -> None:
    west = pair.west
    text = west.type("get config")
    first, rest = text.split("\n", 1)
    assert first == f"Total Config size {len(rest)}:"
    assert "set hostname west\n" in rest
    assert west.type("get config all") == text
    assert west.type("get config saved") == ""
    west.device.save("set hostname kept\n")
    assert west.type("get conf saved") == "set hostname kept\n"


def test_flow_settings(pair: SitePair) -> None:
    west = pair.west
    west.accept("set flow all-tcp-mss 1400\nunset flow tcp-mss\nunset flow tcp-syn-check")
    assert west.type("get flow") == (
        "flow GRE outbound tcp-mss is not set\n"
        "flow GRE inbound tcp-mss is not set\n"
        "flow change tcp mss option for all packets = 1400\n"
        "flow change tcp mss option for outbound vpn packets is not set\n"
        "flow change tcp mss option for bi-directional vpn packets is not set\n"
        "TCP syn-proxy syn-cookie disabled\n"
        "Allow dns reply pkt without matched request : NO\n"
        "Check TCP SYN bit before create session & refresh session only after tcp 3 way handshake : NO\n"
        "Check TCP SYN bit before create session : NO\n"
        "Check TCP SYN bit before create session for tunneled packets : YES\n"
        "Use Hub-and-Spoke policies for Untrust MIP traffic that loops on same interface\n"
        "Check unknown mac flooding : YES\n"
        "Skip sequence number check in stateful inspection : NO\n"
        "ICMP path mtu discovery : NO\n"
        "TCP RST invalidates session immediately : NO\n"
        "Force packet fragment reassembly : NO\n"
        "flow initial session timeout: 20 seconds\n"
        "early ageout setting:\n"
        "        high watermark = 100 (128000 sessions)\n"
        "        low watermark  = 100 (128000 sessions)\n"
        "        early ageout   = 2\n"
        "        RST seq. chk OFF\n"
        "MAC cache for management traffic: OFF\n"
        "reverse route setting:\n"
        "        clear-text or first packet going into tunnel: prefer reverse route (default)\n"
        "        first packet from tunnel: always reverse route (default)\n"
        "Close session when receive ICMP error packet: NO\n"
        "Passing through only one ICMP error packet: NO\n"
    )


def test_debug_buffer_and_filters(pair: SitePair) -> None:
    from nsemu.device.debug_buffer import FlowFilter
    from nsemu.wire.address import parse_ipv4

    west = pair.west
    debug = west.device.debug
    assert (west.type("get debug"), west.type("get dbuf stream")) == ("", "")
    debug.filters.append(FlowFilter(parse_ipv4("192.168.1.10"), destination_port=53))
    debug.filters.append(FlowFilter(protocol=50))
    debug.active["flow"] = "basic"
    debug.write("a line\n")
    assert west.type("get ff") == ("Flow filter based on:\nid:0 src ip 192.168.1.10 dst port 53 \nid:1 ip proto 50 \n")
    assert west.type("get debug") == "flow: basic\n"
    assert west.type("get db str") == "a line\n"
    assert west.type("get db info") == "debug buffer size: 4194304, used: 7\n"


def test_tech_support_is_the_other_outputs(pair: SitePair) -> None:
    west = pair.west
    text = west.type("get tech-support")
    for line in ("system", "interface", "route", "sa", "ike cookies", "event"):
        assert f"get {line}\n{west.type(f'get {line}')}\n" in text


def keywords(position: Position, seen: set[int]) -> list[Keyword]:
    if id(position) in seen:
        return []
    seen.add(id(position))
    found = [edge.token for edge in position.edges if isinstance(edge.token, Keyword)]
    for edge in position.edges:
        if edge.target is not None:
            found += keywords(edge.target, seen)
    return found


def test_every_word_of_get_has_help() -> None:
    get = device_shell().graph().root.keywords["get"].target
    assert get is not None
    words = keywords(get, set())
    assert len(words) > 90
    assert [word.word for word in words if not word.help.strip()] == []


def test_help_lists_what_the_issue_names(pair: SitePair) -> None:
    rows = {line.split()[0] for line in pair.west.type("get ?").splitlines()}
    wanted = (
        "system clock interface zone route vrouter address service policy session arp ike vpn sa event log counter "
        "config"
    )
    assert set(wanted.split()) <= rows
    assert "ethernet3" in pair.west.console.complete("get interface eth")
    assert pair.west.console.complete("get zone Unt") == ["Untrust", "Untrust-Tun"]


def test_nothing_shown_changes_anything(pair: SitePair) -> None:
    """Every get command that needs no argument, twice: the same text, and an untouched device."""
    pair.route_based()
    pair.west.ping("10.2.2.5")
    pair.run(2)
    west = pair.west
    lines = [
        f"get {word}" for word in ("session", "policy", "sa", "arp", "route", "counter statistics", "tech-support")
    ]
    before = [west.type(line) for line in lines]
    config, modified = west.device.config, west.device.modified
    assert [west.type(line) for line in lines] == before
    assert west.device.config is config
    assert west.device.modified is modified
