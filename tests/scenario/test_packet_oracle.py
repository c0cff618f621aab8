"""Random small configurations and packets: the whole pipeline and a second opinion agree on what becomes of each.

Verdict, deciding policy, egress interface, translated addresses and ports are compared; what is dropped, by its
reason. Then nothing that a session forwards may be something that its other direction would not accept.
"""

from __future__ import annotations

import random
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.packet import Packet as ScapyPacket
from scapy.packet import Raw

from nsemu.flow.steps import Dropped, PolicyMatch
from nsemu.runtime.drop import DropReason
from support.box import Box
from support.nat_box import checked, ends, ping, reply_to, tcp, udp
from support.packet_oracle import GRE, ICMP, PORTS, TCP, Fate, Probe, World, build, probe

ROUNDS = 20
OWN = {port.own for port in PORTS.values()}
REASONS = {
    DropReason.NO_MAPPING: "no mapping",
    DropReason.NO_ROUTE: "no route",
    DropReason.NULL_ROUTE: "null route",
    DropReason.POLICY_DENY: "deny",
    DropReason.POLICY_REJECT: "reject",
    DropReason.DEFAULT_DENY: "default",
    DropReason.INTRAZONE_BLOCK: "intrazone",
    DropReason.NO_PORT: "no dip",
    DropReason.ROUTE_LOOP: "no route",
}


def made(what: Probe) -> ScapyPacket:
    source, destination = str(what.source), str(what.destination)
    if what.protocol == ICMP:
        return ping(source, destination, identifier=what.sport)
    if what.protocol == GRE:
        return IP(src=source, dst=destination, proto=GRE) / Raw(b"\0\0\x08\0inside")
    return (tcp if what.protocol == TCP else udp)(source, destination, what.sport, what.dport)


def answer(packet: IP) -> ScapyPacket:
    if packet.proto == GRE:
        return IP(src=packet.dst, dst=packet.src, proto=GRE) / Raw(b"\0\0\x08\0inside")
    return reply_to(packet)


def four(packet: IP) -> tuple[str, int, str, int]:
    return (packet.src, 0, packet.dst, 0) if packet.proto == GRE else ends(packet)


class Bench:
    """A device with a world's configuration."""

    def __init__(self, world: World) -> None:
        self.box = Box("\n".join(world.lines) + "\n", plugged=tuple(PORTS))

    def send(self, port: str, packet: ScapyPacket) -> tuple[list[tuple[str, IP]], str, int | None]:
        """What left, why it ended, which policy decided."""
        box = self.box
        box.sent.clear()
        story = box.receive(port, bytes(packet))
        steps = [step for hop in story.hops for step in hop.steps]
        reasons = [step.reason for step in steps if isinstance(step, Dropped)]
        policies = [step.policy_id for step in steps if isinstance(step, PolicyMatch)]
        return (
            [(name, checked(frame[14:])) for name, frame in box.sent],
            REASONS.get(reasons[0], reasons[0].name) if reasons else "",
            policies[-1] if policies else None,
        )


def told(world: World, what: object, fate: Fate) -> str:
    return "\n".join(world.lines) + f"\n{what}\n{fate}"


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_the_pipeline_and_the_second_opinion_agree(seed: int) -> None:
    world, chance = build(seed), random.Random(seed)
    bench = Bench(world)
    for number in range(ROUNDS):
        what = probe(world, chance, number)
        if not {what.source, what.destination}.isdisjoint(OWN):
            continue
        fate = world.fate(what)
        story = told(world, what, fate)
        sent, reason, policy = bench.send(what.port, made(what))
        assert (reason, policy) == (fate.drop, fate.policy), story
        if fate.drop:
            assert all(packet.proto in {ICMP, TCP} for _, packet in sent), story  # what a rejection tells the sender
            continue
        ((egress, packet),) = sent
        source, sport, destination, dport = four(packet)
        assert egress == fate.egress, story
        assert IPv4Address(source) in fate.sources, story
        assert destination == str(fate.destination), story
        if what.protocol in {ICMP, GRE}:
            assert not fate.port_kept or sport == what.sport, story
        else:
            assert dport == fate.dport, story
            assert not fate.port_kept or sport == what.sport, story


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32))
def test_no_session_forwards_what_its_other_direction_would_not_accept(seed: int) -> None:
    world, chance = build(seed), random.Random(seed + 1)
    bench = Bench(world)
    for number in range(ROUNDS):
        what = probe(world, chance, number)
        sent, reason, _ = bench.send(what.port, made(what))
        if reason or len(sent) != 1:
            continue
        story = told(world, what, world.fate(what))
        ((egress, packet),) = sent
        _look_alikes(bench, world, packet, egress, story)
        found, reason, _ = bench.send(egress, answer(packet))
        assert (len(found), reason) == (1, ""), f"{story}\n{reason}"
        ((_, back),) = found
        undone = (str(what.destination), what.dport, str(what.source), what.sport)
        if what.protocol == ICMP:
            undone = (str(what.destination), what.sport, str(what.source), what.sport)
        assert four(back) == undone, story
        again, reason, policy = bench.send(what.port, made(what))
        assert policy is None, story  # the session is there: no policy is looked for
        assert [four(one) for _, one in again] == [four(packet)], f"{story}\n{reason}"
    _wings(bench)


def _look_alikes(bench: Bench, world: World, packet: IP, egress: str, story: str) -> None:
    """An answer from another zone is dropped; one from another port of the server is a flow of its own."""
    for other in PORTS.values():
        if other.zone != PORTS[egress].zone and other.vrouter == PORTS[egress].vrouter:
            assert bench.send(other.name, answer(packet)) == ([], "WRONG_INTERFACE", None), story
    if packet.proto in {TCP, 17}:
        stranger = answer(packet)
        stranger.sport = stranger.sport ^ 1
        alone = Probe(
            egress, packet.proto, IPv4Address(packet.dst), stranger.sport, IPv4Address(packet.src), stranger.dport
        )
        found, reason, _ = bench.send(egress, stranger)
        if packet.proto == TCP:
            assert all(one.proto == ICMP or "R" in str(one.payload.flags) for _, one in found), story
        elif alone.destination not in OWN:
            fate = world.fate(alone)
            assert reason == fate.drop, f"{story}\n{alone} {fate} {reason}"


def _wings(bench: Bench) -> None:
    """Every session: what leaves one direction comes in by the other, with addresses and interfaces turned around."""
    for session in bench.box.device.state.sessions:
        for wing in (session.forward, session.reverse):
            other = wing.opposite
            source, destination, sport, dport = wing.rewrite.after if wing.rewrite is not None else wing.flow
            if session.protocol == ICMP:
                assert (destination, source) == other.flow[:2]
            else:
                assert (destination, source, dport, sport) == other.flow
            assert wing.egress.zone == other.ingress.zone
            assert other.table.get(other.key) is other


def test_the_worlds_hold_every_fate() -> None:
    """Else the agreement would say little: what happens in the first 150 of them."""
    seen: set[str] = set()
    for seed in range(150):
        world, chance = build(seed), random.Random(seed)
        for number in range(ROUNDS):
            what = probe(world, chance, number)
            fate = world.fate(what)
            rule = next((rule for rule in world.rules if rule.number == fate.policy), None)
            seen.add(fate.drop or "passes")
            if not fate.drop:
                seen.add(f"source {'kept' if fate.sources == {what.source} else 'translated'}, {fate.port_kept}")
                seen.add(f"destination {'kept' if fate.destination == what.destination else 'translated'}")
                seen.add("in one zone" if PORTS[what.port].zone == PORTS[fate.egress].zone else "interzone")
                seen.add("between routers" if PORTS[what.port].vrouter != PORTS[fate.egress].vrouter else "in one")
            if rule is not None:
                seen.add("global" if rule.zones[0] == "Global" else "pair")
                seen |= {"negated"} if rule.source_negate or rule.destination_negate else set()
                seen |= {"scheduled"} if rule.schedule else set()
    assert seen == {
        *REASONS.values(), "passes", "source kept, True", "source translated, True", "source translated, False",
        "destination kept", "destination translated", "in one zone", "interzone", "between routers", "in one",
        "global", "pair", "negated", "scheduled",
    }  # fmt: skip
