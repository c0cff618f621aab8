"""NAT between two engines: who notices what, which ports and payloads are used, what follows a change of the mapping.

west (10.0.0.1)          NAT 1.1.1.1             east (2.2.2.2)
  3  HDR, KE, Ni, NAT-D, NAT-D  -->              500 -> 500
                                <--  4  HDR, KE, Nr, NAT-D, NAT-D
  5  HDR*, IDii, HASH_I         -->              4500 -> 4500, the NAT device gives it another source port
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from nsemu.config.algorithms import ExchangeMode, IpsecProtocol
from nsemu.config.ike import Identity
from nsemu.ike.events import (
    NatDetected,
    NatUnsupported,
    PeerMoved,
    Phase2Completed,
    Phase2Failed,
    Phase2InboundReady,
)
from nsemu.ike.nat_traversal import VARIANTS
from nsemu.ike.parameters import Endpoint, Ends, EngineSettings, NatVariant
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import parse_ipv4
from nsemu.wire.isakmp import parse_header, parse_payloads
from support.ike import EAST, Pair, keys_match, p2, texts
from support.ike_nat import INSIDE, OUTSIDE, Nat

ALL = (NatVariant.DRAFT_00, NatVariant.DRAFT_02, NatVariant.RFC_3947)
DRAFTS = ALL[:2]


def natted(
    *,
    mode: ExchangeMode = ExchangeMode.MAIN,
    west: Sequence[NatVariant] = ALL[:2],
    east: Sequence[NatVariant] = ALL[:2],
) -> tuple[Pair, Nat]:
    """West behind NAT; its identity is a name, as its address is not what east sees."""
    pair, nat = Pair(mode=mode), Nat()
    pair.filter = nat
    pair.west.address = INSIDE
    name = Identity.infer("west@x.org")
    pair.change(pair.west, local=INSIDE, nat_traversal=True, local_identity=name, keepalive=20)
    pair.change(pair.east, nat_traversal=True, peer_identity=name)
    for end, variants in ((pair.west, west), (pair.east, east)):
        end.engine.settings = EngineSettings(nat_variants=tuple(variants))
    return pair, nat


def ports(pair: Pair) -> list[tuple[int, int]]:
    return [(item.source.port, item.destination.port) for item in pair.seen]


@pytest.mark.parametrize(("mode", "first"), [(ExchangeMode.MAIN, 4), (ExchangeMode.AGGRESSIVE, 2)])
def test_the_port_floats_at_the_right_message(mode: ExchangeMode, first: int) -> None:
    """B306, B308: message 5 in Main mode, 3 in Aggressive mode, with a marker; then all of Phase 2."""
    pair, nat = natted(mode=mode)
    pair.establish()
    assert keys_match(pair)
    own = [item for item in pair.seen if item.source.address == INSIDE]
    before = [item for item in pair.seen[:first] if item.source.address == INSIDE]
    assert {(item.source.port, item.destination.port) for item in before} == {(500, 500)}
    assert {(item.source.port, item.destination.port) for item in own[len(before) :]} == {(4500, 4500)}
    assert all(item.data.startswith(bytes(4)) for item in pair.seen[first:])
    assert not any(item.data.startswith(bytes(4)) for item in pair.seen[:first])
    answers = [item.destination for item in pair.seen[first:] if item.source.address == EAST]
    assert set(answers) == {Endpoint(OUTSIDE, nat.ports[4500])}
    completed = pair.east.one(Phase2Completed)
    assert (completed.nat, completed.remote) == (NatVariant.DRAFT_02, Endpoint(OUTSIDE, nat.ports[4500]))
    assert pair.east.one(Phase2InboundReady).nat is NatVariant.DRAFT_02


@pytest.mark.parametrize("mode", list(ExchangeMode))
def test_both_ends_know_who_is_behind_nat(mode: ExchangeMode) -> None:
    """B303, B304, B305, E099."""
    pair, _ = natted(mode=mode)
    pair.establish()
    assert [(event.local, event.remote) for event in pair.west.of(NatDetected)] == [(True, False)]
    assert [(event.local, event.remote) for event in pair.east.of(NatDetected)] == [(False, True)]
    assert "IKE 2.2.2.2 Phase 1: IKE initiator has detected NAT in front of the local device." in texts(pair.west)
    assert "IKE 1.1.1.1 Phase 1: IKE responder has detected NAT in front of the remote device." in texts(pair.east)


def test_without_nat_nothing_changes() -> None:
    """B302: the probe alone moves no port."""
    pair = Pair()
    for end in pair.ends:
        pair.change(end, nat_traversal=True)
    pair.establish()
    assert keys_match(pair)
    assert set(ports(pair)) == {(500, 500)}
    assert pair.west.of(NatDetected) == []
    assert pair.west.one(Phase2Completed).nat is None


CHOICES = [
    (ALL[:2], ALL[:2], NatVariant.DRAFT_02),
    (ALL, ALL[:2], NatVariant.RFC_3947),
    (ALL[:1], ALL[:2], NatVariant.DRAFT_00),
    ((NatVariant.RFC_3947, NatVariant.DRAFT_00), ALL[:1], NatVariant.RFC_3947),
]


@pytest.mark.parametrize(("west", "east", "chosen"), CHOICES)
def test_the_newest_common_variant_is_used(
    west: Sequence[NatVariant], east: Sequence[NatVariant], chosen: NatVariant
) -> None:
    """B300, B301, B302: a responder knows all three."""
    pair, _ = natted(west=west, east=east)
    pair.establish()
    assert keys_match(pair)
    assert {end.one(Phase2Completed).nat for end in pair.ends} == {chosen}
    message = pair.seen[2].data
    kinds = [payload.type for payload in parse_payloads(parse_header(message).next_payload, message, 28)]
    assert kinds.count(VARIANTS[chosen].payload) == 2
    floated = {source for source, _ in ports(pair) if source == 4500}
    assert bool(floated) is VARIANTS[chosen].floats


@pytest.mark.parametrize("off", ["west", "east"])
def test_both_ends_must_support_it(off: str) -> None:
    """B302: then NAT is not looked for, and the log says so."""
    pair, _ = natted()
    end = getattr(pair, off)
    pair.change(end, nat_traversal=False)
    pair.establish()
    assert set(ports(pair)) == {(500, 500)} | {(500, 1024)}
    (other,) = [one for one in pair.ends if one is not end]
    other.one(NatUnsupported)
    assert any("the peer does not support NAT-T" in text for text in texts(other))


def test_the_second_hash_of_draft_02_is_known_as_well() -> None:
    """E098."""
    known = VARIANTS[NatVariant.DRAFT_02].known
    assert {item.hex() for item in known} == {"90cb80913ebb696e086381b5ec427b1f", "cd60464335df21f87cfdb2fc68b6a448"}
    assert VARIANTS[NatVariant.DRAFT_02].announced.hex() == "90cb80913ebb696e086381b5ec427b1f"
    assert VARIANTS[NatVariant.DRAFT_00].announced.hex() == "4485152d18b6bbcd0be8a8469579ddcc"


def test_keepalives_come_from_the_side_behind_nat() -> None:
    """B310: one octet, without a marker, at the configured interval; they stop with the last SA."""
    pair, _ = natted()
    pair.establish()
    pair.seen.clear()
    pair.run(100 * SECOND)
    beats = [item for item in pair.seen if item.data == b"\xff"]
    assert len(beats) == len(pair.seen) == 5
    assert {(item.source, item.destination) for item in beats} == {(Endpoint(INSIDE, 4500), Endpoint(EAST, 4500))}
    assert pair.east.engine.counters.malformed == 0
    pair.west.engine.delete_tunnel_sas(1, pair.now)
    pair.west.engine.delete_phase1(pair.now)
    pair.collect()
    pair.seen.clear()
    pair.run(100 * SECOND)
    assert pair.seen == []


def test_no_keepalives_at_a_frequency_of_zero() -> None:
    """B310."""
    pair, _ = natted()
    pair.change(pair.west, keepalive=0)
    pair.establish()
    pair.seen.clear()
    pair.run(100 * SECOND)
    assert pair.seen == []


def test_a_changed_mapping_is_followed() -> None:
    """The NAT device forgets its table: authentic messages show the new port, and answers go there."""
    pair, nat = natted()
    pair.establish()
    nat.ports.clear()
    nat.first = 30000
    pair.west.engine.rekey(1, pair.now)
    pair.run(10 * SECOND)
    assert keys_match(pair)
    moved = pair.east.of(PeerMoved)[-1]
    assert moved.remote == Endpoint(OUTSIDE, nat.ports[4500])
    assert len(pair.east.of(Phase2Completed)) == 2


def test_a_forged_packet_moves_nobody() -> None:
    pair, _ = natted()
    pair.establish()
    forged = pair.seen[-1].data[4:-1] + b"x"
    liar = Endpoint(parse_ipv4("9.9.9.9"), 4500)
    pair.east.engine.receive_datagram(bytes(4) + forged, liar, Endpoint(EAST, 4500), pair.now)
    pair.east.engine.receive_datagram(pair.seen[-1].data, liar, Endpoint(EAST, 4500), pair.now)
    pair.collect()
    assert pair.east.of(PeerMoved) == []


def test_esp_traffic_moves_a_peer_behind_nat_and_no_other() -> None:
    ends = Ends(Endpoint(OUTSIDE, 2000), Endpoint(EAST, 4500))
    pair, _ = natted()
    pair.establish()
    pair.east.engine.peer_moved(7, ends, pair.now)
    pair.west.engine.peer_moved(1, ends, pair.now)
    pair.collect()
    assert [event.remote for event in pair.east.of(PeerMoved)] == [ends.source]
    assert pair.west.of(PeerMoved) == []


def test_ah_is_not_carried_through_nat() -> None:
    """B299."""
    pair, _ = natted()
    ah = (p2(protocol=IpsecProtocol.AH), p2())
    for end in pair.ends:
        end.tunnel = replace(end.tunnel, proposals=ah)
        end.configure(pair.now)
    pair.establish()
    assert pair.east.one(Phase2Completed).proposal.protocol is IpsecProtocol.ESP
    assert pair.east.of(Phase2Failed) == []
