"""Loss, copies, disorder, replay, forgery: what a wire can do to the nine messages.

west   1 -->   3 -->   5 -->   7 -->   9 -->
east     <-- 2   <-- 4   <-- 6   <-- 8
main mode 1 to 6, quick mode 7 to 9; in aggressive mode 1 to 3, then 4 to 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import pytest

from nsemu.config.algorithms import DhGroup, ExchangeMode
from nsemu.ike.events import (
    Failure,
    Phase1Completed,
    Phase1Failed,
    Phase2Completed,
    Phase2Failed,
    Phase2Initiated,
    Removal,
    Role,
    SaRemoved,
)
from nsemu.ike.exchange import State
from nsemu.ike.parameters import Datagram, Endpoint, EngineSettings
from nsemu.ike.tables import PHASE1, QUICK
from nsemu.ike.transaction import TRANSACTION
from nsemu.sim.scheduler import MILLISECOND, SECOND
from nsemu.wire.isakmp import ExchangeType, PayloadType, build_message, build_payloads
from nsemu.wire.isakmp_payloads import build_delete, build_notification
from support.ike import EAST, WEST, Pair, keys_match, p2, prefer_the_same, texts

MESSAGES = [(ExchangeMode.MAIN, n) for n in range(9)] + [(ExchangeMode.AGGRESSIVE, n) for n in range(6)]


def one_tunnel(pair: Pair) -> None:
    """Exactly one Phase 1 and one Phase 2 at each end, with the same keys."""
    for end in pair.ends:
        assert len(end.of(Phase1Completed)) == 1, end.events
        assert len(end.of(Phase2Completed)) == 1, end.events
        assert len(end.engine.phase1s(pair.now)) == 1
        assert not end.of(Phase1Failed)
        assert not end.of(Phase2Failed)
    assert keys_match(pair)


@pytest.mark.parametrize(("mode", "lost"), MESSAGES)
def test_any_single_message_may_be_lost(mode: ExchangeMode, lost: int) -> None:
    pair = Pair(mode=mode, p2s=(p2(pfs=DhGroup.GROUP2),))
    pair.filter = lambda n, datagram: () if n == lost else (datagram,)
    pair.acquire()
    pair.run(30 * SECOND)
    one_tunnel(pair)
    assert sum(end.engine.counters.retransmissions for end in pair.ends) >= 1
    assert all(end.engine.counters.malformed == 0 for end in pair.ends)


@pytest.mark.parametrize(("mode", "lost"), MESSAGES)
def test_any_message_may_be_lost_three_times(mode: ExchangeMode, lost: int) -> None:
    """The same octets are lost again when they are repeated."""
    pair = Pair(mode=mode)
    victims: list[bytes] = []

    def lose(n: int, datagram: Datagram) -> Sequence[Datagram]:
        if n == lost or (victims and datagram.data == victims[0] and len(victims) < 3):
            victims.append(datagram.data)
            return ()
        return (datagram,)

    pair.filter = lose
    pair.acquire()
    pair.run(60 * SECOND)
    one_tunnel(pair)
    assert len(victims) == 3


@pytest.mark.parametrize(("mode", "copied"), MESSAGES)
def test_a_copy_of_any_message_changes_nothing(mode: ExchangeMode, copied: int) -> None:
    pair = Pair(mode=mode)
    pair.filter = lambda n, datagram: (datagram, datagram) if n == copied else (datagram,)
    pair.acquire()
    pair.run(30 * SECOND)
    one_tunnel(pair)
    assert sum(end.engine.counters.duplicates for end in pair.ends) >= 1


def test_every_message_twice() -> None:
    pair = Pair()
    pair.filter = lambda _n, datagram: (datagram, datagram)
    pair.acquire()
    pair.run(30 * SECOND)
    one_tunnel(pair)
    assert len(pair.seen) < 100


@pytest.mark.parametrize(("mode", "late"), MESSAGES)
def test_any_message_may_come_late(mode: ExchangeMode, late: int) -> None:
    """It overtakes nothing that matters: its repetition has done the work."""
    pair = Pair(mode=mode)
    held: list[Datagram] = []

    def hold(n: int, datagram: Datagram) -> Sequence[Datagram]:
        if n == late:
            held.append(datagram)
            return ()
        return (datagram,)

    pair.filter = hold
    pair.acquire()
    pair.run(30 * SECOND)
    pair.deliver(held[0])
    pair.run(30 * SECOND)
    one_tunnel(pair)


def test_quick_mode_that_overtakes_the_end_of_phase1_is_held() -> None:
    pair = Pair(mode=ExchangeMode.AGGRESSIVE)
    held: list[Datagram] = []

    def swap(n: int, datagram: Datagram) -> Sequence[Datagram]:
        if n == 2:
            held.append(datagram)
            return ()
        return (datagram, *held) if n == 3 else (datagram,)

    pair.filter = swap
    pair.acquire()
    pair.run(10 * SECOND)
    one_tunnel(pair)
    assert pair.east.engine.counters.unexpected == 0
    assert pair.west.engine.counters.retransmissions == 0


def test_replay_of_everything_changes_nothing() -> None:
    """Later, and again after the memory of quick modes has faded."""
    pair = Pair().establish()
    recorded = list(pair.seen)
    for pause in (SECOND, 300 * SECOND):
        pair.run(pause)
        for datagram in recorded:
            pair.deliver(datagram)
        pair.run(SECOND)
        one_tunnel(pair)
    assert pair.east.engine.counters.message_id_reused == 2
    assert pair.west.engine.counters.message_id_reused == 1


def test_replay_at_a_device_that_forgot() -> None:
    """After a restart the recorded first packet opens a negotiation that cannot be completed."""
    recorded = Pair().establish().seen
    pair = Pair(seed=2)
    for datagram in recorded:
        if datagram.destination.address == EAST:
            pair.deliver(datagram)
    pair.run(120 * SECOND)
    assert not pair.east.of(Phase1Completed)
    assert pair.east.one(Phase1Failed).reason is Failure.TIME_LIMIT
    assert texts(pair.east)[-1] == "IKE 1.1.1.1 Phase 1: Aborted negotiations because the time limit has elapsed."
    assert not pair.east.engine.phase1s(pair.now)


@pytest.mark.parametrize("reached", range(6))
def test_dead_gateway_at_any_point(reached: int) -> None:
    """Retransmission ends at both ends, with the words of the log; no state is left."""
    pair = Pair()
    pair.filter = lambda n, datagram: (datagram,) if n < reached else ()
    pair.acquire()
    pair.run(200 * SECOND)
    lost = pair.west.engine.counters.retransmissions
    assert lost == EngineSettings().retransmit_limit
    assert texts(pair.west)[-1] == "IKE 2.2.2.2 Phase 1: Retransmission limit has been reached."
    assert not pair.west.engine.phase1s(pair.now)
    assert not [view for view in pair.east.engine.phase1s(pair.now) if not view.established]
    pair.filter = None
    pair.acquire()
    pair.run(10 * SECOND)
    assert keys_match(pair)


def test_intervals_double_up_to_the_longest() -> None:
    pair = Pair()
    pair.filter = lambda _n, _datagram: ()
    pair.acquire()
    sent: list[float] = []
    while pair.step(100 * SECOND):
        pair.collect()
        if len(pair.seen) - 1 > len(sent):
            sent.append(pair.now / SECOND)
    assert sent == [2, 6, 14, 22, 30, 38, 46]
    assert pair.now == 54 * SECOND


def test_peer_that_lost_phase1_is_found_out() -> None:
    """Quick mode gets no answer, so the Phase 1 SA is dropped and the next packet starts a new one."""
    pair = Pair().establish()
    pair.west.engine.delete_tunnel_sas(1, pair.now)
    pair.run()
    forgetful = Pair(seed=9)
    forgetful.now = pair.now
    pair.east.engine = forgetful.east.engine
    pair.acquire()
    pair.run(60 * SECOND)
    assert pair.west.one(Phase2Failed).reason is Failure.RETRANSMISSION_LIMIT
    assert pair.east.engine.counters.unknown_cookies == 8
    assert not pair.west.engine.phase1s(pair.now)
    pair.acquire()
    pair.run(10 * SECOND)
    assert keys_match(pair)


def test_simultaneous_initiation() -> None:
    """Both ends begin at once: two Phase 1 SAs and two pairs, all usable, and both prefer the same pair."""
    pair = Pair()
    for end in pair.ends:
        pair.acquire(end)
    pair.run(10 * SECOND)
    for end in pair.ends:
        assert {view.role for view in end.engine.phase1s(pair.now)} == set(Role)
        assert all(view.established for view in end.engine.phase1s(pair.now))
        assert len(end.of(Phase2Completed)) == 2
    assert prefer_the_same(pair)


@pytest.mark.parametrize("lead", [0, 1, 5, 9, 10, 11, 15, 25, 35, 45])
def test_initiation_at_nearly_the_same_time(lead: int) -> None:
    pair = Pair()
    pair.acquire(pair.west)
    pair.run(lead * MILLISECOND)
    pair.acquire(pair.east)
    pair.run(10 * SECOND)
    assert prefer_the_same(pair)


def flood(pair: Pair, count: int) -> None:
    template = Pair(seed=77)
    template.acquire()
    template.collect()
    first = template.seen[0].data
    for n in range(count):
        cookie = (0xABCD0000 + n).to_bytes(8, "big")
        pair.east.engine.receive_datagram(cookie + first[8:], Endpoint(WEST, 500), Endpoint(EAST, 500), pair.now)


def test_flood_of_first_packets_is_bounded_and_does_not_shut_out_the_peer() -> None:
    pair = Pair(settings=EngineSettings(half_open_limit=10))
    flood(pair, 50)
    pair.collect()
    assert len(pair.east.engine.phase1s(pair.now)) == 10
    assert pair.east.engine.counters.half_open_dropped == 40
    assert len(pair.seen) == 50
    pair.in_flight.clear()
    pair.acquire()
    pair.run(5 * SECOND)
    assert keys_match(pair)
    pair.run(61 * SECOND)
    assert [view.established for view in pair.east.engine.phase1s(pair.now)] == [True]


def test_negotiations_that_showed_their_address_are_not_displaced() -> None:
    pair = Pair(settings=EngineSettings(half_open_limit=1))
    pair.acquire()
    pair.run(45 * MILLISECOND)
    flood(pair, 5)
    assert pair.east.engine.counters.half_open_refused == 5
    pair.run(5 * SECOND)
    assert keys_match(pair)


def test_own_first_packet_thrown_back() -> None:
    pair = Pair()
    pair.acquire()
    pair.collect()
    pair.west.engine.receive_datagram(pair.seen[0].data, Endpoint(EAST, 500), Endpoint(WEST, 500), 0)
    assert pair.west.engine.counters.unexpected == 1
    pair.run()
    one_tunnel(pair)


def test_messages_thrown_back_never_count_as_the_peers() -> None:
    pair = Pair().establish()
    for datagram in list(pair.seen):
        pair.deliver(Datagram(datagram.data, datagram.destination, datagram.source))
    pair.run(SECOND)
    one_tunnel(pair)


def test_another_source_address_is_not_the_peer() -> None:
    pair = Pair()
    pair.acquire()
    pair.run(15 * MILLISECOND)
    pair.in_flight.clear()
    answer = pair.seen[1]
    pair.west.engine.receive_datagram(answer.data, Endpoint(0x09090909, 500), answer.destination, pair.now)
    assert pair.west.engine.counters.unknown_cookies == 1
    pair.deliver(answer)
    pair.run(10 * SECOND)
    one_tunnel(pair)


# State × input: in every state an engine can be in, every kind of message that does not belong there.

POINTS = {n: f"after message {n}" for n in range(10)}


def forged_messages(cookies: bytes) -> dict[str, bytes]:
    """One message of each exchange type, clear and encrypted, well formed but not the peer's."""
    nonce = [(PayloadType.NONCE, bytes(16))]
    hashed = [(PayloadType.HASH, bytes(20)), *nonce]
    notify = [(PayloadType.NOTIFICATION, build_notification(1, 14))]
    delete = [(PayloadType.DELETE, build_delete(1, [cookies]))]
    forged = {}
    for exchange in (*ExchangeType, 3, 6, 33, 255):
        for name, payloads in (("nonce", nonce), ("hash", hashed), ("notify", notify), ("delete", delete)):
            for flags in (0, 1, 2, 3):
                for message_id in (0, 7):
                    chain = build_payloads(payloads)
                    chain += bytes(-len(chain) % 8)
                    if not flags & 1:
                        chain = build_payloads(payloads)
                    forged[f"{exchange}-{name}-{flags}-{message_id}"] = build_message(
                        cookies, exchange, message_id, payloads[0][0], chain, flags=flags
                    )
    return forged


@pytest.mark.parametrize("mode", ExchangeMode)
@pytest.mark.parametrize("point", range(10))
def test_no_forged_message_changes_a_state(mode: ExchangeMode, point: int) -> None:
    """After each message of the exchange, both ends take all forgeries, and then complete as if nothing had been."""
    pair = Pair(mode=mode)
    pair.acquire()
    pair.collect()
    for _ in range(point):
        pair.step(SECOND)
        pair.collect()
    for end, other in ((pair.west, EAST), (pair.east, WEST)):
        before = [(view.initiator_cookie, view.state) for view in end.engine.phase1s(pair.now)]
        cookies = [
            bytes(range(1, 17)),
            *(v.initiator_cookie + v.responder_cookie for v in end.engine.phase1s(pair.now)),
        ]
        for pair_of_cookies in cookies:
            for data in forged_messages(pair_of_cookies).values():
                end.engine.receive_datagram(data, Endpoint(other, 500), Endpoint(end.address, 500), pair.now)
        assert [(view.initiator_cookie, view.state) for view in end.engine.phase1s(pair.now)] == before
    pair.run(60 * SECOND)
    one_tunnel(pair)


def test_every_exchange_type_is_refused_in_every_state_without_a_row() -> None:
    """The tables have rows for the legal inputs only; each state that waits for a message has one."""
    idle = (State.ESTABLISHED, State.QUICK_DONE, State.TRANSACTION_DONE, State.DEAD)
    waiting = {state for state in State if state not in idle}
    assert {state for state, _ in PHASE1} | set(QUICK) | {
        state for state, legal in TRANSACTION.items() if legal
    } == waiting
    assert all(exchange in (ExchangeType.MAIN, ExchangeType.AGGRESSIVE) for _, exchange in PHASE1)


def test_own_messages_of_other_states_are_refused() -> None:
    """Each recorded message of one negotiation, put before a new one in each of its states under its cookies."""
    recorded = Pair().establish().seen
    for point in range(9):
        pair = Pair(seed=3)
        pair.acquire()
        pair.collect()
        for _ in range(point):
            pair.step(SECOND)
            pair.collect()
        for datagram in recorded:
            for end in pair.ends:
                for view in end.engine.phase1s(pair.now):
                    data = view.initiator_cookie + view.responder_cookie + datagram.data[16:]
                    if end.address == datagram.destination.address and datagram.data[19] & 1:
                        end.engine.receive_datagram(data, datagram.source, datagram.destination, pair.now)
        pair.run(60 * SECOND)
        one_tunnel(pair)


def test_unprotected_notifications_and_deletes_are_told_but_not_obeyed() -> None:
    pair = Pair().establish()
    (view,) = pair.west.engine.phase1s(pair.now)
    cookies = view.initiator_cookie + view.responder_cookie
    spi = pair.west.one(Phase2Completed).outbound.spi.to_bytes(4, "big")
    for payloads in (
        [(PayloadType.DELETE, build_delete(1, [cookies]))],
        [(PayloadType.NOTIFICATION, build_notification(1, 24578, cookies))],
        [(PayloadType.NOTIFICATION, build_notification(3, 11, spi))],
    ):
        data = build_message(cookies, ExchangeType.INFORMATIONAL, 99, payloads[0][0], build_payloads(payloads))
        pair.west.engine.receive_datagram(data, Endpoint(EAST, 500), Endpoint(WEST, 500), pair.now)
    pair.run()
    one_tunnel(pair)
    assert pair.west.engine.counters.unprotected == 3
    assert [text for text in texts(pair.west) if "notification" in text] == [
        "IKE 2.2.2.2: Received a notification message for DOI 1 24578 INITIAL-CONTACT.",
        "IKE 2.2.2.2: Received a notification message for DOI 1 11 INVALID-SPI.",
    ]


def test_damaged_messages_are_recovered() -> None:
    """One bit of each message in turn is wrong on its way."""
    for n in range(9):
        for place in (20, 40, -1):
            pair = Pair(seed=n)

            def damage(number: int, datagram: Datagram, n: int = n, place: int = place) -> Sequence[Datagram]:
                if number != n:
                    return (datagram,)
                octets = bytearray(datagram.data)
                octets[place] ^= 1
                return (datagram._replace(data=bytes(octets)),)

            pair.filter = damage
            pair.acquire()
            pair.run(200 * SECOND)
            if not pair.west.of(Phase2Completed):
                # A damaged key exchange cannot be told from a sound one; the negotiation fails, and the next succeeds.
                pair.filter = None
                pair.acquire()
                pair.run(10 * SECOND)
            assert keys_match(pair), (n, place)


def test_counters_of_an_undisturbed_negotiation() -> None:
    pair = Pair().establish()
    counted = asdict(pair.west.engine.counters)
    assert (counted.pop("sent"), counted.pop("received")) == (5, 4)
    assert not any(counted.values())


def test_message_ids_differ() -> None:
    pair = Pair().establish()
    for _ in range(20):
        pair.west.engine.rekey(1, pair.now)
        pair.run()
    ids = [event.message_id for event in pair.west.of(Phase2Initiated)]
    assert len(set(ids)) == 21
    assert 0 not in ids


def test_quick_mode_that_is_never_confirmed_takes_its_inbound_sa_back() -> None:
    pair = Pair()
    pair.filter = lambda n, datagram: () if n >= 8 and datagram.source.address == WEST else (datagram,)
    pair.acquire()
    pair.run()
    assert len(pair.east.ready) == 1
    pair.run(100 * SECOND)
    assert pair.east.one(Phase2Failed).reason is Failure.RETRANSMISSION_LIMIT
    assert pair.east.one(SaRemoved).reason is Removal.UNCONFIRMED
    assert not pair.east.ready
