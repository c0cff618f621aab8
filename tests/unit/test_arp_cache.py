"""ARP: resolving, ageing, giving up, and what is learnt from whom (RFC 826, RFC 1122 §2.3.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from nsemu.lab.arp_cache import LIFETIME, QUEUE_LIMIT, ArpActions, ArpCache, Waiting
from nsemu.lab.ip_stack import IpStack
from nsemu.lab.link import Link
from nsemu.lab.port import Port
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import MILLISECOND, SECOND, Instant, Scheduler
from nsemu.wire import arp
from nsemu.wire.address import BROADCAST_MAC, ZERO_MAC, Prefix, parse_ipv4
from nsemu.wire.arp import ArpPacket
from nsemu.wire.ethernet import ETHERTYPE_ARP, EthernetFrame

MAC = bytes.fromhex("020000000001")
OTHER_MAC = bytes.fromhex("020000000002")


@dataclass
class Bench:
    scheduler: Scheduler = field(default_factory=Scheduler)
    asked: list[tuple[Instant, int]] = field(default_factory=list)
    delivered: list[tuple[bytes, bytes]] = field(default_factory=list)
    failed: list[tuple[Instant, int, list[bytes]]] = field(default_factory=list)
    overflowed: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        actions = ArpActions(
            ask=lambda address: self.asked.append((self.scheduler.now, address)),
            deliver=lambda mac, waiting: self.delivered.append((mac, waiting.packet)),
            give_up=lambda address, queue: self.failed.append(
                (self.scheduler.now, address, [waiting.packet for waiting in queue])
            ),
            overflow=lambda waiting: self.overflowed.append(waiting.packet),
        )
        self.cache = ArpCache(self.scheduler, actions)

    def resolve(self, address: int, packet: bytes) -> None:
        self.cache.resolve(address, Waiting(packet, None, False))


def test_packets_wait_and_leave_in_order() -> None:
    bench = Bench()
    bench.resolve(1, b"a")
    bench.resolve(1, b"b")
    bench.resolve(2, b"c")
    assert bench.asked == [(0, 1), (0, 2)]
    assert bench.cache.pending() == [1, 2]
    bench.cache.learn(1, MAC, insert=False)
    assert bench.delivered == [(MAC, b"a"), (MAC, b"b")]
    bench.resolve(1, b"d")
    assert bench.delivered[2:] == [(MAC, b"d")]
    assert bench.cache.pending() == [2]


def test_three_requests_a_second_apart_then_failure() -> None:
    bench = Bench()
    bench.resolve(1, b"a")
    bench.scheduler.run_for(500 * MILLISECOND)
    bench.resolve(1, b"b")
    bench.scheduler.run_for(60 * SECOND)
    assert bench.asked == [(0, 1), (SECOND, 1), (2 * SECOND, 1)]
    assert bench.failed == [(3 * SECOND, 1, [b"a", b"b"])]
    bench.resolve(1, b"c")
    assert bench.asked[3:] == [(bench.scheduler.now, 1)]


def test_an_answer_ends_the_requests() -> None:
    bench = Bench()
    bench.resolve(1, b"a")
    bench.scheduler.run_for(1500 * MILLISECOND)
    bench.cache.learn(1, MAC, insert=False)
    bench.scheduler.run_for(60 * SECOND)
    assert len(bench.asked) == 2
    assert bench.failed == []


def test_the_queue_drops_its_oldest() -> None:
    bench = Bench()
    for index in range(QUEUE_LIMIT + 2):
        bench.resolve(1, bytes([index]))
    assert bench.overflowed == [b"\0", b"\1"]
    bench.cache.learn(1, MAC, insert=False)
    assert [packet[0] for _, packet in bench.delivered] == list(range(2, QUEUE_LIMIT + 2))


def test_ageing() -> None:
    bench = Bench()
    bench.cache.learn(1, MAC, insert=True)
    bench.scheduler.run_for(LIFETIME - 1)
    assert bench.cache.lookup(1) == MAC
    bench.cache.learn(1, OTHER_MAC, insert=False)
    bench.scheduler.run_for(LIFETIME - 1)
    assert bench.cache.lookup(1) == OTHER_MAC
    bench.scheduler.run_for(1)
    assert bench.cache.lookup(1) is None
    assert list(bench.cache.entries()) == []


def test_strangers_are_not_learnt_without_need() -> None:
    bench = Bench()
    bench.cache.learn(1, MAC, insert=False)
    assert bench.cache.lookup(1) is None


def test_a_static_entry_stays() -> None:
    bench = Bench()
    bench.cache.add_static(1, MAC)
    bench.cache.learn(1, OTHER_MAC, insert=True)
    bench.cache.flush()
    bench.scheduler.run_for(2 * LIFETIME)
    assert bench.cache.lookup(1) == MAC


def test_flush_forgets_and_gives_up() -> None:
    bench = Bench()
    bench.cache.learn(1, MAC, insert=True)
    bench.resolve(2, b"x")
    bench.cache.flush()
    assert bench.cache.lookup(1) is None
    assert bench.failed == [(0, 2, [b"x"])]
    bench.scheduler.run_for(10 * SECOND)
    assert len(bench.asked) == 1


# On an interface


class Segment:
    """A stack with 10.1.1.5/24 and a bare port on one cable."""

    def __init__(self, *, gratuitous: bool = False) -> None:
        self.scheduler = Scheduler()
        self.stack = IpStack("alice", self.scheduler, Entropy(1).stream("alice"))
        self.interface = self.stack.add_interface("eth0", Prefix.parse("10.1.1.5/24"), mac=MAC)
        self.interface.gratuitous_arp = gratuitous
        self.other = Port("probe", "eth0")
        self.got: list[EthernetFrame] = []
        self.other.on_receive = lambda frame, _: self.got.append(EthernetFrame.parse(frame))
        self.link = Link(self.interface.port, self.other, self.scheduler, Entropy(1).stream("link"))

    def say(self, packet: ArpPacket, destination: bytes = BROADCAST_MAC) -> None:
        frame = EthernetFrame(destination, packet.sender_mac, ETHERTYPE_ARP, packet.build())
        self.other.transmit(frame.build(), None)
        self.scheduler.run_for(SECOND)

    def arps(self) -> list[ArpPacket]:
        return [ArpPacket.parse(frame.payload) for frame in self.got if frame.ethertype == ETHERTYPE_ARP]


US = parse_ipv4("10.1.1.5")
THEM = parse_ipv4("10.1.1.9")


def test_a_request_for_us_is_answered_and_its_sender_learnt() -> None:
    segment = Segment()
    segment.say(ArpPacket(arp.REQUEST, OTHER_MAC, THEM, ZERO_MAC, US))
    assert segment.arps() == [ArpPacket(arp.REPLY, MAC, US, OTHER_MAC, THEM)]
    assert segment.got[0].destination == OTHER_MAC
    assert segment.interface.arp.lookup(THEM) == OTHER_MAC


def test_a_request_for_another_is_ignored() -> None:
    segment = Segment()
    segment.say(ArpPacket(arp.REQUEST, OTHER_MAC, THEM, ZERO_MAC, US + 1))
    assert segment.arps() == []
    assert segment.interface.arp.lookup(THEM) is None


def test_a_probe_is_answered_but_not_learnt() -> None:
    """RFC 5227 §2.1: a probe has the sender address zero."""
    segment = Segment()
    segment.say(ArpPacket(arp.REQUEST, OTHER_MAC, 0, ZERO_MAC, US))
    assert segment.arps() == [ArpPacket(arp.REPLY, MAC, US, OTHER_MAC, 0)]
    assert list(segment.interface.arp.entries()) == []


def test_a_gratuitous_arp_of_a_neighbour_replaces_its_entry() -> None:
    segment = Segment()
    segment.say(ArpPacket(arp.REQUEST, OTHER_MAC, THEM, ZERO_MAC, US))
    newer = bytes.fromhex("020000000003")
    segment.say(ArpPacket(arp.REQUEST, newer, THEM, ZERO_MAC, THEM))
    assert segment.interface.arp.lookup(THEM) == newer


def test_nobody_can_claim_our_own_address() -> None:
    segment = Segment()
    segment.say(ArpPacket(arp.REPLY, OTHER_MAC, US, MAC, US), MAC)
    assert list(segment.interface.arp.entries()) == []


@pytest.mark.parametrize("gratuitous", [True, False])
def test_gratuitous_arp_when_the_carrier_comes(gratuitous: bool) -> None:
    segment = Segment(gratuitous=gratuitous)
    segment.scheduler.run_for(SECOND)
    expected = [ArpPacket(arp.REQUEST, MAC, US, ZERO_MAC, US)] if gratuitous else []
    assert segment.arps() == expected


def test_losing_the_carrier_flushes() -> None:
    segment = Segment()
    segment.say(ArpPacket(arp.REQUEST, OTHER_MAC, THEM, ZERO_MAC, US))
    segment.link.down()
    assert segment.interface.arp.lookup(THEM) is None


def test_malformed_arp_and_foreign_frames_are_counted() -> None:
    segment = Segment()
    for frame in (
        EthernetFrame(BROADCAST_MAC, OTHER_MAC, ETHERTYPE_ARP, bytes(27)),
        EthernetFrame(OTHER_MAC, OTHER_MAC, ETHERTYPE_ARP, bytes(28)),
        EthernetFrame(MAC, OTHER_MAC, 0x86DD, bytes(40)),
    ):
        segment.other.transmit(frame.build(), None)
    segment.other.transmit(b"\0" * 5, None)
    segment.scheduler.run_for(SECOND)
    assert segment.stack.counters == {"malformed": 2, "frames for others": 1, "unknown ethertype": 1}
