"""The learning switch: flooding, learning, ageing, moving stations."""

from __future__ import annotations

import pytest

from nsemu.lab.arguments import CommandRefused
from nsemu.lab.link import Link
from nsemu.lab.port import Port
from nsemu.lab.switch import AGEING_TIME, Switch
from nsemu.runtime.trace import Lost, Note, PacketTrace
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import Scheduler
from nsemu.sim.wait import run_to_end
from nsemu.wire.address import BROADCAST_MAC
from nsemu.wire.ethernet import EthernetFrame, VlanTag


def mac(number: int) -> bytes:
    return b"\x02\0\0\0\0" + bytes([number])


class Bench:
    """A switch with three stations on ports p1 to p3."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.switch = Switch("sw", self.scheduler)
        self.got: dict[int, list[bytes]] = {}
        self.stations: dict[int, Port] = {}
        self.links: dict[int, Link] = {}
        for number in (1, 2, 3):
            port = Port(f"station{number}", "eth0")
            received = self.got[number] = []
            port.on_receive = lambda frame, _trace, received=received: received.append(frame)  # type: ignore[misc]
            stream = Entropy(1).stream(port.label)
            self.stations[number] = port
            self.links[number] = Link(port, self.switch.port(f"p{number}"), self.scheduler, stream)

    def send(
        self, origin: int, destination: bytes, source: bytes | None = None, trace: PacketTrace | None = None
    ) -> bytes:
        frame = EthernetFrame(destination, source or mac(origin), 0x88B5, b"data", VlanTag(9)).build()
        self.stations[origin].transmit(frame, trace)
        self.scheduler.run_for(0)
        return frame

    def received(self) -> list[int]:
        """How many frames each station got since the last call."""
        counts = [len(frames) for frames in self.got.values()]
        for frames in self.got.values():
            frames.clear()
        return counts


def test_unknown_destinations_are_flooded_unchanged_and_not_sent_back() -> None:
    bench = Bench()
    frame = bench.send(1, mac(2))
    assert bench.got == {1: [], 2: [frame], 3: [frame]}
    assert bench.switch.counters == {"flooded": 1}


def test_known_destinations_get_it_alone() -> None:
    bench = Bench()
    bench.send(2, mac(9))
    bench.received()
    bench.send(1, mac(2))
    assert bench.received() == [0, 1, 0]
    assert list(bench.switch.stations()) == [(0, mac(1), "p1"), (0, mac(2), "p2")]


@pytest.mark.parametrize("group", [BROADCAST_MAC, bytes.fromhex("01005e000005")])
def test_groups_are_flooded(group: bytes) -> None:
    bench = Bench()
    bench.send(3, group)
    assert bench.received() == [1, 1, 0]


def test_a_station_that_moved() -> None:
    bench = Bench()
    bench.send(1, BROADCAST_MAC, mac(7))
    bench.send(3, BROADCAST_MAC, mac(7))
    bench.received()
    bench.send(2, mac(7))
    assert bench.received() == [0, 0, 1]


def test_a_frame_for_its_own_port_is_filtered() -> None:
    bench = Bench()
    bench.send(1, BROADCAST_MAC, mac(7))
    bench.received()
    trace = PacketTrace()
    bench.send(1, mac(7), trace=trace)
    assert bench.received() == [0, 0, 0]
    assert trace.hops[0].steps == [Lost("the destination is on p1 itself")]


def test_ageing() -> None:
    bench = Bench()
    bench.send(2, mac(9))
    bench.scheduler.run_for(AGEING_TIME - 1)
    bench.received()
    bench.send(1, mac(2))
    assert bench.received() == [0, 1, 0]
    bench.scheduler.run_for(1)
    bench.send(1, mac(2))
    assert bench.received() == [0, 1, 1]
    assert [one for _, one, _ in bench.switch.stations()] == [mac(1)]


def test_a_pulled_cable_forgets_its_stations_and_takes_no_floods() -> None:
    bench = Bench()
    bench.send(2, mac(9))
    bench.received()
    bench.links[2].down()
    assert list(bench.switch.stations()) == []
    bench.send(1, mac(2))
    assert bench.received() == [0, 0, 1]
    assert bench.links[2].counters(bench.switch.port("p2")).sent == 0


def test_traces() -> None:
    bench = Bench()
    trace = PacketTrace()
    bench.send(1, mac(2), trace=trace)
    bench.send(2, mac(1), trace=trace)
    assert [(hop.node, hop.interface, hop.steps) for hop in trace.hops] == [
        ("sw", "p1", [Note("flooded to p2, p3")]),
        ("sw", "p2", [Note("switched to p1")]),
    ]
    for number in (2, 3):
        bench.links[number].down()
    alone = PacketTrace()
    bench.send(1, BROADCAST_MAC, trace=alone)
    assert alone.hops[0].steps == [Lost("no other port is up")]


def test_bad_frames() -> None:
    bench = Bench()
    bench.send(1, mac(2), source=b"\x03" * 6)
    bench.stations[1].transmit(bytes(13), None)
    bench.scheduler.run_for(0)
    assert bench.received() == [0, 0, 0]
    assert bench.switch.counters == {"malformed": 2}


def test_ports_are_made_once() -> None:
    switch = Switch("sw", Scheduler())
    assert switch.port("x") is switch.port("x")
    assert list(switch.ports) == ["x"]


def test_commands() -> None:
    bench = Bench()
    bench.send(2, mac(9))
    bench.links[3].down()
    answers = {line: run_to_end(bench.switch.run(line), bench.scheduler) for line in ("macs", "ports", "help")}
    assert answers == {
        "macs": "02:00:00:00:00:02 p2\n",
        "ports": "p1 up\np2 up\np3 down\n",
        "help": "help\nmacs\nports\n",
    }
    for line, message in (
        ("prots", "unknown command 'prots'; did you mean 'ports'?"),
        ("macs all", "unexpected word 'all'"),
    ):
        with pytest.raises(CommandRefused) as caught:
            bench.switch.run(line)
        assert str(caught.value) == message
