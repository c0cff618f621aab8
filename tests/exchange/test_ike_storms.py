"""Worse than one mishap: losses in pairs, messages out of order, restarts at every point, floods, days without a timer.

The nine messages are those of `test_ike_disturbance`. In the end there is always a tunnel, and nothing is left over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import pytest

from nsemu.config.algorithms import DhGroup, ExchangeMode
from nsemu.config.ike import DeadPeerDetection, Heartbeat, Identity
from nsemu.ike.events import PeerDead, Phase1Completed, Phase2Completed, Phase2Failed
from nsemu.ike.parameters import Datagram, Endpoint, EngineSettings, NatVariant
from nsemu.sim.scheduler import MILLISECOND, SECOND
from nsemu.wire.isakmp import HEADER_SIZE, ExchangeType, PayloadType, build_message, build_payloads
from nsemu.wire.isakmp_payloads import build_notification
from support.ike import EAST, WEST, Pair, keys_match, p1, p2, prefer_the_same, usable
from support.ike_nat import INSIDE, Nat

DAY = 86_400 * SECOND
QUICK1 = (p1(group=DhGroup.GROUP1),)
"""Cheap: these tests are about messages, not about groups."""


def in_the_end(pair: Pair) -> None:
    """After all trouble: traffic makes or finds a tunnel that works both ways, and nothing half-done stays."""
    pair.filter = None
    pair.run(120 * SECOND)
    for end in pair.ends:
        if not end.installed:
            pair.acquire(end)
            pair.run(60 * SECOND)
    assert usable(pair)
    for end in pair.ends:
        assert all(view.established for view in end.engine.phase1s(pair.now))
        assert len(end.installed) <= 2


@pytest.mark.parametrize("pfs", [None, DhGroup.GROUP1])
@pytest.mark.parametrize("mode", ExchangeMode)
def test_any_two_datagrams_may_be_lost(mode: ExchangeMode, pfs: DhGroup | None) -> None:
    """Counted as sent, so that the second may be the repetition of the first: B155 holds without a new packet."""
    for lost in combinations(range(11), 2):
        pair = Pair(mode=mode, p1s=QUICK1, p2s=(p2(pfs=pfs),))
        pair.filter = lambda n, datagram, lost=lost: () if n in lost else (datagram,)
        pair.acquire()
        pair.run(60 * SECOND)
        for end in pair.ends:
            assert len(end.of(Phase2Completed)) == len(end.of(Phase1Completed)) == 1, lost
        assert keys_match(pair), lost


def natted(mode: ExchangeMode, variant: NatVariant) -> tuple[Pair, Nat]:
    """West behind NAT, with one variant at both ends."""
    pair, nat = Pair(mode=mode, p1s=QUICK1), Nat()
    pair.west.address = INSIDE
    name = Identity.infer("west@x.org")
    pair.change(pair.west, local=INSIDE, nat_traversal=True, local_identity=name)
    pair.change(pair.east, nat_traversal=True, peer_identity=name)
    for end in pair.ends:
        end.engine.settings = EngineSettings(nat_variants=(variant,))
    return pair, nat


@pytest.mark.parametrize("variant", NatVariant)
@pytest.mark.parametrize("mode", ExchangeMode)
@pytest.mark.parametrize("fate", ["lost", "doubled", "late"])
def test_any_message_through_nat(mode: ExchangeMode, variant: NatVariant, fate: str) -> None:
    """B306: the port floats whatever becomes of the message that moves it."""
    for victim in range(9 if mode is ExchangeMode.MAIN else 6):
        pair, nat = natted(mode, variant)
        held: list[Datagram] = []

        def treat(
            n: int, datagram: Datagram, victim: int = victim, nat: Nat = nat, held: list[Datagram] = held
        ) -> Sequence[Datagram]:
            through = list(nat(n, datagram))
            if n != victim:
                return through
            if fate == "late":
                held.extend(through)
            return through * 2 if fate == "doubled" else ()

        pair.filter = treat
        pair.acquire()
        pair.run(30 * SECOND)
        for datagram in held:
            pair.deliver(datagram)
        pair.run(30 * SECOND)
        assert keys_match(pair), victim
        assert all(len(end.of(Phase2Completed)) == 1 for end in pair.ends), victim


@pytest.mark.parametrize("mode", ExchangeMode)
def test_neighbours_change_places(mode: ExchangeMode) -> None:
    """Each datagram in turn is overtaken by whatever is sent next, itself repeated or the answer to an older one."""
    for late in range(9 if mode is ExchangeMode.MAIN else 6):
        pair = Pair(mode=mode, p1s=QUICK1)
        held: list[Datagram] = []

        def swap(n: int, datagram: Datagram, late: int = late, held: list[Datagram] = held) -> Sequence[Datagram]:
            if n == late:
                held.append(datagram)
                return ()
            return (datagram, held.pop()) if held else (datagram,)

        pair.filter = swap
        pair.acquire()
        pair.run(60 * SECOND)
        assert keys_match(pair), late
        assert all(len(end.of(Phase2Completed)) == 1 for end in pair.ends), late


def restarted(pair: Pair, name: str) -> None:
    """An end loses all that it knew."""
    end = pair.west if name == "west" else pair.east
    fresh = Pair(seed=99, p1s=QUICK1)
    end.engine = (fresh.west if name == "west" else fresh.east).engine
    end.engine.used = pair.last_use
    end.events.clear()
    end.installed.clear()
    end.ready.clear()
    end.configure(pair.now)


@pytest.mark.parametrize("who", ["west", "east", "both"])
@pytest.mark.parametrize("mode", ExchangeMode)
def test_a_restart_after_each_message(mode: ExchangeMode, who: str) -> None:
    """Initial contact and dead peer detection clear away what the other end still believes in."""
    for reached in range(10):
        pair = Pair(mode=mode, p1s=QUICK1)
        for end in pair.ends:
            pair.change(end, initial_contact=True, dpd=DeadPeerDetection(5, 2))
        pair.acquire()
        pair.collect()
        for _ in range(reached):
            pair.step(SECOND)
            pair.collect()
        for name in ("west", "east") if who == "both" else (who,):
            restarted(pair, name)
        pair.run(200 * SECOND)
        for end in pair.ends:
            pair.acquire(end)
            pair.run(60 * SECOND)
        assert usable(pair), reached
        assert all(view.established for end in pair.ends for view in end.engine.phase1s(pair.now))


@pytest.mark.parametrize("mode", ExchangeMode)
def test_both_begin_at_every_offset(mode: ExchangeMode) -> None:
    """From the same instant to after the whole negotiation, in steps of a millisecond."""
    for lead in range(101):
        pair = Pair(mode=mode, p1s=QUICK1)
        pair.acquire(pair.west)
        pair.run(lead * MILLISECOND)
        pair.acquire(pair.east)
        pair.run(10 * SECOND)
        assert prefer_the_same(pair), lead
        assert usable(pair), lead


@pytest.mark.parametrize("skew", [0, 1, 5, 10, 15, 20, 25, 60])
def test_both_renew_phase_1_at_the_same_time(skew: int) -> None:
    """B154: phase 1 ends at both; what each then begins crosses the other's, and one tunnel is preferred by both."""
    pair = Pair(p1s=(p1(group=DhGroup.GROUP1, lifetime=600),), p2s=(p2(lifetime=300),)).establish()
    pair.run(601 * SECOND)
    for end in pair.ends:
        end.engine.delete_phase1(pair.now)
    pair.run()
    pair.west.engine.rekey(1, pair.now)
    pair.run(skew * MILLISECOND)
    pair.east.engine.rekey(7, pair.now)
    pair.run(30 * SECOND)
    assert prefer_the_same(pair)
    assert usable(pair)


def spoofed(count: int, source: int) -> list[tuple[bytes, Endpoint]]:
    """First messages with cookies of their own, all from one address."""
    template = Pair(seed=77, p1s=QUICK1)
    template.acquire()
    template.collect()
    first = template.seen[0].data
    return [((0xABCD0000 + n).to_bytes(8, "big") + first[8:], Endpoint(source, 500 + n % 50)) for n in range(count)]


def test_ten_thousand_spoofed_first_messages() -> None:
    """In the peer's own name: memory stays within the limit, and the peer gets in while the flood goes on."""
    pair = Pair(p1s=QUICK1)
    limit = pair.east.engine.settings.half_open_limit
    engine = pair.east.engine
    flood = spoofed(10_000, WEST)
    for number, (data, source) in enumerate(flood):
        if number == 5_000:
            pair.acquire()
        engine.receive_datagram(data, source, Endpoint(EAST, 500), pair.now)
        if number % 100 == 0:
            engine.datagrams_to_send()
            pair.step(pair.now + 5 * MILLISECOND)
            assert len(engine.phase1s(pair.now)) <= limit + 1
    pair.run(60 * SECOND)
    assert pair.west.of(Phase2Completed)
    pair.run(120 * SECOND)
    context = engine._context
    assert len(context.phase1s) == len([view for view in engine.phase1s(pair.now) if view.established]) == 1
    assert not context.half_open
    assert len(context.responding) <= 1
    assert usable(pair)


def test_a_flood_of_strangers_leaves_nothing() -> None:
    pair = Pair(p1s=QUICK1)
    for data, source in spoofed(2_000, WEST + 1):
        pair.east.engine.receive_datagram(data, source, Endpoint(EAST, 500), pair.now)
    assert pair.east.engine.counters.unknown_peer == 2_000
    assert pair.east.engine.datagrams_to_send() == []
    assert pair.east.engine.phase1s(pair.now) == []
    pair.acquire()
    pair.run(10 * SECOND)
    assert keys_match(pair)


def first_messages() -> list[Datagram]:
    pair = Pair(p1s=QUICK1).establish()
    return pair.seen[:4]


@pytest.mark.parametrize("value", [0x00, 0x7F, 0xFF])
def test_every_octet_of_the_clear_messages_wrong(value: int) -> None:
    """Each octet in turn, before the true message comes: nothing is raised, and in the end there is a tunnel."""
    for number, datagram in enumerate(first_messages()):
        pair = Pair(p1s=QUICK1)
        pair.acquire()
        pair.collect()
        for _ in range(number):
            pair.step(SECOND)
            pair.collect()
        engine = pair.east.engine if datagram.destination.address == EAST else pair.west.engine
        true = pair.seen[number]
        for place in range(len(true.data)):
            octets = bytearray(true.data)
            octets[place] = value
            if bytes(octets) != true.data and place >= 16:
                engine.receive_datagram(bytes(octets), true.source, true.destination, pair.now)
        in_the_end(pair)


@pytest.mark.parametrize("size", [1_000, 20_000, 65_000])
@pytest.mark.parametrize("kind", [*PayloadType, 77, 128, 255])
def test_oversized_payloads(kind: int, size: int) -> None:
    """A payload of any type that fills a datagram, alone and in a long row of small ones."""
    pair = Pair(p1s=QUICK1).establish()
    (view,) = pair.east.engine.phase1s(pair.now)
    for cookies in (bytes(range(1, 9)) + bytes(8), view.initiator_cookie + view.responder_cookie):
        for exchange in (ExchangeType.MAIN, ExchangeType.AGGRESSIVE, ExchangeType.INFORMATIONAL, ExchangeType.QUICK):
            one = build_payloads([(kind, bytes(min(size, 65_000)))])
            many = build_payloads([(kind, bytes(4))] * (size // 8))
            for chain in (one, many):
                data = build_message(cookies, exchange, 0, kind, chain)
                pair.east.engine.receive_datagram(data, Endpoint(WEST, 500), Endpoint(EAST, 500), pair.now)
    pair.run()
    assert usable(pair)
    assert len(pair.east.engine.phase1s(pair.now)) <= 2


@pytest.mark.parametrize("kind", [2, 3, 15, 99, 127, 128, 200, 255])
def test_unknown_payloads_are_refused_by_name(kind: int) -> None:
    """RFC 2408 §5.3: IKEv1 has no critical bit; what is not known here is INVALID-PAYLOAD-TYPE, and changes nothing."""
    pair = Pair(p1s=QUICK1)
    pair.acquire()
    pair.collect()
    first = pair.in_flight.pop()[2]
    chain = build_payloads([(1, first.data[HEADER_SIZE + 4 : HEADER_SIZE + 4 + 48]), (kind, b"what is this")])
    cookie = bytes(range(1, 9)) + bytes(8)
    data = build_message(cookie, ExchangeType.MAIN, 0, PayloadType.SA, chain)
    pair.east.engine.receive_datagram(data, first.source, first.destination, pair.now)
    assert pair.east.engine.counters.refused + pair.east.engine.counters.malformed == 1
    assert pair.east.engine.phase1s(pair.now) == []
    pair.deliver(first)
    pair.run(10 * SECOND)
    assert keys_match(pair)


@pytest.mark.parametrize("reserved", [1, 0x80, 0xFF])
def test_reserved_octets(reserved: int) -> None:
    """RFC 2408 §3.2: the reserved octet of a payload, which later protocols use for "critical", is not obeyed."""
    pair = Pair(p1s=QUICK1)
    pair.acquire()
    pair.collect()
    true = pair.in_flight[0][2]
    octets = bytearray(true.data)
    octets[HEADER_SIZE + 1] = reserved
    pair.deliver(true._replace(data=bytes(octets)))
    in_the_end(pair)


@pytest.mark.parametrize("watch", [DeadPeerDetection(10, 3), Heartbeat(10, 3)], ids=["dpd", "heartbeat"])
def test_losses_of_watching_harm_nobody(watch: DeadPeerDetection | Heartbeat) -> None:
    """B356: each single message of a watch, each answer, and each two in a row."""
    for lost in [(n,) for n in range(12)] + [(n, n + 1) for n in range(12)]:
        pair = Pair(p1s=QUICK1)
        for end in pair.ends:
            pair.change(end, **{"dpd" if isinstance(watch, DeadPeerDetection) else "heartbeat": watch})
        pair.establish()
        start = len(pair.seen)
        pair.filter = lambda n, datagram, lost=lost, start=start: () if n - start in lost else (datagram,)
        pair.run(120 * SECOND)
        assert not any(end.of(PeerDead) for end in pair.ends), lost
        assert usable(pair), lost


@pytest.mark.parametrize("days", [1, 30, 400])
def test_the_clock_jumps_by_days(days: int) -> None:
    """Timers that come due in one heap: what has outlived its time is gone, and traffic makes a new tunnel."""
    pair = Pair(p1s=QUICK1).establish()
    pair.now += days * DAY
    for end in pair.ends:
        end.engine.handle_timer(pair.now)
    pair.collect()
    pair.in_flight.clear()
    for end in pair.ends:
        assert not [view for view in end.engine.phase1s(pair.now) if view.established]
        assert not end.installed
    in_the_end(pair)


@pytest.mark.parametrize("reached", range(10))
def test_the_clock_jumps_in_mid_negotiation(reached: int) -> None:
    pair = Pair(p1s=QUICK1)
    pair.acquire()
    pair.collect()
    for _ in range(reached):
        pair.step(SECOND)
        pair.collect()
    late = [item[2] for item in pair.in_flight]
    pair.now += 3 * DAY
    for datagram in late:
        pair.deliver(datagram)
    for end in pair.ends:
        end.engine.handle_timer(pair.now)
    pair.in_flight.clear()
    in_the_end(pair)


@pytest.mark.parametrize("lost", range(8))
def test_deletes_and_what_follows_may_be_lost(lost: int) -> None:
    """`clear sa` and `clear ike-cookie` at one end, with new traffic from the other: no end is stuck with half."""
    pair = Pair(p1s=QUICK1)
    for end in pair.ends:
        pair.change(end, dpd=DeadPeerDetection(10, 2))
    pair.establish()
    start = len(pair.seen)
    pair.filter = lambda n, datagram: () if n - start == lost else (datagram,)
    pair.west.engine.delete_tunnel_sas(1, pair.now)
    pair.run()
    pair.west.engine.delete_phase1(pair.now)
    pair.run()
    pair.acquire(pair.west)
    pair.run(120 * SECOND)
    assert usable(pair)


def test_a_thousand_rekeys_under_any_loss() -> None:
    """B026: both kinds of renewal (time, and asked for as when kilobytes run short), every eleventh datagram lost."""
    pair = Pair(p1s=(p1(group=DhGroup.GROUP1, lifetime=3600),), p2s=(p2(lifetime=300),))
    pair.filter = lambda n, datagram: () if n % 11 == 5 else (datagram,)
    pair.acquire()
    pair.run(10 * SECOND)
    made = 0
    while made < 1_000:
        if made % 3 == 0:
            pair.west.engine.rekey(1, pair.now)
        pair.run(60 * SECOND)
        assert usable(pair)
        made = len(pair.west.of(Phase2Completed))
    assert all(len(end.installed) <= 4 for end in pair.ends)
    assert not pair.east.of(Phase2Failed)


FORGERIES = {
    "notify": [(PayloadType.NOTIFICATION, build_notification(1, 14))],
    "attributes": [(PayloadType.HASH, bytes(20)), (PayloadType.ATTRIBUTES, bytes((1, 0, 0, 1)))],
    "SA": [(PayloadType.SA, bytes.fromhex("0000000100000001"))],
    "KE": [(PayloadType.KEY_EXCHANGE, bytes(96)), (PayloadType.NONCE, bytes(16))],
}


@pytest.mark.parametrize("kind", FORGERIES)
@pytest.mark.parametrize("form", ["commit", "natted", "aggressive, natted"])
def test_forged_messages_in_the_states_of_longer_exchanges(form: str, kind: str) -> None:
    """The commit bit's fourth message and NAT-T have states of their own: every state, every exchange, every flag."""
    for point in range(11):
        if form == "commit":
            pair = Pair(p1s=QUICK1)
            for end in pair.ends:
                end.engine.settings = replace(end.engine.settings, initiator_commit=True, responder_commit=True)
        else:
            mode = ExchangeMode.AGGRESSIVE if form != "natted" else ExchangeMode.MAIN
            pair, nat = natted(mode, NatVariant.DRAFT_02)
            pair.filter = nat
        pair.acquire()
        pair.collect()
        for _ in range(point):
            pair.step(SECOND)
            pair.collect()
        for end in pair.ends:
            views = end.engine.phase1s(pair.now)
            before = [(view.initiator_cookie, view.state) for view in views]
            for view in views:
                forge(pair, end.address, view.initiator_cookie + view.responder_cookie, FORGERIES[kind])
            after = [(view.initiator_cookie, view.state) for view in end.engine.phase1s(pair.now)]
            assert after == before, point
        pair.run(60 * SECOND)
        assert keys_match(pair), point


def forge(pair: Pair, address: int, cookies: bytes, payloads: Sequence[tuple[int, bytes]]) -> None:
    """Messages of all exchanges and flags, under true cookies and under IDs that are in use, from where the peer is."""
    end = pair.west if address == pair.west.address else pair.east
    chain = build_payloads(payloads)
    sealed = chain + bytes(-len(chain) % 8)
    peer = EAST if address != EAST else WEST
    for exchange in ExchangeType:
        for flags in range(8):
            for message_id in (0, 7):
                body = sealed if flags & 1 else chain
                data = build_message(cookies, exchange, message_id, payloads[0][0], body, flags=flags)
                for port, marker in ((500, b""), (4500, bytes(4))):
                    there = Endpoint(peer, port)
                    end.engine.receive_datagram(marker + data, there, Endpoint(address, port), pair.now)
