"""What forwarding costs, as ratios measured in one run.

LAN to LAN through two devices and one tunnel beside the bare cryptography of the same packets and beside scapy; the
clear-text fast path, of TCP with windows followed, and with SCREEN and address translation; sessions a second; growth
with sessions, policies and routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from esp_cost import bare, scapy
from figures import at_least, at_most, costs, told
from pair import Side, configure, gateways, tcp, through, udp
from pytest_benchmark.fixture import BenchmarkFixture

from nsemu.config.algorithms import Encryption
from nsemu.sim.scheduler import Scheduler
from nsemu.wire.address import format_ipv4, parse_ipv4
from nsemu.wire.tcp import ACK, SYN

BARE_GOALS = {Encryption.AES128: 1.5, Encryption.TRIPLE_DES: 1.2}
SCAPY_GOAL = 50
FAST_GOAL, FIRST_GOAL, TCP_GOAL = 1.3, 3.0, 1.15
SCREENED_GOAL = 1.5
FEW, MANY = 10, 10_000
STREAMED = 40_000

ROUTED = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.0.1/16
set interface ethernet1 route
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set policy from trust to untrust any any any permit
"""
UNCHECKED = "set flow no-tcp-seq-check"
SCREENED = """
set zone trust screen tear-drop
set zone trust screen syn-flood
set zone trust screen ping-death
set zone trust screen ip-filter-src
set zone trust screen land
set zone trust screen syn-frag
set zone trust screen tcp-no-flag
set zone trust screen unknown-protocol
set zone trust screen ip-bad-option
set zone trust screen ip-record-route
set zone trust screen icmp-fragment
set zone trust screen icmp-large
set zone trust screen syn-fin
set zone trust screen fin-no-ack
set zone trust screen winnuke
set zone trust screen port-scan
set zone trust screen ip-sweep
set zone trust screen limit-session source-ip-based 100000
set zone trust screen limit-session destination-ip-based 100000
"""
TRANSLATED = "set policy id 1 from trust to untrust any any any nat src permit"


def routed(policies: int = 0, routes: int = 0, more: str = "") -> Side:
    """One device in clear text, with many policies before the one that matches and many routes beside the default."""
    side = Side("tokyo", Scheduler(), ROUTED)
    lines = [more]
    for number in range(policies - 1):
        lines.append(f"set address untrust n{number} {format_ipv4(0xC0000000 + number * 256)}/24")
        lines.append(f"set policy before 1 from trust to untrust any n{number} ftp deny")
    for number in range(routes):
        target = format_ipv4(0xC8000000 + number * 256)
        lines.append(f"set route {target}/24 interface ethernet3 gateway 1.1.1.250")
    configure(side.device, "\n".join(lines))
    side.learn("ethernet1", parse_ipv4("10.1.0.5"), bytes(5) + b"\x05")
    side.learn("ethernet3", parse_ipv4("1.1.1.250"), bytes(5) + b"\xfa")
    return side


@pytest.mark.parametrize("encryption", BARE_GOALS)
def test_lan_to_lan(benchmark: BenchmarkFixture, encryption: Encryption) -> None:
    tokyo, paris = gateways(encryption.value)
    benchmark(through(tokyo, paris, udp("10.1.0.5", "10.2.0.5")))


@pytest.mark.parametrize("encryption", BARE_GOALS)
def test_lan_to_lan_beside_bare_cryptography(encryption: Encryption) -> None:
    """1400 octets of UDP through two devices."""
    tokyo, paris = gateways(encryption.value)
    once = through(tokyo, paris, udp("10.1.0.5", "10.2.0.5"))
    cost = costs({"ours": (once, 1500), "bare": (bare(encryption), 1000), "scapy": (scapy(encryption), 25)})
    subject = f"LAN to LAN, 1400 octets, {encryption.value}/sha-1"
    detail = f"{cost['ours']:.1f} us, bare {cost['bare']:.1f} us"
    if encryption is Encryption.AES128:
        at_least(f"{subject}: scapy / nsemu", cost["scapy"] / cost["ours"], SCAPY_GOAL, f"{cost['scapy']:.0f} us")
    at_most(f"{subject}: nsemu / bare", cost["ours"] / cost["bare"], BARE_GOALS[encryption], detail)


def fast_path(side: Side) -> Callable[[], object]:
    frame = side.frame("ethernet1", udp("10.1.0.5", "9.9.9.9", size=128))
    receive = side.device.receive

    def once() -> object:
        receive("ethernet1", frame)
        return side.sent.pop()

    once()
    return once


def one_by_one(side: Side, packets: Iterable[bytes]) -> Callable[[], object]:
    """Each call takes the next of some packets from the LAN."""
    frames = [side.frame("ethernet1", packet) for packet in packets]
    frames.reverse()
    receive = side.device.receive

    def once() -> object:
        receive("ethernet1", frames.pop())
        return side.sent.pop()

    return once


def datagrams(side: Side, size: int) -> Callable[[], object]:
    packet = udp("10.1.0.5", "9.9.9.9", size=size)
    return one_by_one(side, (bytes(bytearray(packet)) for _ in range(STREAMED)))


def segments(side: Side, size: int) -> Callable[[], object]:
    """Each call is the next segment of a connection whose handshake the device has seen; the windows are wide."""
    client, server = ("10.1.0.5", 4000), ("9.9.9.9", 80)
    for interface, packet in (
        ("ethernet1", tcp(client, server, SYN, (99, 0))),
        ("ethernet3", tcp(server, client, SYN | ACK, (499, 100))),
        ("ethernet3", tcp(server, client, ACK, (500, 100))),
    ):
        side.device.receive(interface, side.frame(interface, packet))
    side.sent.clear()
    numbers = range(100, 100 + STREAMED * (size - 40), size - 40)
    return one_by_one(side, (tcp(client, server, ACK, (number, 500), size) for number in numbers))


def first_packets(side: Side) -> Callable[[], object]:
    """Each call is a new flow, with a destination among a thousand."""
    return one_by_one(
        side,
        (
            udp("10.1.0.5", format_ipv4(0x09000000 + number % 1000), (1024 + number, 53), 64)
            for number in range(STREAMED)
        ),
    )


def test_clear_text(benchmark: BenchmarkFixture) -> None:
    once = fast_path(routed())
    benchmark(once)
    told("clear-text fast path, packets a second", f"{1e6 / costs({'': (once, 5000)})['']:,.0f}")


def test_tcp_beside_udp() -> None:
    """Windows are followed for each segment, and cost little."""
    ways = {
        "UDP": datagrams(routed(), 512),
        "TCP, windows not followed": segments(routed(more=UNCHECKED), 512),
        "TCP": segments(routed(), 512),
    }
    cost = costs({name: (once, 5000) for name, once in ways.items()})
    for name in ("TCP, windows not followed", "TCP"):
        at_most(f"fast path: {name} / UDP", cost[name] / cost["UDP"], TCP_GOAL, f"{cost[name]:.2f} us")


def test_screen_and_translation() -> None:
    """Later packets of a session in a zone with nearly all SCREEN options on, and with their source translated."""
    ways = {
        "plain": routed(),
        "SCREEN": routed(more=SCREENED),
        "NAT": routed(more=TRANSLATED),
        "SCREEN and NAT": routed(more=f"{SCREENED}\n{TRANSLATED}"),
    }
    cost = costs({name: (fast_path(side), 5000) for name, side in ways.items()})
    for name in ("SCREEN", "NAT", "SCREEN and NAT"):
        at_most(f"fast path with {name} / plain", cost[name] / cost["plain"], SCREENED_GOAL, f"{cost[name]:.2f} us")


def test_sessions_a_second() -> None:
    ways = {"plain": routed(), "with SCREEN and NAT": routed(more=f"{SCREENED}\n{TRANSLATED}")}
    cost = costs({name: (first_packets(side), 4000) for name, side in ways.items()})
    for name, microseconds in cost.items():
        told(f"sessions set up a second, {name}", f"{1e6 / microseconds:,.0f}")


def test_fast_path_grows_with_sessions() -> None:
    few, many = routed(), routed()
    crowd(many, 100_000)
    cost = costs({"few": (fast_path(few), 5000), "many": (fast_path(many), 5000)})
    at_most("fast path, 1 to 100,000 sessions", cost["many"] / cost["few"], FAST_GOAL)


def test_first_packets_grow() -> None:
    sides = {
        "few": routed(FEW, FEW),
        "policies": routed(MANY, FEW),
        "routes": routed(FEW, MANY),
        "sessions": routed(FEW, FEW),
        "all": routed(MANY, 8192),
    }
    crowd(sides["sessions"], 64_000)
    cost = costs({name: (first_packets(side), 4000) for name, side in sides.items()})
    for name, subject in (
        ("policies", "10 to 10,000 policies"),
        ("routes", "10 to 10,000 routes"),
        ("sessions", "1 to 64,000 sessions"),
        ("all", "10,000 policies and 8,192 routes"),
    ):
        at_most(f"first packet, {subject}", cost[name] / cost["few"], FIRST_GOAL, f"{cost[name]:.1f} us")


def crowd(side: Side, count: int) -> None:
    """Fill the session table."""
    for number in range(count):
        source = format_ipv4(0x0A010006 + number // 50_000)
        packet = udp(source, "8.8.8.8", (1024 + number % 50_000, 53), 64)
        side.device.receive("ethernet1", side.frame("ethernet1", packet))
    side.sent.clear()
    assert len(side.device.state.sessions) == count
