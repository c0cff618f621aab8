"""Interfaces that go down with what they watch (B179, B186): tracked addresses, other interfaces, zones."""

from __future__ import annotations

import pytest

from nsemu.runtime.trace import PacketTrace
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import parse_ipv4
from nsemu.wire.icmp import ECHO_REPLY, IcmpMessage
from nsemu.wire.ipv4 import PROTOCOL_ICMP, Ipv4Packet
from support.box import Box, ip, udp

BASE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet1 route
set interface ethernet2 zone untrust
set interface ethernet2 ip 2.2.2.2/24
set interface ethernet3 zone untrust
set interface ethernet3 ip 3.3.3.3/24
set route 0.0.0.0/0 interface ethernet3 gateway 3.3.3.250
set route 0.0.0.0/0 interface ethernet2 gateway 2.2.2.250 metric 9
set policy from trust to untrust any any any permit
"""


class Answering(Box):
    """A box whose hosts answer pings, those in `dead` excepted."""

    def __init__(self, *lines: str) -> None:
        self.dead: set[str] = set()
        self.pings: list[tuple[int, str, str]] = []
        super().__init__(BASE + "\n".join(lines))

    def _transmit(self, interface: str, frame: bytes, trace: PacketTrace | None) -> None:
        super()._transmit(interface, frame, trace)
        if frame[12:14] != b"\x08\x00":
            return
        packet = Ipv4Packet.parse(frame[14:])
        if packet.protocol != PROTOCOL_ICMP or not self._is_own(packet.source):
            return
        message = IcmpMessage.parse(packet.payload)
        target = ".".join(str(packet.destination >> shift & 255) for shift in (24, 16, 8, 0))
        self.pings.append((self.scheduler.now, interface, target))
        if message.type == 8 and target not in self.dead:
            answer = IcmpMessage(ECHO_REPLY, 0, message.rest, message.payload).build()
            source = ".".join(str(packet.source >> shift & 255) for shift in (24, 16, 8, 0))
            self.scheduler.after(1_000_000, self.take, interface, ip(target, source, PROTOCOL_ICMP, answer))

    def _is_own(self, address: int) -> bool:
        return address in self.device.state.local_addresses

    def take(self, interface: str, packet: bytes) -> None:
        """A packet comes in, without letting time pass: answers come from inside the clock."""
        frame = self.device.interfaces.items[interface].mac + bytes(6) + b"\x08\x00" + packet
        self.device.receive(interface, frame, None)

    def up(self, name: str) -> bool:
        return self.device.interfaces.items[name].up

    def out(self) -> str:
        """The interface by which a new flow leaves."""
        before = len(self.sent)
        self.take("ethernet1", udp("10.1.1.5", "8.8.8.8", 53))
        self.run(0.1)
        return next((name for name, frame in self.sent[before:] if frame[23] == 17), "")


TRACK = (
    "set interface ethernet3 monitor track-ip",
    "set interface ethernet3 monitor track-ip ip 9.9.9.9 interval 2 threshold 3",
)


def test_a_tracked_address_takes_its_interface_down_and_brings_it_back() -> None:
    bench = Answering(*TRACK)
    bench.run(20)
    assert bench.up("ethernet3")
    assert {interface for _, interface, _ in bench.pings} == {"ethernet3"}
    assert [round(at / SECOND) for at, _, _ in bench.pings] == list(range(2, 21, 2)), "every two seconds"
    assert bench.out() == "ethernet3"
    bench.dead.add("9.9.9.9")
    bench.run(5)
    assert bench.up("ethernet3"), "two lost probes are not enough"
    bench.run(4)
    assert not bench.up("ethernet3")
    assert bench.device.interfaces.items["ethernet3"].carrier, "the link is still there"
    assert bench.out() == "ethernet2", "the second route takes over, and the session with it"
    assert "failed: 1 ip(s) failed, weighted sum = 1" in bench.type("get interface ethernet3 monitor track-ip")
    before = len(bench.pings)
    bench.run(10)
    assert len(bench.pings) - before in {5, 6}, "probes go on while the interface is down"
    bench.dead.clear()
    bench.run(3)
    assert bench.up("ethernet3")
    assert bench.out() == "ethernet3"
    events = " ".join(bench.type("get event").split())
    for text in (
        "Track IP IP address 9.9.9.9 failed.",
        "Track IP failure reached threshold.",
        "The logical state of interface ethernet3 has changed to down.",
        "Track IP IP address 9.9.9.9 succeeded.",
        "The logical state of interface ethernet3 has changed to up.",
    ):
        assert text in events


def test_one_answer_in_time_starts_the_count_anew() -> None:
    bench = Answering(*TRACK)
    for _ in range(4):
        bench.dead.add("9.9.9.9")
        bench.run(4)
        bench.dead.clear()
        bench.run(2)
        assert bench.up("ethernet3")


def test_weights_of_addresses_add_up_to_the_threshold() -> None:
    bench = Answering(
        "set interface ethernet3 monitor track-ip",
        "set interface ethernet3 monitor track-ip threshold 7",
        "set interface ethernet3 monitor track-ip ip 9.9.9.1 weight 4 threshold 1",
        "set interface ethernet3 monitor track-ip ip 9.9.9.2 weight 3 threshold 1",
        "set interface ethernet3 monitor track-ip ip 9.9.9.3 weight 2 threshold 1",
    )
    bench.dead |= {"9.9.9.1", "9.9.9.3"}
    bench.run(5)
    assert bench.up("ethernet3")
    bench.dead.add("9.9.9.2")
    bench.run(3)
    assert not bench.up("ethernet3")
    bench.type("set interface ethernet3 monitor track-ip threshold 10")
    assert bench.up("ethernet3"), "a new threshold counts at once"


def test_tracking_alone_may_not_be_enough_for_the_interface() -> None:
    bench = Answering(
        *TRACK,
        "set interface ethernet3 monitor track-ip weight 100",
        "set interface ethernet3 monitor interface ethernet2 weight 155",
    )
    bench.dead.add("9.9.9.9")
    bench.run(10)
    assert bench.up("ethernet3")
    assert "weighted sum: 100, up" in bench.type("get interface ethernet3 monitor")
    bench.device.set_carrier("ethernet2", False)
    assert not bench.up("ethernet3")
    bench.device.set_carrier("ethernet2", True)
    assert bench.up("ethernet3")


def test_an_interface_goes_down_with_the_one_it_watches_and_so_on() -> None:
    bench = Answering(
        "set interface ethernet3 monitor interface ethernet2",
        "set interface ethernet1 monitor interface ethernet3",
        "set interface ethernet2 monitor interface ethernet1",
    )
    assert bench.up("ethernet1")
    bench.device.set_carrier("ethernet2", False)
    assert not any(bench.up(f"ethernet{number}") for number in (1, 2, 3))
    bench.device.set_carrier("ethernet2", True)
    assert all(bench.up(f"ethernet{number}") for number in (1, 2, 3)), "a ring comes up again"


def test_a_zone_fails_with_the_last_of_its_interfaces() -> None:
    bench = Answering("set interface ethernet1 monitor zone untrust")
    bench.device.set_carrier("ethernet2", False)
    assert bench.up("ethernet1")
    bench.device.set_carrier("ethernet3", False)
    assert not bench.up("ethernet1")


def test_a_tunnel_goes_with_its_outgoing_interface_b179() -> None:
    bench = Answering(
        *TRACK,
        "set interface tunnel.1 zone untrust",
        "set interface tunnel.1 ip unnumbered interface ethernet3",
        "set ike gateway far address 9.9.9.9 outgoing-interface ethernet3 preshare k sec-level standard",
        "set vpn v gateway far sec-level standard",
        "set vpn v bind interface tunnel.1",
        "set route 10.2.2.0/24 interface tunnel.1",
    )
    bench.run(3)
    assert bench.up("tunnel.1")
    bench.dead.add("9.9.9.9")
    bench.run(10)
    assert not bench.up("tunnel.1")
    assert "tunnel.1" not in bench.type("get route ip 10.2.2.5")


def test_arp_finds_out_about_neighbours() -> None:
    bench = Answering(
        "set interface ethernet3 monitor track-ip",
        "set interface ethernet3 monitor track-ip ip 3.3.3.250 method arp threshold 2",
    )
    bench.run(10)
    assert bench.up("ethernet3")
    assert not bench.pings
    bench.silent.add(parse_ipv4("3.3.3.250"))
    bench.run(5)
    assert not bench.up("ethernet3")
    bench.silent.clear()
    bench.run(3)
    assert bench.up("ethernet3")


def test_nothing_is_probed_without_track_ip_or_after_a_reset() -> None:
    bench = Answering(TRACK[1])
    bench.run(10)
    assert not bench.pings
    bench.type("set interface ethernet3 monitor track-ip")
    bench.run(10)
    assert bench.pings
    bench.type("unset interface ethernet3 monitor track-ip")
    bench.pings.clear()
    bench.run(10)
    assert not bench.pings


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("set interface ethernet3 monitor interface ethernet3", "cannot monitor itself"),
        ("set interface ethernet3 monitor interface ethernet9", "does not exist"),
        ("unset interface ethernet3 monitor track-ip ip 1.2.3.4", "does not track"),
        ("set interface tunnel.7 monitor track-ip", "does not exist"),
    ],
)
def test_lines_that_are_refused(line: str, said: str) -> None:
    bench = Answering()
    assert said in bench.type(line)


def test_the_gateway_of_the_default_route_is_tracked() -> None:
    """`track-ip dynamic`: without its answer the interface goes down, with it comes back."""
    box = Answering("set interface ethernet3 monitor track-ip dynamic")
    box.run(5)
    assert box.up("ethernet3")
    assert "3.3.3.250" in box.type("get interface ethernet3 monitor track-ip")
    box.dead = {"3.3.3.250"}
    box.run(5)
    assert not box.up("ethernet3")
    box.receive("ethernet1", udp("10.1.1.5", "9.9.9.9", 7))
    assert box.packets("ethernet2")[-1].destination == parse_ipv4("9.9.9.9"), "the other default route takes over"
    box.dead = set()
    box.run(5)
    assert box.up("ethernet3")


def test_another_gateway_is_tracked_in_place_of_the_old_one() -> None:
    box = Answering("set interface ethernet3 monitor track-ip dynamic")
    box.dead = {"3.3.3.250"}
    box.run(5)
    assert not box.up("ethernet3")
    box.type("unset route 0.0.0.0/0 interface ethernet3 gateway 3.3.3.250")
    box.type("set route 0.0.0.0/0 interface ethernet3 gateway 3.3.3.251")
    box.run(5)
    assert box.up("ethernet3")
    assert {target for _, interface, target in box.pings[-3:] if interface == "ethernet3"} == {"3.3.3.251"}
    box.type("unset interface ethernet3 monitor track-ip dynamic")
    assert box.type("get interface ethernet3 monitor track-ip") == "track ip is not enabled\n"
