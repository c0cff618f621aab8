"""Links: delay, rate, queue, jitter, loss, MTU, carrier and taps."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from nsemu.lab.link import Link, LinkProperties, Seen, serialisation_delay
from nsemu.lab.port import Port
from nsemu.runtime.trace import Lost, PacketTrace
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import MICROSECOND, MILLISECOND, SECOND, Instant, Scheduler

FRAME = bytes(12) + b"\x08\x00" + bytes(86)


@dataclass
class Wire:
    """A link between two bare ports that write down what they get."""

    properties: LinkProperties = field(default_factory=LinkProperties)
    seed: int = 1

    def __post_init__(self) -> None:
        self.scheduler = Scheduler()
        self.a, self.b = Port("left", "eth0"), Port("right", "eth1")
        self.at_a: list[tuple[Instant, bytes]] = []
        self.at_b: list[tuple[Instant, bytes]] = []
        self.carriers: list[tuple[str, bool, bool]] = []
        self.a.on_receive = lambda frame, _: self.at_a.append((self.scheduler.now, frame))
        self.b.on_receive = lambda frame, _: self.at_b.append((self.scheduler.now, frame))
        self.a.on_carrier = lambda up: self.carriers.append(("a", up, self.a.carrier and self.b.carrier))
        self.b.on_carrier = lambda up: self.carriers.append(("b", up, self.a.carrier and self.b.carrier))
        self.link = Link(self.a, self.b, self.scheduler, Entropy(self.seed).stream("link"), self.properties)

    def send(self, count: int, frame: bytes = FRAME, every: int = 0) -> None:
        for index in range(count):
            numbered = frame[:-4] + index.to_bytes(4, "big")
            self.scheduler.at(index * every, self.transmit, numbered)
        self.scheduler.run_for(1000 * SECOND)

    def transmit(self, frame: bytes) -> None:
        self.a.transmit(frame, None)


def numbers(received: list[tuple[Instant, bytes]]) -> list[int]:
    return [int.from_bytes(frame[-4:], "big") for _, frame in received]


def test_an_ideal_link_delivers_at_once_but_not_inside_the_call() -> None:
    wire = Wire()
    wire.a.transmit(FRAME, None)
    assert wire.at_b == []
    wire.scheduler.run_for(0)
    assert wire.at_b == [(0, FRAME)]
    counters = wire.link.counters(wire.a)
    assert (counters.sent, counters.octets, counters.delivered) == (1, 100, 1)
    assert wire.link.counters(wire.b).sent == 0


def test_answers_without_end_do_not_recurse() -> None:
    wire = Wire()
    remaining = [5000]

    def bounce(frame: bytes, trace: PacketTrace | None) -> None:
        if remaining[0]:
            remaining[0] -= 1
            wire.b.transmit(frame, trace)

    wire.b.on_receive = bounce
    wire.a.on_receive = wire.a.transmit
    wire.a.transmit(FRAME, None)
    wire.scheduler.run_for(0)
    assert wire.link.counters(wire.a).delivered == 5001


def test_delay() -> None:
    wire = Wire(LinkProperties(delay_ns=10 * MILLISECOND))
    wire.send(1)
    assert wire.at_b[0][0] == 10 * MILLISECOND


@pytest.mark.parametrize(
    ("size", "rate", "expected"),
    [(1500, 1_000_000, 12 * MILLISECOND), (1, 1_000_000_000, 8), (1, 3, 2_666_666_667), (125, 1000, SECOND)],
)
def test_rate_arithmetic_rounds_up(size: int, rate: int, expected: int) -> None:
    assert serialisation_delay(size, rate) == expected


def test_frames_queue_behind_the_rate() -> None:
    wire = Wire(LinkProperties(rate_bps=8_000_000, delay_ns=MILLISECOND))
    wire.send(3)
    assert [at for at, _ in wire.at_b] == [MILLISECOND + n * 100 * MICROSECOND for n in (1, 2, 3)]


def test_an_idle_line_starts_anew() -> None:
    wire = Wire(LinkProperties(rate_bps=8_000_000))
    wire.send(2, every=SECOND)
    assert [at for at, _ in wire.at_b] == [100 * MICROSECOND, SECOND + 100 * MICROSECOND]


def test_the_queue_drops_its_tail() -> None:
    wire = Wire(LinkProperties(rate_bps=8_000_000, queue_limit=4))
    wire.send(10)
    assert numbers(wire.at_b) == [0, 1, 2, 3]
    assert wire.link.counters(wire.a).queue_full == 6
    wire.send(3)
    assert len(wire.at_b) == 7


def test_jitter_spreads_but_keeps_the_order() -> None:
    wire = Wire(LinkProperties(delay_ns=10 * MILLISECOND, jitter_ns=4 * MILLISECOND))
    wire.send(400, every=MILLISECOND)
    assert numbers(wire.at_b) == list(range(400))
    delays = [at - index * MILLISECOND for index, (at, _) in enumerate(wire.at_b)]
    assert 6 * MILLISECOND <= min(delays) < 8 * MILLISECOND
    assert 12 * MILLISECOND < max(delays) <= 14 * MILLISECOND


def test_jitter_greater_than_the_delay_never_goes_back_in_time() -> None:
    wire = Wire(LinkProperties(delay_ns=MILLISECOND, jitter_ns=5 * MILLISECOND))
    wire.send(100, every=20 * MILLISECOND)
    assert all(0 <= at - index * 20 * MILLISECOND <= 6 * MILLISECOND for index, (at, _) in enumerate(wire.at_b))


def test_loss_ratio_and_repetition_under_a_seed() -> None:
    runs = []
    for seed in (7, 7, 8):
        wire = Wire(LinkProperties(loss=0.3), seed)
        wire.send(4000)
        counters = wire.link.counters(wire.a)
        assert counters.lost + counters.delivered == 4000
        assert 0.27 < counters.lost / 4000 < 0.33
        runs.append(numbers(wire.at_b))
    assert runs[0] == runs[1] != runs[2]


def test_total_loss() -> None:
    wire = Wire(LinkProperties(loss=1.0))
    wire.send(50)
    assert wire.at_b == []


def test_mtu_counts_the_payload_without_the_tag() -> None:
    wire = Wire(LinkProperties(mtu=100))
    plain = bytes(12) + b"\x08\x00"
    tagged = bytes(12) + b"\x81\x00\x00\x07\x08\x00"
    for frame in (plain + bytes(100), plain + bytes(101), tagged + bytes(100), tagged + bytes(101)):
        wire.transmit(frame)
    wire.scheduler.run_for(0)
    assert [len(frame) for _, frame in wire.at_b] == [114, 118]
    assert wire.link.counters(wire.a).too_large == 2


def test_the_ports_are_told_the_mtu() -> None:
    wire = Wire(LinkProperties(mtu=1400))
    assert (wire.a.mtu, wire.b.mtu) == (1400, 1400)
    wire.link.set(mtu=None)
    assert (wire.a.mtu, wire.b.mtu) == (None, None)


def test_carrier() -> None:
    wire = Wire()
    assert wire.carriers == [("a", True, True), ("b", True, True)]
    wire.carriers.clear()
    wire.link.down()
    wire.link.down()
    assert wire.carriers == [("a", False, False), ("b", False, False)]
    wire.transmit(FRAME)
    wire.scheduler.run_for(SECOND)
    assert wire.at_b == []
    assert wire.link.counters(wire.a).carrier_lost == 1
    wire.link.up()
    assert wire.carriers[2:] == [("a", True, True), ("b", True, True)]
    wire.transmit(FRAME)
    wire.scheduler.run_for(SECOND)
    assert len(wire.at_b) == 1


def test_a_link_may_begin_down() -> None:
    wire = Wire(LinkProperties(down=True))
    assert wire.carriers == []
    assert not wire.a.carrier


def test_pulling_the_cable_loses_what_is_on_it() -> None:
    wire = Wire(LinkProperties(delay_ns=SECOND))
    trace = PacketTrace()
    wire.a.transmit(FRAME, trace)
    wire.scheduler.run_for(SECOND // 2)
    wire.link.down()
    wire.link.up()
    wire.scheduler.run_for(2 * SECOND)
    assert wire.at_b == []
    assert wire.link.counters(wire.a).carrier_lost == 1
    assert trace.hops[-1].steps == [Lost("the link went down while the frame was on it")]


def test_changes_apply_to_later_frames_and_keep_the_order() -> None:
    wire = Wire(LinkProperties(delay_ns=SECOND))
    wire.transmit(b"0" * 20)
    wire.link.set(delay_ns=0)
    wire.transmit(b"1" * 20)
    wire.scheduler.run_for(2 * SECOND)
    assert [frame[:1] for _, frame in wire.at_b] == [b"0", b"1"]
    wire.transmit(b"2" * 20)
    wire.scheduler.run_for(0)
    assert len(wire.at_b) == 3


def test_bad_changes_change_nothing() -> None:
    wire = Wire()
    before = wire.link.properties
    with pytest.raises(ValueError, match=r"loss 1\.5 is no probability from 0 to 1"):
        wire.link.set(loss=1.5, delay_ns=5)
    with pytest.raises(TypeError):
        wire.link.set(colour="red")
    assert wire.link.properties is before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"delay_ns": -1}, "delay -1 ns and jitter 0 ns must not be negative"),
        ({"jitter_ns": -1}, "delay 0 ns and jitter -1 ns must not be negative"),
        ({"rate_bps": 0}, "rate 0 bit/s must be positive"),
        ({"mtu": 67}, "MTU 67 must be at least 68"),
        ({"queue_limit": 0}, "queue limit 0 must be at least 1"),
    ],
)
def test_bad_properties(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match="must") as caught:
        LinkProperties(**changes)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_taps_see_both_ends() -> None:
    wire = Wire(LinkProperties(delay_ns=MILLISECOND))
    seen: list[tuple[str, bytes, Instant, Seen]] = []

    def tap(port: Port, frame: bytes, at: Instant, where: Seen) -> None:
        seen.append((port.label, frame, at, where))

    wire.link.add_tap(tap)
    wire.transmit(FRAME)
    wire.scheduler.run_for(SECOND)
    wire.b.transmit(b"back" * 5, None)
    wire.scheduler.run_for(SECOND)
    wire.link.remove_tap(tap)
    wire.transmit(FRAME)
    wire.scheduler.run_for(SECOND)
    assert seen == [
        ("left:eth0", FRAME, 0, Seen.SENT),
        ("right:eth1", FRAME, MILLISECOND, Seen.RECEIVED),
        ("right:eth1", b"back" * 5, SECOND, Seen.SENT),
        ("left:eth0", b"back" * 5, SECOND + MILLISECOND, Seen.RECEIVED),
    ]
    assert len(wire.at_b) == 2


def test_a_tap_sees_a_lost_frame_leave() -> None:
    wire = Wire(LinkProperties(loss=1.0))
    seen: list[Seen] = []
    wire.link.add_tap(lambda _port, _frame, _at, where: seen.append(where))
    wire.send(1)
    assert seen == [Seen.SENT]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        (LinkProperties(loss=1.0), "lost at random (loss 1)"),
        (LinkProperties(mtu=68), "payload of 86 octets exceeds the link's MTU of 68"),
        (LinkProperties(down=True), "the link is down"),
    ],
)
def test_a_trace_tells_which_link_and_why(properties: LinkProperties, reason: str) -> None:
    wire = Wire(properties)
    trace = PacketTrace()
    wire.a.transmit(FRAME, trace)
    (hop,) = trace.hops
    assert (hop.node, hop.interface) == ("left:eth0 -- right:eth1", "left:eth0")
    assert hop.steps == [Lost(reason)]


def test_a_full_queue_in_the_trace() -> None:
    wire = Wire(LinkProperties(rate_bps=8, queue_limit=1))
    wire.transmit(FRAME)
    trace = PacketTrace()
    wire.a.transmit(FRAME, trace)
    assert trace.hops[0].steps == [Lost("the queue of 1 frames is full")]
