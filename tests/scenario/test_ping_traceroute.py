"""Ping and traceroute on a chain of routers: their arithmetic, their words, and what they refuse."""

from __future__ import annotations

import pytest

from nsemu.lab.arguments import CommandRefused
from nsemu.lab.ip_stack import IpStack
from nsemu.lab.link import LinkProperties
from nsemu.lab.ping import Pinger, PingOptions, describe_error, format_rtt, parse_ping
from nsemu.lab.stack_commands import STACK_COMMANDS, run_command
from nsemu.lab.traceroute import Traceroute, TracerouteOptions, parse_traceroute
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.scheduler import MILLISECOND, SECOND
from nsemu.sim.wait import Wait, run_to_end
from nsemu.wire import icmp
from nsemu.wire.address import parse_ipv4
from nsemu.wire.ipv4 import Ipv4Packet
from support.ip_lab import ALICE, BOB, WEST, Chain

MILLISECONDS_10 = LinkProperties(delay_ns=10 * MILLISECOND)


def run(lab: Chain, line: str, stack: IpStack | None = None) -> list[str]:
    return run_to_end(run_command(stack or lab.alice, line, STACK_COMMANDS), lab.scheduler).splitlines()


def warm() -> Chain:
    """A chain of 10 ms a way on the transit link, ARP already known."""
    lab = Chain(transit=MILLISECONDS_10)
    run(lab, "ping 10.2.2.5 count 1")
    return lab


def test_the_words_of_ping() -> None:
    lab = warm()
    assert run(lab, "ping 10.2.2.5 count 3") == [
        "PING 10.2.2.5 (10.2.2.5) 56(84) bytes of data.",
        "64 bytes from 10.2.2.5: icmp_seq=1 ttl=62 time=20.0 ms",
        "64 bytes from 10.2.2.5: icmp_seq=2 ttl=62 time=20.0 ms",
        "64 bytes from 10.2.2.5: icmp_seq=3 ttl=62 time=20.0 ms",
        "",
        "--- 10.2.2.5 ping statistics ---",
        "3 packets transmitted, 3 received, 0% packet loss, time 2020ms",
        "rtt min/avg/max/mdev = 20.000/20.000/20.000/0.000 ms",
    ]


def test_the_first_reply_waits_for_arp() -> None:
    """ARP on the transit link costs one round trip of its own."""
    lines = run(Chain(transit=MILLISECONDS_10), "ping 10.2.2.5 count 2 interval 0.5")
    assert lines[1].endswith("time=40.0 ms")
    assert lines[-1] == "rtt min/avg/max/mdev = 20.000/30.000/40.000/10.000 ms"


def test_dashes_mean_the_same() -> None:
    words = "10.2.2.5 count 7 interval 0.25 size 1400 ttl 9 df source 10.1.1.5 time-out 2"
    dashes = "-c 7 -i 0.25 -s 1400 -t 9 -M do -I 10.1.1.5 -W 2 10.2.2.5"
    expected = PingOptions(BOB, 7, SECOND // 4, 1400, 9, True, ALICE, 2 * SECOND)
    assert parse_ping(words.split()) == parse_ping(dashes.split()) == expected
    assert parse_ping(["10.2.2.5"]) == PingOptions(BOB)
    assert parse_ping(["10.2.2.5", "interval", ".5"]).interval == SECOND // 2
    assert not parse_ping(["10.2.2.5", "-M", "dont"]).df


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ping", "the address to ping is missing"),
        ("ping 10.2.2.256", "invalid IP address '10.2.2.256'"),
        ("ping 10.2.2.5 cuont 5", "unknown option 'cuont'; did you mean 'count'?"),
        ("ping 10.2.2.5 9", "unknown option '9'"),
        ("ping 10.2.2.5 count", "option count needs a value"),
        ("ping 10.2.2.5 count 0", "option count: '0' is no number from 1 to 1000000"),
        ("ping 10.2.2.5 count ²", "option count: '²' is no number from 1 to 1000000"),
        ("ping 10.2.2.5 size 65508", "option size: '65508' is no number from 0 to 65507"),
        ("ping 10.2.2.5 interval x", "option interval: 'x' is no number of seconds"),
        ("ping 10.2.2.5 interval -1", "option interval: '-1' is no number of seconds"),
        ("ping 10.2.2.5 interval 0", "option interval: '0' is not from 0.001 to 86400 seconds"),
        ("ping 10.2.2.5 interval .", "option interval: '.' is no number of seconds"),
        ("ping 10.2.2.5 ttl 256", "option ttl: '256' is no number from 1 to 255"),
        ("ping 10.2.2.5 -M maybe", "option -M: 'maybe' is none of do, want, dont"),
        ("ping 10.2.2.5 source nowhere", "option source: invalid IP address 'nowhere'"),
        ("ping 10.2.2.5 source 10.1.1.6", "10.1.1.6 is not an address of alice"),
        ("traceroute", "the address to trace is missing"),
        ("traceroute 10.2.2.5 hops 0", "option hops: '0' is no number from 1 to 255"),
        ("arp all", "unexpected word 'all'"),
        ("pnig 10.2.2.5", "unknown command 'pnig'; did you mean 'ping'?"),
        ("reload", "unknown command 'reload'"),
    ],
)
def test_what_is_refused_sends_nothing(line: str, message: str) -> None:
    lab = Chain()
    with pytest.raises(CommandRefused) as caught:
        run_command(lab.alice, line, STACK_COMMANDS)
    assert str(caught.value) == message
    assert lab.frames == []


def test_the_result_of_a_pinger() -> None:
    lab = warm()
    pinger = Pinger(lab.alice, PingOptions(BOB, count=4, interval=SECOND // 4, size=100))
    pinger.start()
    assert not pinger.done
    lab.run(0.6)
    assert (pinger.result.sent, pinger.result.received) == (3, 2 + 1)
    lab.run()
    assert pinger.done
    assert pinger.result.rtts == (0.02,) * 4
    assert "4 packets transmitted, 4 received" in pinger.take_text()
    assert pinger.take_text() == ""


def test_the_size_and_ttl_and_df_on_the_wire() -> None:
    lab = warm()
    lab.frames.clear()
    lines = run(lab, "ping 10.2.2.5 count 1 size 1000 ttl 9 df source 10.1.1.5")
    assert lines[0] == "PING 10.2.2.5 (10.2.2.5) from 10.1.1.5 : 1000(1028) bytes of data."
    assert lines[1].startswith("1008 bytes from 10.2.2.5: icmp_seq=1 ttl=62")
    (request,) = lab.packets("alice:eth0")
    assert (request.total_length, request.ttl, request.df, request.source) == (1028, 9, True, ALICE)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17])
def test_small_sizes(size: int) -> None:
    lab = warm()
    lines = run(lab, f"ping 10.2.2.5 count 1 size {size}")
    assert lines[1].startswith(f"{size + 8} bytes from 10.2.2.5")


def test_loss_is_counted() -> None:
    lab = warm()
    lab.far.set(loss=1.0)
    lines = run(lab, "ping 10.2.2.5 count 3")
    assert lines[1:] == [
        "",
        "--- 10.2.2.5 ping statistics ---",
        "3 packets transmitted, 0 received, 100% packet loss, time 2000ms",
    ]


def test_the_wait_for_the_last_reply() -> None:
    lab = warm()
    lab.far.set(loss=1.0)
    before = lab.scheduler.now
    run(lab, "ping 10.2.2.5 count 1")
    assert lab.scheduler.now - before == 10 * SECOND
    before = lab.scheduler.now
    run(lab, "ping 10.2.2.5 count 1 time-out 2.5")
    assert lab.scheduler.now - before == 5 * SECOND // 2


def test_a_third_lost_prints_like_ping() -> None:
    lab = warm()
    lab.scheduler.after(SECOND // 2, lambda: lab.far.set(loss=1.0))
    lab.scheduler.after(3 * SECOND // 2, lambda: lab.far.set(loss=0.0))
    lines = run(lab, "ping 10.2.2.5 count 3")
    assert [line.split(":")[0] for line in lines[1:3]] == ["64 bytes from 10.2.2.5"] * 2
    assert lines[5] == "3 packets transmitted, 2 received, 33.3333% packet loss, time 2020ms"


@pytest.mark.parametrize(
    ("line", "answer", "statistics"),
    [
        ("ping 10.1.1.77 count 1", "From 10.1.1.5 icmp_seq=1 Destination Host Unreachable", "time 3000ms"),
        ("ping 10.2.2.77 count 1", "From 192.0.2.2 icmp_seq=1 Destination Host Unreachable", "time 3020ms"),
        ("ping 198.51.100.1 count 1", "From 10.1.1.1 icmp_seq=1 Destination Net Unreachable", "time 0ms"),
        ("ping 10.2.2.5 count 1 ttl 2", "From 192.0.2.2 icmp_seq=1 Time to live exceeded", "time 20ms"),
        ("ping 10.2.2.5 count 1 size 1473 df", "ping: local error: message too long, mtu=1500", "time 0ms"),
    ],
)
def test_errors(line: str, answer: str, statistics: str) -> None:
    lines = run(warm(), line)
    assert lines[1] == answer
    assert lines[-1] == f"1 packets transmitted, 0 received, +1 errors, 100% packet loss, {statistics}"


def test_path_mtu_in_ping() -> None:
    lab = Chain(transit_mtu=1300)
    lines = run(lab, "ping 10.2.2.5 count 2 size 1400 -M do")
    assert lines[1:3] == [
        "From 10.1.1.1 icmp_seq=1 Frag needed and DF set (mtu = 1300)",
        "ping: local error: message too long, mtu=1300",
    ]


def test_no_route_at_all() -> None:
    lab = Chain()
    lab.near.down()
    lines = run(lab, "ping 10.2.2.5 count 2")
    assert lines[1:3] == ["ping: sendmsg: Network is unreachable"] * 2
    assert lines[-1] == "2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 1000ms"


def test_duplicates_are_marked_and_not_counted() -> None:
    lab = warm()
    handler = lab.bob.icmp.receive

    def twice(packet: Ipv4Packet, payload: bytes, interface: object, trace: PacketTrace | None) -> None:
        for _ in range(2):
            handler(packet, payload, lab.bob.interfaces["eth0"], trace)

    lab.bob.register(1, twice)
    lines = run(lab, "ping 10.2.2.5 count 2")
    assert lines[2] == "64 bytes from 10.2.2.5: icmp_seq=1 ttl=62 time=20.0 ms (DUP!)"
    assert "2 packets transmitted, 2 received, +1 duplicates, 0% packet loss" in lines[-2]


def test_two_pings_at_once_do_not_mix() -> None:
    lab = warm()
    pingers = [Pinger(lab.alice, PingOptions(destination, count=3)) for destination in (BOB, WEST)]
    for pinger in pingers:
        pinger.start()
    lab.run()
    assert [pinger.result.rtts for pinger in pingers] == [(0.02,) * 3, (0.0,) * 3]


def test_closing_the_command_stops_the_requests() -> None:
    lab = warm()
    lab.frames.clear()
    progress = run_command(lab.alice, "ping 10.2.2.5 count 100", STACK_COMMANDS)
    assert isinstance(next(progress), str)
    assert isinstance(next(progress), Wait)
    progress.close()
    lab.run(60)
    assert len(lab.packets("alice:eth0")) == 1


def test_the_trace_goes_with_the_first_request() -> None:
    lab = warm()
    trace = PacketTrace()
    Pinger(lab.alice, PingOptions(BOB, count=2), trace=trace).start()
    lab.run()
    assert [hop.node for hop in trace.hops] == ["alice", "west", "east", "bob", "bob", "east", "west", "alice"]


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0.000"),
        (999_999, "0.999"),
        (1_004_000, "1.00"),
        (1_005_000, "1.01"),
        (40_249_000, "40.2"),
        (40_250_000, "40.3"),
        (100_499_000, "100"),
        (3_000_500_000, "3001"),
    ],
)
def test_round_trips_are_printed_as_iputils_does(nanoseconds: int, text: str) -> None:
    assert format_rtt(nanoseconds) == text


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (icmp.IcmpMessage(3, 13, 0), "Packet filtered"),
        (icmp.IcmpMessage(3, 14, 0), "Dest Unreachable, Bad Code: 14"),
        (icmp.IcmpMessage(11, 1, 0), "Frag reassembly time exceeded"),
        (icmp.IcmpMessage(12, 0, 20 << 24), "Parameter problem: pointer = 20"),
        (icmp.IcmpMessage(5, 1, WEST), "Redirect (New nexthop: 10.1.1.1)"),
        (icmp.IcmpMessage(4, 0, 0), "Source Quench"),
    ],
)
def test_error_words(message: icmp.IcmpMessage, text: str) -> None:
    assert describe_error(message) == text


# Traceroute


@pytest.mark.parametrize("line", ["traceroute 10.2.2.5", "trace-route 10.2.2.5 icmp", "traceroute -I 10.2.2.5"])
def test_traceroute(line: str) -> None:
    assert run(warm(), line) == [
        "traceroute to 10.2.2.5 (10.2.2.5), 30 hops max, 60 byte packets",
        " 1  10.1.1.1 (10.1.1.1)  0.000 ms  0.000 ms  0.000 ms",
        " 2  192.0.2.2 (192.0.2.2)  20.000 ms  20.000 ms  20.000 ms",
        " 3  10.2.2.5 (10.2.2.5)  20.000 ms  20.000 ms  20.000 ms",
    ]


def test_the_probes_are_sixty_octets_to_rising_ports() -> None:
    lab = warm()
    lab.frames.clear()
    run(lab, "traceroute 10.2.2.5")
    probes = lab.packets("alice:eth0")
    assert [probe.ttl for probe in probes] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert {probe.total_length for probe in probes} == {60}
    assert [int.from_bytes(probe.payload[2:4], "big") for probe in probes] == list(range(33434, 33443))


def test_numeric_and_fewer_probes() -> None:
    assert run(warm(), "traceroute 10.2.2.5 -n -q 1 -s 10.1.1.5")[1:] == [
        " 1  10.1.1.1  0.000 ms",
        " 2  192.0.2.2  20.000 ms",
        " 3  10.2.2.5  20.000 ms",
    ]


def test_silence_is_stars() -> None:
    lab = warm()
    lab.far.set(loss=1.0)
    before = lab.scheduler.now
    assert run(lab, "traceroute 10.2.2.5 hops 4 time-out 2")[3:] == [" 3  * * *", " 4  * * *"]
    # 20 ms for each of the three probes to the second hop, six probes of 2 s.
    assert lab.scheduler.now - before == 12 * SECOND + 60 * MILLISECOND


def test_marks_end_the_trace() -> None:
    assert run(warm(), "traceroute 198.51.100.1 -n")[1:] == [
        " 1  10.1.1.1  0.000 ms  0.000 ms  0.000 ms",
        " 2  10.1.1.1  0.000 ms !N  0.000 ms !N  0.000 ms !N",
    ]
    lines = run(warm(), "traceroute 10.2.2.77 -n -q 1 time-out 4")
    assert lines[3] == " 3  192.0.2.2  3020.000 ms !H"
    assert len(lines) == 4


def test_traceroute_without_a_route() -> None:
    lab = Chain()
    lab.near.down()
    assert run(lab, "traceroute 10.2.2.5")[1:] == ["send: Network is unreachable"]


def test_traceroute_reaches_an_open_port() -> None:
    lab = warm()
    server = lab.bob.udp.bind(33434 + 2, lambda one: answers.append(server.send(one.source, one.source_port, b"hi")))
    answers: list[object] = []
    trace = Traceroute(lab.alice, TracerouteOptions(BOB, probes=1))
    run_to_end(trace.progress(), lab.scheduler)
    assert len(answers) == 1
    assert trace.reached
    assert [hop.ttl for hop in trace.hops] == [1, 2, 3]


def test_traceroute_gives_its_port_back() -> None:
    lab = warm()
    run(lab, "traceroute 10.2.2.5")
    lab.alice.udp.bind(1024, lambda _: None)
    assert parse_traceroute(["10.2.2.5"]).use_icmp is False


# The other commands


def test_tables_of_a_router() -> None:
    lab = warm()
    west = lab.west.stack
    mac = west.interfaces["eth1"].mac.hex(":")
    assert lab.command(lab.west, "interfaces").splitlines() == [
        "Interface  State  MAC                MTU   Address",
        f"eth1       up     {mac}  1500  10.1.1.1/24",
        f"eth2       up     {west.interfaces['eth2'].mac.hex(':')}  1500  192.0.2.1/30",
    ]
    assert lab.command(lab.east, "routes").splitlines() == [
        "default via 192.0.2.1 dev eth1",
        "10.2.2.0/24 dev eth2 src 10.2.2.1",
        "192.0.2.0/30 dev eth1 src 192.0.2.2",
    ]
    lab.far.down()
    assert "10.2.2.0/24 dev eth2 src 10.2.2.1 linkdown" in lab.command(lab.east, "routes")
    alice = lab.alice.interfaces["eth0"].mac.hex(":")
    east = lab.east.stack.interfaces["eth1"].mac.hex(":")
    west.interfaces["eth1"].arp.add_static(parse_ipv4("10.1.1.9"), b"\x02" * 6)
    west.send(parse_ipv4("10.1.1.77"), 99, b"")
    assert lab.command(lab.west, "arp").splitlines() == [
        f"10.1.1.5 dev eth1 lladdr {alice} REACHABLE",
        "10.1.1.9 dev eth1 lladdr 02:02:02:02:02:02 PERMANENT",
        "10.1.1.77 dev eth1 INCOMPLETE",
        f"192.0.2.2 dev eth2 lladdr {east} REACHABLE",
    ]


def test_a_router_pings() -> None:
    lab = warm()
    assert "2 packets transmitted, 2 received" in lab.command(lab.west, "ping 10.2.2.5 count 2")


def test_help_and_the_empty_line() -> None:
    lab = Chain()
    assert run(lab, "help") == ["arp", "help", "interfaces", "ping", "routes", "trace-route", "traceroute"]
    assert run(lab, "  ") == []
