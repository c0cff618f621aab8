"""SCREEN options about many addresses, and those of transparent mode."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP

from nsemu.runtime.drop import DropReason
from support.box import echo
from support.bridge import HOST, IPV4, PERMIT, ROUTER, Bridge
from support.screen_box import ScreenBox, tcp, udp

R = DropReason
INBOUND = "set policy id 2 from v1-untrust to v1-trust any any any permit\n"


@pytest.mark.parametrize(
    ("option", "packet", "reason", "name"),
    [("tcp-sweep", tcp, R.SCREEN_TCP_SWEEP, "TCP"), ("udp-sweep", udp, R.SCREEN_UDP_SWEEP, "UDP")],
)
def test_the_tenth_address_is_a_sweep(option: str, packet: object, reason: DropReason, name: str) -> None:
    box = ScreenBox(f"set zone untrust screen {option}")
    passed = [box.trace(packet(dst=f"10.1.0.{10 + last}")).hops[0] for last in range(12)]  # type: ignore[operator]
    dropped = [any(getattr(step, "reason", None) is reason for step in hop.steps) for hop in passed]
    assert dropped == [False] * 9 + [True] * 3
    assert box.counted(option) == 3
    assert box.log() == [f"{name} sweep! From 9.9.9.9 to zone Untrust, proto {name} (int ethernet3). Occurred 3 times."]


@pytest.mark.parametrize("option", ["tcp-sweep", "udp-sweep"])
def test_a_slow_sweep_and_another_protocol_pass(option: str) -> None:
    box = ScreenBox(f"set zone untrust screen {option}", f"set zone untrust screen {option} threshold 1000")
    wanted, other = (tcp, udp) if option == "tcp-sweep" else (udp, tcp)
    for last in range(20):
        box.receive(wanted(dst=f"10.1.0.{10 + last}"))
        box.receive(other(dst=f"10.1.0.{10 + last}"))
        box.wait(0.0002)
    assert box.counted(option) == 0


def bridged(*lines: str) -> Bridge:
    return Bridge(PERMIT + INBOUND + "".join(f"{line}\n" for line in lines))


def send(bridge: Bridge, packet: bytes, port: str = "ethernet3", macs: bytes = HOST + ROUTER) -> list[str]:
    """The ports that a packet leaves by, from a router behind V1-Untrust to a host."""
    bridge.sent.clear()
    bridge.device.receive(port, macs + IPV4 + packet)
    return [name for name, frame in bridge.sent if frame[12:14] == IPV4]


BOOK = "set address v1-dmz server 10.0.0.80/32", "set address v1-untrust net 10.0.0.0/24"


@pytest.mark.parametrize(
    ("source", "port", "forged"),
    [
        ("10.0.0.80", "ethernet3", True),
        ("10.0.0.81", "ethernet3", False),
        ("192.0.2.1", "ethernet3", False),
        ("10.0.0.80", "ethernet2", False),
    ],
)
def test_spoofing_in_layer_2_zones_goes_by_the_address_books(source: str, port: str, forged: bool) -> None:
    """The longest entry for a source says in which zone it belongs; what no book knows passes."""
    lines = [f"set zone {zone} screen ip-spoofing" for zone in ("v1-untrust", "v1-dmz")]
    bridge = bridged(*BOOK, *lines)
    send(bridge, echo(source, "10.0.0.5"), port)
    counters = bridge.device.interfaces.items[port].counters
    assert counters.flow[R.SCREEN_IP_SPOOFING.counter] == forged
    assert counters.screen["ip-spoofing"] == forged


def test_a_book_that_changes_is_read_anew() -> None:
    bridge = bridged("set zone v1-untrust screen ip-spoofing")
    assert send(bridge, echo("10.0.0.80", "10.0.0.5"))
    bridge.accept("set address v1-trust server 10.0.0.80/32")
    assert not send(bridge, echo("10.0.0.80", "10.0.0.5", number=2))


@pytest.mark.parametrize(("known", "drop", "expected"), [
    (False, False, "passes"), (False, True, "dropped"), (True, False, "answered"), (True, True, "answered"),
])  # fmt: skip
def test_syn_flood_and_unknown_mac_addresses(known: bool, drop: bool, expected: str) -> None:
    """The TCP proxy cannot speak for a host behind an unknown MAC address: its SYN passes, or is dropped."""
    lines = ["set zone v1-untrust screen syn-flood", "set zone v1-untrust screen syn-flood attack-threshold 1"]
    bridge = bridged(*lines, *["set zone v1-untrust screen syn-flood drop-unknown-mac"] * drop)
    if known:
        send(bridge, echo("10.0.0.5", "10.0.0.9"), "ethernet1", ROUTER + HOST)
    left = []
    for port in (1, 2, 3):
        packet = bytes(IP(src="192.0.2.1", dst="10.0.0.5") / TCP(sport=1024 + port, dport=80, flags="S", seq=1))
        left = send(bridge, packet)
    assert {"passes": ["ethernet1", "ethernet4"], "dropped": [], "answered": ["ethernet3"]}[expected] == left
    dropped = bridge.device.interfaces.items["ethernet3"].counters.flow[R.SCREEN_SYN_FLOOD.counter]
    assert (dropped > 0) == (expected != "passes")
    shown = bridge.type("get zone v1-untrust screen")
    assert f"Drop unknown MAC (transparent mode only):             {'on' if drop else 'off'}" in shown


def test_without_mac_flooding_an_unknown_address_is_not_tried() -> None:
    """`unset flow mac-flooding`."""
    for lines, ports in (((), ["ethernet1", "ethernet4"]), (("unset flow mac-flooding",), [])):
        bridge = bridged(*lines)
        assert send(bridge, echo("10.0.0.80", "10.0.0.5")) == ports
