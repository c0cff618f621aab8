"""What forwarding costs, as ratios measured in one run (`-s` shows the tables).

LAN to LAN through two devices and one tunnel beside the bare cryptography of the same packets and beside scapy; the
clear-text fast path; sessions a second; growth with sessions, policies and routes.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import pytest
from esp_cost import bare, scapy
from pair import Side, configure, gateways, through, udp
from pytest_benchmark.fixture import BenchmarkFixture

from nsemu.config.algorithms import Encryption
from nsemu.sim.scheduler import Scheduler
from nsemu.wire.address import format_ipv4, parse_ipv4

GOALS = {Encryption.AES128: (1.5, 50), Encryption.TRIPLE_DES: (1.2, 0)}

ROUTED = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.0.1/16
set interface ethernet1 route
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set policy from trust to untrust any any any permit
"""


def routed(policies: int = 0, routes: int = 0) -> Side:
    """One device in clear text, with many policies before the one that matches and many routes beside the default."""
    side = Side("tokyo", Scheduler(), ROUTED)
    lines = []
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


def microseconds(once: Callable[[], object], rounds: int) -> float:
    """The best of five rounds."""
    best = float("inf")
    for _ in range(5):
        start = perf_counter()
        for _ in range(rounds):
            once()
        best = min(best, (perf_counter() - start) / rounds)
    return best * 1e6


@pytest.mark.parametrize("encryption", GOALS)
def test_lan_to_lan(benchmark: BenchmarkFixture, encryption: Encryption) -> None:
    tokyo, paris = gateways(encryption.value)
    benchmark(through(tokyo, paris, udp("10.1.0.5", "10.2.0.5")))


def test_lan_to_lan_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    """1400 octets of UDP through two devices; goals 1.5 (AES-128) and 1.2 (3DES) times the bare cost, 50 × scapy."""
    lines = [
        "",
        f"{'LAN to LAN, two devices':26}{'nsemu':>10}{'bare':>10}{'scapy':>10}{'/bare':>8}{'goal':>6}{'scapy/':>8}",
    ]
    for encryption, (goal, times) in GOALS.items():
        tokyo, paris = gateways(encryption.value)
        ours = microseconds(through(tokyo, paris, udp("10.1.0.5", "10.2.0.5")), 2000)
        plain = microseconds(bare(encryption), 1000)
        other = microseconds(scapy(encryption), 40)
        lines.append(
            f"{encryption.value + '/sha-1':26}{ours:8.1f}us{plain:8.1f}us{other:8.0f}us"
            f"{ours / plain:8.2f}{goal:6.1f}{other / ours:8.0f}{f' (goal {times})' if times else ''}"
        )
    with capsys.disabled():
        print("\n".join(lines))


def fast_path(side: Side) -> Callable[[], object]:
    frame = side.frame("ethernet1", udp("10.1.0.5", "9.9.9.9", size=128))
    receive = side.device.receive

    def once() -> object:
        receive("ethernet1", frame)
        return side.sent.pop()

    once()
    return once


def first_packets(side: Side) -> Callable[[], object]:
    """Each call is a new flow, with a destination among a thousand."""
    frames = [
        side.frame("ethernet1", udp("10.1.0.5", format_ipv4(0x09000000 + number % 1000), (1024 + number, 53), 64))
        for number in range(40_000)
    ]
    frames.reverse()
    receive = side.device.receive

    def once() -> object:
        receive("ethernet1", frames.pop())
        return side.sent.pop()

    return once


def test_clear_text(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    once = fast_path(routed())
    benchmark(once)
    with capsys.disabled():
        print(f"\nclear-text fast path: {1e6 / microseconds(once, 5000):,.0f} packets/s")


def test_sessions_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    once = first_packets(routed())
    with capsys.disabled():
        print(f"\nsessions set up: {1e6 / microseconds(once, 4000):,.0f} a second")


def test_growth(capsys: pytest.CaptureFixture[str]) -> None:
    """Goals: 1.3 on the fast path, 3 on first packets."""
    few, many = routed(), routed()
    crowd(many, 100_000)
    rows = [
        ("fast path, 1 to 100,000 sessions", microseconds(fast_path(few), 5000), microseconds(fast_path(many), 5000))
    ]
    base = microseconds(first_packets(routed(10, 10)), 4000)
    rows.append(("first packet, 10 to 10,000 policies", base, microseconds(first_packets(routed(10_000, 10)), 4000)))
    rows.append(("first packet, 10 to 10,000 routes", base, microseconds(first_packets(routed(10, 10_000)), 4000)))
    with capsys.disabled():
        print()
        for name, small, large in rows:
            print(f"{name:40}{small:8.2f}us{large:8.2f}us{large / small:8.2f}")


def crowd(side: Side, count: int) -> None:
    """Fill the session table."""
    for number in range(count):
        source = format_ipv4(0x0A010006 + number // 50_000)
        packet = udp(source, "8.8.8.8", (1024 + number % 50_000, 53), 64)
        side.device.receive("ethernet1", side.frame("ethernet1", packet))
    side.sent.clear()
    assert len(side.device.state.sessions) == count
