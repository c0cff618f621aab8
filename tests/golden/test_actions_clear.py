"""`clear …`, `debug ike`, flow filters, the debug buffer, `set clock`; who may use them, and their help."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nsemu.cli import action
from nsemu.cli.commands import device_shell
from nsemu.cli.console import Console
from nsemu.cli.grammar.graph import Graph
from nsemu.cli.grammar.nodes import Keyword, choice
from nsemu.config.clock import TimeZone
from nsemu.device.views.neighbors import arp_views
from nsemu.wire.address import parse_ipv4
from support.box import Box, echo, tcp, udp
from support.drop_scenes import BASE, INBOUND, PERMIT, SYN, established, pair


def with_sessions() -> Box:
    box = Box(BASE + PERMIT)
    for port in (21, 80, 443):
        box.receive("ethernet1", tcp("10.1.1.5", "9.9.9.9", (4000, port), SYN), trace=False)
    box.receive("ethernet1", echo("10.1.1.6", "9.9.9.9"), trace=False)
    assert len(box.device.state.sessions) == 4
    return box


@pytest.mark.parametrize(
    ("words", "cleared"),
    [
        ("", 4),
        (" all", 4),
        (" src-ip 10.1.1.5", 3),
        (" dst-ip 9.9.9.9 protocol 1", 1),
        (" dst-port 80", 1),
        (" src-port 4000 dst-port 443", 1),
        (" policy-id 1", 4),
        (" policy-id 2", 0),
        (" id 127999", 1),
        (" src-ip 9.9.9.9", 0),
    ],
)
def test_clear_session(words: str, cleared: int) -> None:
    box = with_sessions()
    assert box.type(f"clear session{words}") == f"Total cleared sessions :{cleared}, Total deny sessions :0\n"
    assert len(box.device.state.sessions) == 4 - cleared


def test_a_cleared_session_is_not_found_again() -> None:
    box = with_sessions()
    box.type("clear session")
    trace = box.receive("ethernet1", tcp("10.1.1.5", "9.9.9.9", (4000, 80), SYN))
    assert trace.hops[0].path == "first packet"


def test_clear_arp() -> None:
    box = with_sessions()
    assert box.device.state.neighbors.entries
    assert box.type("clear arp") == ""
    assert not arp_views(box.device)


@pytest.mark.parametrize("word", ["1", "00000001", "0x1", "40000001", ""])
def test_clear_sa_tells_the_peer(word: str) -> None:
    west, east = established()
    assert west.type(f"clear sa {word}") == ""
    west.run(0.1)
    assert [tunnel.active for box in (west, east) for tunnel in box.device.database.tunnels.values()] == [False, False]
    west.receive("ethernet1", echo("10.1.1.5", "10.2.2.5", number=2), trace=False, seconds=3)
    assert west.device.database.tunnels[1].active


def test_clear_sa_of_none() -> None:
    west, _east = pair()
    assert west.type("clear sa 2") == "SA 00000002 does not exist\n"
    assert west.console.refused
    assert "invalid SA id xyz" in west.type("clear sa xyz")


def test_clear_sa_statistics_leaves_the_lifetime_in_kilobytes_alone() -> None:
    west, _east = established()
    west.receive("ethernet1", echo("10.1.1.5", "10.2.2.5", number=2), trace=False)
    tunnel = west.device.database.tunnels[1]
    outbound = tunnel.outbound
    assert outbound is not None
    used = outbound.octets
    assert (tunnel.outbound_statistics.packets > 0, used > 0) == (True, True)
    west.type("clear sa-statistics id 1")
    assert (tunnel.outbound_statistics.packets, tunnel.outbound_statistics.octets, outbound.octets) == (0, 0, used)
    west.receive("ethernet1", echo("10.1.1.5", "10.2.2.5", number=3), trace=False)
    assert tunnel.outbound_statistics.packets == 1
    west.type("clear sa-statistics")
    west.device.clear_tunnel(1)
    assert tunnel.outbound_statistics.packets == 0


@pytest.mark.parametrize(("word", "left"), [("1.1.1.2", 0), ("all", 0), ("1.1.1.9", 1)])
def test_clear_ike_cookie(word: str, left: int) -> None:
    west, east = established()
    assert west.type(f"clear ike-cookie {word}") == ""
    west.run(0.1)
    now = west.scheduler.now
    assert [len(box.device.ike.engine.phase1s(now)) for box in (west, east)] == [left, left]


def test_clear_event() -> None:
    west, _east = established()
    assert len(west.device.event_log)
    west.type("clear event")
    assert not len(west.device.event_log)


def test_clear_log_traffic() -> None:
    logging = "set policy id {} from Trust to Untrust any any {} permit log\n"
    box = Box(BASE + logging.format(1, "http") + logging.format(2, "ftp"))
    for port in (80, 21):
        box.receive("ethernet1", tcp("10.1.1.5", "9.9.9.9", (4000, port), SYN), trace=False)
    box.type("clear session")
    assert [entry.policy_id for entry in box.device.traffic_log.entries] == [1, 2]
    box.type("clear log traffic policy 1")
    assert [entry.policy_id for entry in box.device.traffic_log.entries] == [2]
    box.type("clear log traffic")
    assert not box.device.traffic_log.entries


@pytest.mark.parametrize(
    ("line", "flow", "octets"),
    [
        ("clear counter all", 0, 0),
        ("clear counter flow", 0, 1),
        ("clear counter flow interface ethernet1", 0, 1),
        ("clear counter flow interface ethernet3", 1, 1),
        ("clear counter statistics", 1, 0),
        ("clear counter statistics interface e1", 1, 0),
        ("clear counter screen", 1, 1),
        ("clear counter screen zone trust", 1, 1),
    ],
)
def test_clear_counter(line: str, flow: int, octets: int) -> None:
    box = Box(BASE)
    box.receive("ethernet1", echo("10.1.1.6", "9.9.9.9"), trace=False)
    counters = box.device.interfaces.items["ethernet1"].counters
    assert (counters.flow["policy deny"], counters.in_packets > 0) == (1, True)
    assert box.type(line) == ""
    assert (counters.flow["policy deny"], int(counters.in_bytes > 0)) == (flow, octets)


def test_clear_counter_screen_clears_attacks_alone() -> None:
    box = Box(BASE)
    counters = box.device.interfaces.items["ethernet1"].counters
    counters.flow.update({"port scan": 3, "no route": 4})
    counters.screen.update({"port-scan": 3})
    box.type("clear counter screen interface ethernet1")
    assert dict(counters.flow) == {"port scan": 3, "no route": 4}
    assert not counters.screen


def test_clear_counter_of_nothing() -> None:
    box = Box(BASE)
    assert box.type("clear counter flow interface ethernet9") == "interface ethernet9 does not exist\n"
    assert box.type("clear counter screen zone nowhere") == "zone nowhere does not exist\n"


# --- debugging


def test_flow_filters_are_numbered_and_move_up() -> None:
    box = Box(BASE)
    assert box.type("set ff src-ip 10.1.1.5 dst-port 80") == "filter added\n"
    assert box.type("set ffilter ip-proto 50") == "filter added\n"
    first, second = box.device.debug.filters
    assert (first.source, first.destination_port, second.protocol) == (parse_ipv4("10.1.1.5"), 80, 50)
    assert box.type("unset ff 2") == "invalid id\n"
    assert box.type("unset ffilter") == "filter 0 removed\n"
    assert box.device.debug.filters == [second]
    assert box.type("unset ff 0") == "filter 0 removed\n"
    assert box.type("unset ff") == "invalid id\n"
    assert not box.device.modified


def test_a_flow_filter_without_words() -> None:
    box = Box(BASE)
    assert "at least one of src-ip" in box.type("set ffilter")
    assert (box.console.refused, box.device.debug.filters) == (True, [])


def test_flow_filter_help_is_that_of_a_device() -> None:
    """The texts of a real device (screenos-cli §2.1)."""
    rows = Box(BASE).type("set ff ?").splitlines()
    assert rows[1:] == [
        "dst-ip               flow filter dst ip",
        "dst-port             flow filter dst port",
        "ip-proto             flow filter ip proto",
        "src-ip               flow filter src ip",
        "src-port             flow filter src port",
    ]


def test_debug_and_undebug() -> None:
    box = Box(BASE)
    for line in ("debug flow basic", "debug ike detail"):
        assert box.type(line) == ""
    assert box.device.debug.active == {"flow": "basic", "ike": "detail"}
    box.type("undebug flow basic")
    assert box.device.debug.active == {"ike": "detail"}
    box.type("debug flow basic")
    box.type("undebug all")
    assert (box.device.debug.active, box.device.ike.engine.debug) == ({}, None)


def test_debug_ike_basic_says_less_than_detail() -> None:
    texts = {}
    for level in ("basic", "detail", "all"):
        west, _east = pair("", INBOUND)
        west.type(f"debug ike {level}")
        west.receive("ethernet1", echo("10.1.1.5", "10.2.2.5"), trace=False, seconds=3)
        texts[level] = west.device.debug.stream().splitlines()
        west.type("undebug ike")
        west.type("clear db")
        west.type("clear ike-cookie all")
        west.run(1)
        assert west.device.debug.stream() == ""
    assert texts["detail"] == texts["all"]
    assert set(texts["basic"]) < set(texts["detail"])
    assert all(line.startswith("## 2008-05-01 10:00:00 : IKE<1.1.1.2> ") for line in texts["basic"])
    assert "## 2008-05-01 10:00:00 : IKE<1.1.1.2> Construct ISAKMP header." in texts["detail"]
    assert not any("Construct" in line for line in texts["basic"])


def test_the_buffer_keeps_the_newest() -> None:
    box = Box(BASE)
    for number in range(1000):
        box.device.debug.write(f"{number:99}\n")
    assert box.type("set dbuf size 32") == ""
    lines = box.device.debug.stream().splitlines()
    assert (len(lines), lines[-1].strip()) == (327, "999")
    assert "out of range" in box.type("set dbuf size 31")
    assert box.type("clear db") == ""
    assert box.device.debug.used == 0


# --- the clock


def test_set_clock() -> None:
    box = Box(BASE)
    box.run(10)
    assert box.type("set clock 12/31/2009 23:59:58") == ""
    assert not box.device.modified
    box.run(3)
    assert box.device.clock.now().strftime("%Y-%m-%d %H:%M:%S") == "2010-01-01 00:00:01"
    box.type("set clock 02/29/2012")
    assert box.device.clock.now().strftime("%Y-%m-%d %H:%M:%S") == "2012-02-29 00:00:00"
    box.type("set clock 02/29/2012 7:05")
    assert box.device.clock.now().strftime("%H:%M:%S") == "07:05:00"


def test_set_clock_is_local_time() -> None:
    box = Box(BASE)
    box.type("set clock timezone 9")
    box.type("set clock 05/01/2008 12:00:00")
    assert box.device.clock.now(TimeZone(9)).strftime("%H:%M") == "12:00"
    assert box.device.clock.now().strftime("%H:%M") == "03:00"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("02/30/2008", "invalid date 02/30/2008 (<mm/dd/yyyy> expected)"),
        ("2008-05-01", "invalid date 2008-05-01 (<mm/dd/yyyy> expected)"),
        ("05/01/1969", "invalid date 05/01/1969 (<mm/dd/yyyy> expected)"),
        ("05/01/2008 24:00", "invalid time 24:00 (<hh:mm:ss> expected)"),
        ("05/01/2008 noon", "invalid time noon (<hh:mm:ss> expected)"),
    ],
)
def test_set_clock_to_nonsense(words: str, error: str) -> None:
    box = Box(BASE)
    before = box.device.clock.now()
    assert error in box.type(f"set clock {words}")
    assert (box.console.refused, box.device.clock.now()) == (True, before)


# --- laws


@pytest.mark.parametrize(
    "line",
    [
        "save",
        "reset no-prompt",
        "unset all",
        "clear session",
        "clear sa",
        "clear event",
        "clear counter all",
        "debug flow basic",
        "undebug all",
        "set ffilter src-ip 10.1.1.5",
        "set dbuf size 64",
        "set clock 05/01/2008",
    ],
)
def test_read_only_administrators_may_not(line: str) -> None:
    box = Box(BASE)
    box.console = Console(box.device, device_shell(), privilege="read-only")
    assert box.type(line).startswith("Read-only administrators cannot ")
    assert (box.console.refused, box.device.resets, box.device.debug.active) == (True, 0, {})


def test_read_only_administrators_may_ping() -> None:
    box = Box(BASE)
    box.console = Console(box.device, device_shell(), privilege="read-only")
    assert "Success Rate is 100 percent" in box.type("ping 10.1.1.1 count 1")


def keywords() -> Iterator[Keyword]:
    for position in Graph(choice(*action.COMMANDS, *action.UNDER_SET)).positions():
        for edge in position.edges:
            if isinstance(edge.token, Keyword):
                yield edge.token


def test_every_keyword_has_help() -> None:
    texts = {token.word: token.help for token in keywords()}
    assert {"ping", "clear", "ike-cookie", "ffilter"} <= set(texts)
    assert all(texts.values())


def test_internal_words_work_but_are_not_listed() -> None:
    """`debug` and `undebug` are not in the top-level help (screenos-cli §4.4)."""
    listed = {line.split()[0] for line in Box(BASE).type("?").splitlines()}
    assert {"clear", "ping", "reset", "save", "trace-route"} <= listed
    assert not {"debug", "undebug"} & listed


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("", 4),
        ("src-ip 10.1.1.0 netmask 255.255.255.0", 4),
        ("src-ip 10.1.1.4 netmask 255.255.255.254", 3),
        ("dst-port 21 80", 2),
        ("protocol 1", 1),
        ("protocol 2 17 src-port 4000", 3),
        ("service http", 1),
        ("src-mac 00005e005301", 4),
        ("src-mac 00:00:5e:00:53:02", 0),
        ("dst-mac 0000-5e00-5301 protocol 6", 3),
        ("vsd-id 0", 4),
        ("vsd-id 1", 0),
        ("tunnel", 0),
        ("ike-nat", 0),
    ],
)
def test_filters_of_sessions(words: str, shown: int) -> None:
    """What `get session` shows is what `clear session` clears."""
    box = with_sessions()
    listed = box.type(f"get session {words}")
    assert listed.endswith(f"Total {shown} sessions shown\n")
    assert listed.count("\nid ") == shown
    assert box.type(f"clear session {words}") == f"Total cleared sessions :{shown}, Total deny sessions :0\n"


def test_sessions_of_ike_behind_translation() -> None:
    box = Box(BASE + "set interface ethernet1 nat\n" + PERMIT)
    for port in (500, 4500, 53):
        box.receive("ethernet1", udp("10.1.1.5", "9.9.9.9", port), trace=False)
    assert box.type("get session ike-nat").endswith("Total 2 sessions shown\n")


def test_one_session_in_detail() -> None:
    box = Box(BASE + PERMIT)
    box.run(7)
    box.receive("ethernet1", tcp("10.1.1.5", "9.9.9.9", (4000, 80), SYN), trace=False, seconds=3)
    assert box.type("get session id 127999") == (
        "id 127999(0001f3ff), flag 08000040/0000/0001, vsys id 0(Root)\n"
        "policy id 1, application id 0, dip id 0, state 0\n"
        "current timeout 20, max timeout 20 (second)\n"
        "status normal, start time 7, duration 3\n"
        "session id mask 0, app value 0\n"
        "ethernet1(vsd 0): 10.1.1.5/4000->9.9.9.9/80, protocol 6 session token 4 route 1\n"
        "gtwy 10.1.1.5, mac 00005e005301, nsptn info 0, pmtu 1500\n"
        "flag 801801, diff 0/0\n"
        "port seq 0, subif 0, cookie 0, fin seq 0, fin state 0\n"
        "packets 1, bytes 40\n"
        "ethernet3(vsd 0): 10.1.1.5/4000<-9.9.9.9/80, protocol 6 session token 3 route 7\n"
        "gtwy 1.1.1.250, mac 00005e005301, nsptn info 0, pmtu 1500\n"
        "flag 801800, diff 0/0\n"
        "port seq 0, subif 0, cookie 0, fin seq 0, fin state 0\n"
        "packets 0, bytes 0\n"
    )
    assert "session 5 does not exist" in box.type("get session id 5")
