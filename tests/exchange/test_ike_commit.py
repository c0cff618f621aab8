"""The commit bit in quick mode (RFC 2408 §3.1): no packet through an SA before its other end is ready.

initiator                                      responder
HDR* (commit), HASH(1), SA, Ni, IDci, IDcr  -->
                              <--  HDR* (commit), HASH(2), SA, Nr, IDci, IDcr
HDR*, HASH(3)                               -->
                              <--  HDR* (commit), HASH, N(CONNECTED)
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from nsemu.config.algorithms import ExchangeMode
from nsemu.ike.events import Failure, Phase2Completed, Phase2Failed, Phase2InboundReady, Removal, SaRemoved
from nsemu.ike.exchange import State, seal_hashed
from nsemu.ike.keys import exchange_iv
from nsemu.ike.parameters import Datagram
from nsemu.sim.scheduler import SECOND
from nsemu.wire.isakmp import FLAG_COMMIT, ExchangeType, PayloadType
from nsemu.wire.isakmp_payloads import PROTOCOL_ESP, NotifyType, build_notification
from support.ike import Pair, keys_match

QUICK, INFORMATIONAL = ExchangeType.QUICK, ExchangeType.INFORMATIONAL
WHO = ["initiator", "responder", "both"]


def committed(who: str, mode: ExchangeMode = ExchangeMode.MAIN) -> Pair:
    """A pair of which one end or both set the bit."""
    pair = Pair(mode=mode)
    for end in pair.ends:
        end.engine.settings = replace(
            end.engine.settings,
            initiator_commit=who in ("initiator", "both"),
            responder_commit=who in ("responder", "both"),
        )
    return pair


def flagged(pair: Pair, number: int) -> list[bool]:
    """Which messages of one exchange type have the commit bit."""
    return [bool(item.data[19] & FLAG_COMMIT) for item in pair.seen if item.data[18] == number]


@pytest.mark.parametrize("mode", list(ExchangeMode))
@pytest.mark.parametrize("who", WHO)
def test_the_initiator_waits_for_the_fourth_message(who: str, mode: ExchangeMode) -> None:
    pair = committed(who, mode)
    pair.acquire()
    while not pair.east.of(Phase2Completed):
        assert not pair.west.of(Phase2Completed)
        assert pair.step(pair.now + 3 * SECOND)
        pair.collect()
    # The responder is ready; the initiator receives, and does not send yet.
    assert pair.west.one(Phase2InboundReady)
    assert not pair.west.of(Phase2Completed)
    pair.run()
    assert keys_match(pair)
    assert flagged(pair, INFORMATIONAL) == [True]
    quick = flagged(pair, QUICK)
    assert quick == [who != "responder", who != "initiator", who != "responder"]
    assert pair.east.engine.counters.unexpected == pair.west.engine.counters.unexpected == 0


def test_without_the_bit_there_are_three_messages() -> None:
    pair = Pair().establish()
    assert flagged(pair, QUICK) == [False] * 3
    assert flagged(pair, INFORMATIONAL) == []
    assert not pair.west.of(Phase2InboundReady)


@pytest.mark.parametrize("lost", range(4))
@pytest.mark.parametrize("who", WHO)
def test_any_single_message_may_be_lost(who: str, lost: int) -> None:
    """Message 3 is repeated until the fourth is there, and each repetition draws it again."""
    pair = committed(who)
    first = 6 + lost
    pair.filter = lambda number, datagram: () if number == first else (datagram,)
    pair.acquire()
    pair.run(20 * SECOND)
    assert keys_match(pair)
    assert len(pair.west.installed) == len(pair.east.installed) == 1


@pytest.mark.parametrize("copied", range(4))
def test_a_copy_of_any_message_changes_nothing(copied: int) -> None:
    pair = committed("both")
    pair.filter = lambda number, datagram: (datagram, datagram) if number == 6 + copied else (datagram,)
    pair.acquire()
    pair.run(20 * SECOND)
    assert keys_match(pair)
    assert len(pair.west.of(Phase2Completed)) == len(pair.east.of(Phase2Completed)) == 1


def test_a_peer_that_never_says_connected_is_not_waited_for_forever() -> None:
    """Such as one that ignores the bit: after the repetitions of message 3 the SA is used."""
    pair = committed("initiator")
    pair.filter = lambda _number, item: () if item.data[18] == INFORMATIONAL else (item,)
    pair.acquire()
    pair.run(10 * SECOND)
    assert not pair.west.of(Phase2Completed)
    pair.run(120 * SECOND)
    assert keys_match(pair)


def test_rekeying_under_the_bit_loses_no_inbound_half() -> None:
    pair = committed("both")
    pair.establish()
    for _ in range(20):
        pair.west.engine.rekey(1, pair.now)
        pair.run(2 * SECOND)
        newest = list(pair.west.installed.values())[-1]
        assert newest.outbound.spi in pair.east.ready
    assert len(pair.west.of(Phase2Completed)) == 21


@pytest.mark.parametrize("event", ["configuration", "cleared"])
def test_what_waits_goes_with_its_phase_1(event: str) -> None:
    """The inbound half that was announced is taken back."""
    pair = committed("responder")
    pair.filter = lambda _number, item: () if item.data[18] == INFORMATIONAL else (item,)
    pair.acquire()
    pair.run()
    ready = pair.west.one(Phase2InboundReady)
    if event == "cleared":
        pair.west.engine.delete_phase1(pair.now)
    else:
        pair.west.engine.configure({}, {}, pair.now)
    pair.collect()
    removed = pair.west.one(SaRemoved)
    assert (removed.inbound_spi, removed.reason) == (ready.inbound.spi, Removal.UNCONFIRMED)
    assert pair.west.one(Phase2Failed).reason is Failure.PHASE1_LOST
    assert pair.west.ready == set()


def by_hand(pair: Pair, form: str) -> Datagram:
    """CONNECTED from east as other implementations send it."""
    sa = next(iter(pair.east.engine._context.phase1s.values()))
    quick = next(iter(sa.quick_modes.values()))
    body = build_notification(PROTOCOL_ESP, NotifyType.CONNECTED, quick.inbound_spi.to_bytes(4, "big"))
    payloads = [(int(PayloadType.NOTIFICATION), body)]
    number = 0x12345678 if form == "own message ID" else quick.message_id
    octets = number.to_bytes(4, "big")
    iv = quick.iv if form == "quick mode" else exchange_iv(sa.proposal.hash, sa.last_block, octets)
    kind = QUICK if form == "quick mode" else INFORMATIONAL
    data = seal_hashed(sa, iv, kind, number, payloads, seed=octets)
    return Datagram(data, sa.local, sa.peer)


@pytest.mark.parametrize("form", ["informational", "own message ID", "quick mode"])
def test_other_forms_of_the_fourth_message_are_understood(form: str) -> None:
    pair = committed("initiator")
    pair.filter = lambda _number, item: () if item.data[18] == INFORMATIONAL else (item,)
    pair.acquire()
    pair.run()
    assert not pair.west.of(Phase2Completed)
    pair.deliver(by_hand(pair, form))
    pair.collect()
    assert keys_match(pair)


def test_connected_for_nothing_changes_nothing() -> None:
    pair = Pair().establish()
    pair.deliver(by_hand(pair, "own message ID"))
    pair.collect()
    assert len(pair.west.of(Phase2Completed)) == 1
    states = {quick.state for sa in pair.west.engine._context.phase1s.values() for quick in sa.quick_modes.values()}
    assert states == {State.QUICK_DONE}
