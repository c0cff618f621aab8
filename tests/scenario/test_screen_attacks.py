"""Each attack that a SCREEN option stops, with octets built by scapy; and what only looks like one (B149, B163)."""

from __future__ import annotations

import pytest
from scapy.layers.inet import (
    ICMP,
    IP,
    TCP,
    UDP,
    IPOption,
    IPOption_LSRR,
    IPOption_MTU_Probe,
    IPOption_Router_Alert,
    IPOption_RR,
    IPOption_Security,
    IPOption_SSRR,
    IPOption_Stream_Id,
    IPOption_Timestamp,
    fragment,
)
from scapy.packet import Packet, Raw

from nsemu.config.screen import ScreenOption
from nsemu.flow.steps import Dropped, ScreenFinding, ScreenPassed
from nsemu.runtime.drop import DropReason
from nsemu.runtime.event_log import Level
from nsemu.sim.scheduler import MICROSECOND
from nsemu.wire.address import format_ipv4, parse_ipv4
from nsemu.wire.ipv4 import Ipv4Packet
from support.screen_box import INSIDE, OUTSIDE, SERVER, ScreenBox, ip, ping, tcp, udp


def options(*items: IPOption) -> Packet:
    return ip(options=list(items)) / ICMP(type=8, id=7, seq=1) / Raw(bytes(8))


def raw_options(data: bytes) -> bytes:
    """Octets that scapy would not take for options."""
    payload = bytes(ICMP(type=8, id=7, seq=1) / Raw(bytes(8)))
    return Ipv4Packet(parse_ipv4(OUTSIDE), parse_ipv4(SERVER), 1, payload, options=data).build()


def piece(offset: int, size: int, more: bool, proto: int = 17, ident: int = 5) -> Packet:
    return ip(proto=proto, id=ident, frag=offset // 8, flags="MF" if more else 0) / Raw(bytes(size))


RR = IPOption_RR(routers=["0.0.0.0", "0.0.0.0"])
LSRR = IPOption_LSRR(routers=["10.1.0.80"])
SSRR = IPOption_SSRR(routers=["10.1.0.80"])
R = DropReason
C, A, E = Level.CRITICAL, Level.ALERT, Level.EMERGENCY

# option, packet, reason, type, level, log text before "From", proto of the log, whether it names ports
SINGLE = {
    "land": (tcp(src=SERVER), R.SCREEN_LAND, 10, A, "Land attack!", "TCP", True),
    "ip-bad-option": (
        raw_options(b"\x07\x09\x04\0\0\0\0\0"),
        R.SCREEN_IP_BAD_OPTION,
        415,
        C,
        "Bad IP option!",
        "1",
        True,
    ),
    "ip-record-route": (options(RR), R.SCREEN_IP_RECORD_ROUTE, 415, C, "Record Route IP option!", "1", True),
    "ip-timestamp-opt": (
        options(IPOption_Timestamp(timestamp=0)),
        R.SCREEN_IP_TIMESTAMP,
        415,
        C,
        "Timestamp IP option!",
        "1",
        True,
    ),
    "ip-security-opt": (options(IPOption_Security()), R.SCREEN_IP_SECURITY, 415, C, "Security IP option!", "1", True),
    "ip-stream-opt": (options(IPOption_Stream_Id()), R.SCREEN_IP_STREAM, 415, C, "Stream IP option!", "1", True),
    "ip-loose-src-route": (
        options(LSRR),
        R.SCREEN_IP_LOOSE_SRC_ROUTE,
        9,
        A,
        "Loose Source Route IP option!",
        "1",
        True,
    ),
    "ip-strict-src-route": (
        options(SSRR),
        R.SCREEN_IP_STRICT_SRC_ROUTE,
        9,
        A,
        "Strict Source Route IP option!",
        "1",
        True,
    ),
    "ip-filter-src": (options(SSRR), R.SCREEN_IP_FILTER_SRC, 9, A, "Source Route IP option!", "1", True),
    "unknown-protocol": (
        ip(proto=137) / Raw(b"x"),
        R.SCREEN_UNKNOWN_PROTOCOL,
        414,
        C,
        "Unknown protocol!",
        "137",
        True,
    ),
    "syn-fin": (tcp("SF"), R.SCREEN_SYN_FIN, 437, C, "SYN and FIN bits!", "TCP", True),
    "fin-no-ack": (tcp("F"), R.SCREEN_FIN_NO_ACK, 438, C, "FIN but no ACK bit!", "TCP", True),
    "tcp-no-flag": (tcp(""), R.SCREEN_TCP_NO_FLAG, 413, C, "No TCP flag!", "TCP", True),
    "icmp-large": (ping(size=997), R.SCREEN_ICMP_LARGE, 436, C, "Large ICMP packet!", "1", False),
    "icmp-id": (ip() / ICMP(type=8, id=0, seq=1), R.SCREEN_ICMP_ID, 441, C, "ICMP ping ID zero!", "1", False),
    "icmp-fragment": (piece(0, 64, True, 1), R.SCREEN_ICMP_FRAGMENT, 435, C, "ICMP fragment!", "1", False),
    "block-frag": (piece(64, 8, False), R.SCREEN_BLOCK_FRAG, 440, C, "Fragmented traffic!", "UDP", True),
    "syn-frag": (
        ip(flags="MF") / TCP(sport=1024, dport=80, flags="S") / Raw(bytes(4)),
        R.SCREEN_SYN_FRAG,
        412,
        C,
        "SYN fragment!",
        "TCP",
        True,
    ),
    "ping-death": (piece(65528, 100, False, 1), R.SCREEN_PING_DEATH, 7, E, "Ping of Death!", "1", False),
    "mal-url code-red": (
        tcp("PA") / Raw(b"GET /default.ida?" + b"N" * 224 + b"%u9090 HTTP/1.0\r\n\r\n"),
        R.SCREEN_MAL_URL,
        32,
        C,
        "Malicious URL!",
        "TCP",
        True,
    ),
}


@pytest.mark.parametrize("option", SINGLE)
def test_an_attack_is_dropped_counted_and_logged(option: str) -> None:
    """B149: anomalous behaviour that is to be blocked is dropped, with an entry in the event log."""
    packet, reason, type_, level, title, proto, ports = SINGLE[option]
    box = ScreenBox(f"set zone untrust screen {option}")
    for _ in range(3):
        assert not box.passes(packet)
    assert box.dropped(reason) == 3
    counter = "mal-url" if option.startswith("mal-url") else option
    assert box.counted(counter) == 3
    assert len(box.device.state.sessions) == 0
    box.log()
    entry = next(iter(box.device.event_log.newest_first()))
    built = Ipv4Packet.parse(bytes(packet))
    source, destination = format_ipv4(built.source), format_ipv4(built.destination)
    if ports:
        with_ports = proto == "TCP" and not built.is_fragment
        numbers = (built.payload[:2], built.payload[2:4]) if with_ports else (b"", b"")
        source, destination = (
            f"{address}:{int.from_bytes(port, 'big')}"
            for address, port in zip((source, destination), numbers, strict=True)
        )
    assert (entry.type, entry.level) == (type_, level)
    assert entry.text == (
        f"{title} From {source} to {destination}, proto {proto} (zone Untrust, int ethernet3). Occurred 3 times."
    )


@pytest.mark.parametrize("option", SINGLE)
def test_the_same_packet_is_not_screened_when_the_option_is_off(option: str) -> None:
    packet, reason, *_ = SINGLE[option]
    box = ScreenBox(*(f"set zone untrust screen {other.value}" for other in ScreenOption if other.value != option))
    related = {
        "ip-filter-src": {"ip-strict-src-route"},
        "ip-strict-src-route": {"ip-filter-src"},
        "ip-loose-src-route": {"ip-filter-src"},
        "syn-frag": {"block-frag"},
        "icmp-fragment": {"block-frag"},
        "ping-death": {"icmp-fragment", "block-frag"},
        "land": {"ip-spoofing"},
        "syn-fin": {"fin-no-ack"},
        "ip-bad-option": {"ip-record-route"},
    }.get(option, set())
    for other in related:
        box.accept(f"unset zone untrust screen {other}")
    box.receive(packet)
    assert not box.device.interfaces.items["ethernet3"].counters.screen
    assert reason not in {step.reason for step in box.trace(packet).hops[0].steps if isinstance(step, Dropped)}


@pytest.mark.parametrize("option", SINGLE)
def test_alarm_without_drop_counts_and_logs_but_lets_pass(option: str) -> None:
    """B149: what is to be recorded but not blocked goes on to the next step."""
    packet, reason, _, _, title, *_ = SINGLE[option]
    box = ScreenBox(f"set zone untrust screen {option}", "set zone untrust screen alarm-without-drop")
    trace = box.trace(packet)
    findings = [step for step in trace.hops[0].steps if isinstance(step, ScreenFinding)]
    assert [(step.attack, step.action) for step in findings] == [(title.rstrip("!"), "alarm only")]
    drops = [step.reason for step in trace.hops[0].steps if isinstance(step, Dropped)]
    assert reason not in drops
    assert box.counted("mal-url" if option.startswith("mal-url") else option) == 1
    assert box.log()[-1].startswith(title)


@pytest.mark.parametrize(
    ("option", "packet"),
    [
        ("land", tcp(src=OUTSIDE)),
        ("land", udp(src=SERVER)),
        ("ip-bad-option", options(RR)),
        ("ip-bad-option", options(IPOption_Router_Alert())),
        ("ip-bad-option", options(IPOption_MTU_Probe())),
        ("ip-record-route", options(LSRR)),
        ("ip-filter-src", options(RR)),
        ("ip-loose-src-route", options(SSRR)),
        ("ip-strict-src-route", options(LSRR)),
        ("ip-timestamp-opt", options(RR)),
        ("ip-security-opt", options(IPOption_Stream_Id())),
        ("ip-stream-opt", options(IPOption_Security())),
        ("ip-record-route", raw_options(b"\x01\x01\x01\x01")),
        ("ip-record-route", raw_options(b"\0\x07\x07\x04")),
        ("unknown-protocol", ip(proto=136) / Raw(b"x")),
        ("syn-fin", tcp("S")),
        ("fin-no-ack", tcp("S")),
        ("tcp-no-flag", tcp("S")),
        ("icmp-large", ping(size=996)),
        ("icmp-large", udp() / Raw(bytes(1200))),
        ("icmp-fragment", ping()),
        ("icmp-id", ping()),
        ("icmp-id", udp()),
        ("block-frag", ping()),
        ("syn-frag", tcp("S")),
        ("port-scan", tcp("S")),
        ("winnuke", tcp("S", dport=139)),
        ("mal-url code-red", tcp("S")),
    ],
)
def test_what_only_looks_like_it_passes(option: str, packet: Packet | bytes) -> None:
    box = ScreenBox(f"set zone untrust screen {option}")
    assert box.passes(packet)
    assert box.counted(option) == 0
    assert box.log() == []


def test_the_trace_names_the_zone_and_the_line() -> None:
    box = ScreenBox("set zone untrust screen syn-fin")
    (dropped,) = (step for step in box.trace(tcp("SF")).hops[0].steps if isinstance(step, Dropped))
    assert (dropped.stage, dropped.reason) == ("screen", R.SCREEN_SYN_FIN)
    assert dropped.subject == ("screen", "Untrust", "syn-fin")
    assert ScreenPassed("Untrust") in box.trace(tcp("S")).hops[0].steps


def test_a_zone_without_options_is_not_screened() -> None:
    box = ScreenBox()
    assert box.device.interfaces.items["ethernet3"].screen is None
    assert not any(isinstance(step, ScreenPassed) for step in box.trace(tcp("S")).hops[0].steps)


def test_factory_zones_screen_as_a_new_device_does() -> None:
    """screenos-cli §6.4: five options on Untrust and V1-Untrust, none elsewhere."""
    box = ScreenBox()
    box.accept(
        *(
            f"set zone untrust screen {word}"
            for word in ["tear-drop", "syn-flood", "ping-death", "ip-filter-src", "land"]
        )
    )
    zones = box.device.config.zones
    assert zones["Untrust"].screen == zones["V1-Untrust"].screen
    assert {name for name, zone in zones.items() if not zone.screen.idle} == {"Untrust", "V1-Untrust"}


# Teardrop


def test_teardrop_fragments_that_overlap() -> None:
    box = ScreenBox("set zone untrust screen tear-drop")
    assert not box.receive(piece(0, 40, True))
    assert box.counted("tear-drop") == 0
    box.receive(piece(24, 4, False))
    box.receive(piece(48, 8, True))
    assert box.dropped(R.SCREEN_TEAR_DROP) == 2
    assert box.log() == [
        "Teardrop attack! From 9.9.9.9:0 to 10.1.0.80:0, proto UDP (zone Untrust, int ethernet3). Occurred 2 times."
    ]
    assert len(box.device.state.reassembly) == 0


def test_copies_and_disorder_are_no_teardrop() -> None:
    box = ScreenBox("set zone untrust screen tear-drop", "set flow force-ip-reassembly")
    pieces = fragment(udp() / Raw(bytes(100)), fragsize=32)
    out: list[IP] = []
    for part in [pieces[-1], pieces[0], pieces[0], pieces[2], pieces[1], *pieces[3:-1]]:
        out += box.receive(part)
    assert len(out) == 1
    assert box.counted("tear-drop") == 0


def test_an_identification_can_be_used_again_after_a_complete_packet() -> None:
    box = ScreenBox("set zone untrust screen tear-drop", "set flow force-ip-reassembly")
    for size in (16, 24, 32, 40):
        out = [packet for part in fragment(udp(id=9) / Raw(bytes(100)), fragsize=size) for packet in box.receive(part)]
        assert len(out) == 1
    assert box.counted("tear-drop") == 0


# SYN fragments


def test_a_syn_in_tiny_fragments_is_found_after_reassembly() -> None:
    box = ScreenBox("set zone untrust screen syn-frag")
    first, *rest = fragment(tcp("S"), fragsize=8)
    for part in (first, *rest):
        assert not box.receive(part)
    assert box.dropped(R.SCREEN_SYN_FRAG) == 1
    data = [packet for part in fragment(tcp("A") / Raw(bytes(64)), fragsize=32) for packet in box.receive(part)]
    assert not data
    assert box.dropped(R.NOT_SYN) == 1


# WinNuke


def test_winnuke_loses_its_urgent_flag_and_goes_on() -> None:
    box = ScreenBox("set zone untrust screen winnuke")
    box.receive(tcp("S", dport=139))
    nuke = ip() / TCP(sport=1024, dport=139, flags="PAU", urgptr=0x1234, seq=1001, ack=1) / Raw(b"out of band")
    (out,) = box.receive(nuke)
    assert out[TCP].flags == "PA"
    assert out[TCP].urgptr == 0
    assert bytes(out[TCP].payload) == b"out of band"
    sum_ = out[TCP].chksum
    del out[TCP].chksum
    assert IP(bytes(out))[TCP].chksum == sum_
    assert box.counted("winnuke") == 1
    assert box.device.interfaces.items["ethernet3"].counters.flow["winnuke"] == 1
    other = ip() / TCP(sport=1024, dport=140, flags="PAU", urgptr=4, seq=1001, ack=1)
    box.receive(tcp("S", dport=140))
    (out,) = box.receive(other)
    assert out[TCP].flags == "PAU"
    assert box.log() == [
        "WinNuke attack! From 9.9.9.9:1024 to 10.1.0.80:139, proto TCP (zone Untrust, int ethernet3). Occurred 1 times."
    ]


def test_winnuke_is_left_alone_in_alarm_mode() -> None:
    box = ScreenBox("set zone untrust screen winnuke", "set zone untrust screen alarm-without-drop")
    box.receive(tcp("S", dport=139))
    (out,) = box.receive(ip() / TCP(sport=1024, dport=139, flags="PAU", urgptr=9, seq=1001, ack=1))
    assert out[TCP].flags == "PAU"
    assert box.counted("winnuke") == 1


# Malicious URLs


@pytest.mark.parametrize(
    ("request_", "stopped"),
    [
        (b"GET /scripts/perl.exe?x HTTP/1.1\r\n", True),
        (b"GET    /scripts/perl.exe HTTP/1.1\r\n", True),
        (b"POST /SCRIPTS/PERL.EXE/long HTTP/1.1\r\n", True),
        (b"GET /scripts/perl.ex HTTP/1.1\r\n", False),
        (b"GET /index.html?/scripts/perl.exe HTTP/1.1\r\n", False),
        (b"PUT /scripts/perl.exe HTTP/1.1\r\n", False),
        (b"", False),
        (b"GET ", False),
    ],
)
def test_malicious_url(request_: bytes, stopped: bool) -> None:
    box = ScreenBox('set zone untrust screen mal-url perl "scripts/perl.exe" 14')
    box.receive(tcp("S"))
    segment = ip() / TCP(sport=1024, dport=80, flags="PA", seq=1001, ack=1) / Raw(request_)
    assert box.passes(segment) is not stopped
    assert box.dropped(R.SCREEN_MAL_URL) == stopped


def test_a_short_url_does_not_reach_the_length_of_a_pattern() -> None:
    box = ScreenBox('set zone untrust screen mal-url long "GET /cgi" 30')
    box.receive(tcp("S"))
    for url, passed in ((b"/cgi" + b"a" * 25, True), (b"/cgi" + b"a" * 26, False)):
        segment = ip() / TCP(sport=1024, dport=80, flags="PA", seq=1001, ack=1) / Raw(b"GET " + url + b" HTTP/1.0\r\n")
        assert box.passes(segment) is passed


# Spoofing


def test_ip_spoofing_by_interface() -> None:
    box = ScreenBox("set zone untrust screen ip-spoofing")
    assert not box.passes(tcp("S", src=INSIDE))
    assert box.dropped(R.SCREEN_IP_SPOOFING) == 1
    assert box.passes(tcp("S"))
    assert box.log() == [
        "IP spoofing! From 10.1.0.5:1024 to 10.1.0.80:80, proto TCP (zone Untrust, int ethernet3). Occurred 1 times."
    ]


def test_ip_spoofing_from_inside() -> None:
    """B149 speaks of IP spoof detection for the Trust zone."""
    box = ScreenBox("set zone trust screen ip-spoofing")
    good = IP(src=INSIDE, dst=OUTSIDE) / ICMP(type=8, id=1, seq=1)
    assert box.receive(good, "ethernet1")
    assert not box.receive(IP(src="172.16.0.1", dst=OUTSIDE) / ICMP(type=8, id=1, seq=1), "ethernet1")
    assert box.dropped(R.SCREEN_IP_SPOOFING, "ethernet1") == 1


def test_ip_spoofing_follows_routes() -> None:
    box = ScreenBox("set zone trust screen ip-spoofing")
    stranger = IP(src="172.16.0.1", dst=OUTSIDE) / ICMP(type=8, id=1, seq=1)
    assert not box.receive(stranger, "ethernet1")
    box.accept(f"set route 172.16.0.0/16 interface ethernet1 gateway {INSIDE}")
    assert box.receive(stranger, "ethernet1")
    box.accept(f"unset route 172.16.0.0/16 interface ethernet1 gateway {INSIDE}")
    assert not box.receive(stranger, "ethernet1")


def test_a_source_without_route_passes_unless_told_otherwise() -> None:
    box = ScreenBox("set zone trust screen ip-spoofing", "unset route 0.0.0.0/0", "set route 9.9.9.0/24 interface e3")
    box.learn("ethernet3", OUTSIDE)
    stranger = IP(src="172.16.0.1", dst=OUTSIDE) / ICMP(type=8, id=1, seq=1)
    assert box.receive(stranger, "ethernet1")
    box.accept("set zone trust screen ip-spoofing drop-no-rpf-route")
    assert not box.receive(stranger, "ethernet1")
    box.accept("unset zone trust screen ip-spoofing drop-no-rpf-route")
    assert box.receive(stranger, "ethernet1")


def test_ip_spoofing_by_zone() -> None:
    """Two interfaces of one zone: the route names the one, the packet comes by the other."""
    box = ScreenBox(
        "set zone trust screen ip-spoofing",
        "set interface ethernet2 zone trust",
        "set interface ethernet2 ip 10.2.0.1/16",
        "set interface ethernet2 route",
    )
    box.device.set_carrier("ethernet2", True)
    other_wire = IP(src="10.2.0.7", dst=OUTSIDE) / ICMP(type=8, id=1, seq=1)
    assert not box.receive(other_wire, "ethernet1")
    box.accept("set zone trust screen ip-spoofing zone-based")
    assert box.receive(other_wire, "ethernet1")
    assert not box.receive(IP(src=OUTSIDE, dst="9.9.9.7") / ICMP(type=8, id=1, seq=1), "ethernet1")


# Scans


def test_the_tenth_port_within_the_interval_is_a_scan() -> None:
    box = ScreenBox("set zone untrust screen port-scan")
    passed = [box.passes(tcp("S", dport=port)) for port in range(1, 13)]
    assert passed == [True] * 9 + [False] * 3
    assert box.dropped(R.SCREEN_PORT_SCAN) == box.counted("port-scan") == 3
    box.scheduler.run_for(5000 * MICROSECOND)
    assert box.passes(tcp("S", dport=99))
    assert box.log()[0].startswith("Port scan! From 9.9.9.9:1024 to 10.1.0.80:10, proto TCP (zone Untrust")


def test_a_slow_scan_and_two_targets_are_no_scan() -> None:
    box = ScreenBox("set zone untrust screen port-scan")
    for port in range(1, 31):
        assert box.passes(tcp("S", dport=port, dst=SERVER if port % 2 else INSIDE))
        box.scheduler.run_for(600 * MICROSECOND)
    for _ in range(20):
        assert box.passes(tcp("S", dport=80))


def test_the_interval_of_a_scan_can_be_longer() -> None:
    box = ScreenBox("set zone untrust screen port-scan", "set zone untrust screen port-scan threshold 1000000")
    passed = []
    for port in range(1, 12):
        passed.append(box.passes(tcp("S", dport=port)))
        box.scheduler.run_for(90_000 * MICROSECOND)
    assert passed == [True] * 9 + [False] * 2


def test_the_tenth_address_within_the_interval_is_a_sweep() -> None:
    box = ScreenBox("set zone untrust screen ip-sweep")
    for address in range(10, 22):
        box.learn("ethernet1", f"10.1.0.{address}")
    passed = [box.passes(ping(dst=f"10.1.0.{address}")) for address in range(10, 22)]
    assert passed == [True] * 9 + [False] * 3
    assert box.dropped(R.SCREEN_IP_SWEEP) == 3
    assert "Address sweep! From 9.9.9.9 to 10.1.0.19, proto 1 (zone Untrust, int ethernet3)." in box.log()[0]


# Floods


@pytest.mark.parametrize(("sent", "passing"), [(4, 4), (5, 5), (6, 5), (20, 5)])
def test_icmp_flood_threshold(sent: int, passing: int) -> None:
    box = ScreenBox("set zone untrust screen icmp-flood", "set zone untrust screen icmp-flood threshold 5")
    assert sum(box.passes(ping(sequence)) for sequence in range(sent)) == passing
    assert box.dropped(R.SCREEN_ICMP_FLOOD) == sent - passing


@pytest.mark.parametrize(("sent", "passing"), [(4, 4), (5, 5), (6, 5), (20, 5)])
def test_udp_flood_threshold(sent: int, passing: int) -> None:
    box = ScreenBox("set zone untrust screen udp-flood", "set zone untrust screen udp-flood threshold 5")
    assert sum(box.passes(udp(sport=2000 + number, src=f"9.9.9.{number}")) for number in range(sent)) == passing
    assert box.dropped(R.SCREEN_UDP_FLOOD) == sent - passing
    if sent > passing:
        (line,) = box.log()
        assert line.endswith(f"(zone Untrust, int ethernet3). Occurred {sent - passing} times.")


def test_a_flood_shuts_the_gate_through_the_next_second() -> None:
    box = ScreenBox("set zone untrust screen udp-flood", "set zone untrust screen udp-flood threshold 3")
    assert [box.passes(udp()) for _ in range(5)] == [True] * 3 + [False] * 2
    box.wait(1.5)
    assert not box.passes(udp())
    assert box.passes(udp(dst=INSIDE))
    box.wait(0.5)
    assert [box.passes(udp()) for _ in range(4)] == [True] * 3 + [False]


def test_just_below_the_threshold_for_many_seconds_is_no_flood() -> None:
    box = ScreenBox("set zone untrust screen icmp-flood", "set zone untrust screen icmp-flood threshold 4")
    for second in range(10):
        assert all(box.passes(ping(second * 4 + number)) for number in range(4))
        box.wait(1)


def test_a_destination_can_have_its_own_udp_threshold() -> None:
    box = ScreenBox(
        "set zone untrust screen udp-flood",
        "set zone untrust screen udp-flood threshold 10",
        f"set zone untrust screen udp-flood dst-ip {SERVER} threshold 2",
    )
    assert [box.passes(udp()) for _ in range(3)] == [True, True, False]
    assert all(box.passes(udp(dst=INSIDE)) for _ in range(10))


# Session limits


@pytest.mark.parametrize("limit", [1, 3])
def test_sessions_of_a_source(limit: int) -> None:
    box = ScreenBox(
        f"set zone untrust screen limit-session source-ip-based {limit}",
        "set zone untrust screen limit-session source-ip-based",
    )
    passed = [box.passes(udp(sport=2000 + number)) for number in range(limit + 2)]
    assert passed == [True] * limit + [False] * 2
    assert box.passes(udp(sport=2000)), "a packet of a session that exists"
    assert box.passes(udp(src="9.9.9.10")), "another source"
    assert box.dropped(R.SCREEN_LIMIT_SOURCE) == 2
    assert any(line.startswith("Src IP session limit! From 9.9.9.9:") for line in box.log())
    box.wait(90)
    assert len(box.device.state.sessions) == 0
    assert box.passes(udp(sport=3000)), "the old ones are gone"


def test_sessions_to_a_destination() -> None:
    box = ScreenBox(
        "set zone untrust screen limit-session destination-ip-based 2",
        "set zone untrust screen limit-session destination-ip-based",
    )
    assert [box.passes(udp(src=f"9.9.9.{number}")) for number in range(1, 4)] == [True, True, False]
    assert box.passes(udp(dst=INSIDE))
    assert box.dropped(R.SCREEN_LIMIT_DESTINATION) == 1
    for session in list(box.device.state.sessions):
        box.device.state.sessions.remove(session)
    assert box.passes(udp(src="9.9.9.3"))


def test_a_limit_counts_the_sessions_that_were_there_before_it() -> None:
    box = ScreenBox()
    assert all(box.passes(udp(sport=2000 + number)) for number in range(3))
    box.accept(
        "set zone untrust screen limit-session source-ip-based 3",
        "set zone untrust screen limit-session source-ip-based",
    )
    assert not box.passes(udp(sport=2010))
    box.accept("set zone untrust screen limit-session source-ip-based 4")
    assert box.passes(udp(sport=2010))
    assert not box.passes(udp(sport=2011))


def test_sessions_from_inside_do_not_count_in_another_zone() -> None:
    box = ScreenBox(
        "set zone untrust screen limit-session source-ip-based 1",
        "set zone untrust screen limit-session source-ip-based",
    )
    for port in range(2000, 2005):
        outbound = IP(src=INSIDE, dst=OUTSIDE) / udp(sport=port)[1:][0]
        assert box.receive(outbound, "ethernet1")
    assert box.passes(udp(src="9.9.9.9"))


# Log


def test_one_entry_a_second_for_what_is_alike() -> None:
    box = ScreenBox("set zone untrust screen syn-fin")
    for _ in range(4):
        box.receive(tcp("SF"))
    box.receive(tcp("SF", src="9.9.9.10"))
    assert box.device.event_log.total == 0 or not box.log(0)
    lines = box.log(1)
    assert [line.rpartition("Occurred ")[2] for line in lines] == ["4 times.", "1 times."]
    box.receive(tcp("SF"))
    assert len(box.log(1)) == 3
    box.wait(60)
    assert len(box.log(0)) == 3


def test_a_spray_of_sources_does_not_fill_the_log() -> None:
    box = ScreenBox("set zone untrust screen syn-fin")
    for number in range(500):
        box.receive(tcp("SF", src=f"9.9.{number // 250}.{number % 250}"))
    lines = box.log(1)
    assert len(lines) <= 64
    assert sum(int(line.split()[-2]) for line in lines) == 500


def test_a_ping_reply_without_identifier_is_found_and_an_error_is_none() -> None:
    box = ScreenBox("set zone untrust screen icmp-id")
    assert not box.passes(ip() / ICMP(type=0, id=0, seq=1))
    box.receive(ip() / ICMP(type=11, code=0) / ip(src=SERVER, dst=OUTSIDE) / UDP(sport=1, dport=2))
    assert box.counted("icmp-id") == 1


def test_the_words_of_release_6() -> None:
    box = ScreenBox("set zone untrust screen syn-fin", platform="ssg5")
    box.receive(tcp("SF"))
    assert box.log() == [
        "SYN and FIN bits! From 9.9.9.9:1024 to 10.1.0.80:80, proto TCP (zone Untrust int  ethernet0/0). "
        "Occurred 1 times."
    ]


def test_counters_on_the_console() -> None:
    box = ScreenBox("set zone untrust screen syn-fin")
    box.receive(tcp("SF"))
    for words in ("interface ethernet3", "zone untrust"):
        shown = box.type(f"get counter screen {words}")
        assert "SYN and FIN bits set                       1" in shown
    assert "SYN and FIN bits set                       1" not in box.type("get counter screen interface ethernet1")
    box.type("clear counter screen")
    assert "SYN and FIN bits set                       1" not in box.type("get counter screen zone untrust")


def test_debug_flow_says_which_attack() -> None:
    box = ScreenBox("set zone untrust screen syn-fin")
    box.accept("debug flow basic")
    box.receive(tcp("SF"))
    assert "  packet dropped: SYN and FIN bits attack" in box.type("get dbuf stream")


def test_attacks_on_the_device_itself_are_screened() -> None:
    box = ScreenBox("set zone untrust screen land", "set zone untrust screen icmp-large")
    box.receive(tcp("S", src="1.1.1.1", dst="1.1.1.1"))
    assert not box.receive(ping(dst="1.1.1.1", size=1200))
    assert box.receive(ping(dst="1.1.1.1", size=200))
    assert (box.dropped(R.SCREEN_LAND), box.dropped(R.SCREEN_ICMP_LARGE)) == (1, 1)
