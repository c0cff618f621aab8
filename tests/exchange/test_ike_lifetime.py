"""SAs that end, are replaced, shortened, deleted or reported unknown.

west                                    east
  .. 10 s before its pair ends:
  HDR*, HASH(1), SA, Ni, IDci, IDcr  -->
                                     <--  HDR*, HASH(2), SA, Nr, IDci, IDcr
  HDR*, HASH(3)                      -->
  .. at the end of the old pair, each end:
  HDR*, HASH, D                      -->
                                     <--  HDR*, HASH, D
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from nsemu.ike.events import (
    BadSpiNotified,
    Failure,
    InitialContactReceived,
    InitialContactSent,
    NotifyReceived,
    Phase1Completed,
    Phase1Removed,
    Phase2Completed,
    Phase2Failed,
    Phase2Initiated,
    Removal,
    Role,
    SaRemoved,
)
from nsemu.ike.parameters import Datagram, EngineSettings, TunnelParameters
from nsemu.sim.scheduler import MILLISECOND, SECOND
from nsemu.wire.isakmp_payloads import NotifyType
from support.ike import EAST, WEST, WEST_LAN, Pair, keys_match, p1, p2, prefer_the_same, texts, usable


def test_a_pair_is_replaced_before_it_ends() -> None:
    """B026: make before break, ten seconds ahead, begun by the end that began the pair."""
    pair = Pair(p2s=(p2(lifetime=3600),)).establish()
    began = pair.west.one(Phase2Completed)
    pair.run(3589 * SECOND - pair.now)
    assert len(pair.west.of(Phase2Initiated)) == 1
    pair.run(2 * SECOND)
    assert len(pair.west.of(Phase2Completed)) == len(pair.east.of(Phase2Completed)) == 2
    assert not pair.west.of(SaRemoved)
    assert not pair.east.of(Phase2Initiated)
    pair.run(12 * SECOND)
    assert began.inbound.spi not in pair.west.installed
    for end in pair.ends:
        assert end.one(SaRemoved).reason in (Removal.LIFETIME, Removal.DELETED_BY_PEER)
        assert len(end.installed) == 1
    assert usable(pair)


def test_the_responder_replaces_the_pair_when_the_initiator_does_not() -> None:
    pair = Pair(p2s=(p2(lifetime=600),))
    pair.west.engine.settings = EngineSettings(soft_lifetime_buffer=0)
    pair.establish()
    pair.run(610 * SECOND)
    assert pair.east.of(Phase2Completed)[-1].role is Role.INITIATOR
    assert usable(pair)


def test_without_a_buffer_the_pair_just_ends_and_traffic_brings_the_next() -> None:
    pair = Pair(p2s=(p2(lifetime=600),), settings=EngineSettings(soft_lifetime_buffer=0)).establish()
    pair.run(700 * SECOND)
    assert not pair.west.installed
    assert not pair.east.installed
    assert len(pair.west.of(Phase2Initiated)) == 1
    pair.acquire()
    pair.run()
    assert usable(pair)


def test_a_thousand_replacements() -> None:
    """B026: at every instant both ends can send; no pair and no timer is left over."""
    pair = Pair(p1s=(p1(lifetime=28800),), p2s=(p2(lifetime=300),))
    pair.acquire()
    pair.run(SECOND)
    while len(pair.west.of(Phase2Completed)) < 1001:
        pair.run(29 * SECOND)
        assert usable(pair)
        for end in pair.ends:
            assert 1 <= len(end.installed) <= 2
    assert keys_match(pair)
    for end in pair.ends:
        assert not end.of(Phase2Failed)
        assert len({event.inbound.spi for event in end.of(Phase2Completed)}) == len(end.of(Phase2Completed))
    completed = len(pair.west.of(Phase2Completed)), len(pair.west.of(Phase1Completed))
    # One quick mode in 290 s, one Phase 1 in about 28800 s: no storm.
    assert pair.now / (290 * SECOND) - 5 < completed[0] < pair.now / (290 * SECOND) + 5
    assert completed[1] <= pair.now // (28000 * SECOND) + 1


def test_replacement_goes_on_over_a_lossy_wire() -> None:
    """Every seventh datagram is lost; the tunnel lives on."""
    pair = Pair(p2s=(p2(lifetime=300),), settings=EngineSettings(soft_lifetime_buffer=60))
    pair.filter = lambda n, datagram: () if n % 7 == 3 else (datagram,)
    pair.acquire()
    pair.run(30 * SECOND)
    for _ in range(200):
        pair.run(60 * SECOND)
        assert usable(pair)


@pytest.mark.parametrize("skew", [0, 3, 8, 12, 20, 30, 40])
def test_both_ends_replace_at_the_same_time(skew: int) -> None:
    """As when kilobytes run short at both: two pairs, the same one preferred, and one replacement from then on."""
    pair = Pair(p2s=(p2(lifetime=600),)).establish()
    pair.west.engine.rekey(1, pair.now)
    pair.run(skew * MILLISECOND)
    pair.east.engine.rekey(7, pair.now)
    pair.run(5 * SECOND)
    assert prefer_the_same(pair)
    made = len(pair.west.of(Phase2Completed))
    pair.run(600 * SECOND)
    assert len(pair.west.of(Phase2Completed)) == made + 1
    assert prefer_the_same(pair)
    pair.run(620 * SECOND)
    assert len(pair.west.of(Phase2Completed)) == made + 2
    assert usable(pair)


def test_a_replaced_pair_lingers_and_goes() -> None:
    pair = Pair().establish()
    first = pair.west.one(Phase2Completed).inbound.spi
    pair.west.engine.rekey(1, pair.now)
    pair.run(29 * SECOND)
    assert first in pair.west.installed
    pair.run(3 * SECOND)
    assert first not in pair.west.installed
    assert len(pair.west.installed) == len(pair.east.installed) == 1
    assert usable(pair)


def test_rekey_while_negotiating_does_nothing() -> None:
    pair = Pair()
    pair.acquire()
    pair.west.engine.rekey(1, 0)
    pair.run()
    assert len(pair.west.of(Phase2Completed)) == 1


def test_phase1_ends_and_is_made_anew_when_it_is_needed() -> None:
    """B155: the IPsec SAs outlive it, and their replacement begins a new Phase 1."""
    pair = Pair(p1s=(p1(lifetime=300),), p2s=(p2(lifetime=600),)).establish()
    pair.run(310 * SECOND)
    for end in pair.ends:
        assert end.of(Phase1Removed)[0].reason in (Removal.LIFETIME, Removal.DELETED_BY_PEER)
        assert not end.engine.phase1s(pair.now)
        assert len(end.installed) == 1
    pair.run(300 * SECOND)
    assert len(pair.west.of(Phase1Completed)) == 2
    assert usable(pair)


def test_phase1_about_to_end_is_not_used_for_a_quick_mode() -> None:
    pair = Pair(p1s=(p1(lifetime=300),)).establish()
    pair.run(294 * SECOND)
    pair.west.engine.rekey(1, pair.now)
    pair.run(3 * SECOND)
    assert len(pair.west.of(Phase1Completed)) == 2
    assert keys_match(pair)


def test_clear_sa_is_told_to_the_peer() -> None:
    pair = Pair().establish()
    pair.west.engine.delete_tunnel_sas(1, pair.now)
    pair.run()
    assert pair.west.one(SaRemoved).reason is Removal.CLEARED
    removed = pair.east.one(SaRemoved)
    assert removed.reason is Removal.DELETED_BY_PEER
    assert removed.inbound_spi == pair.west.one(Phase2Completed).outbound.spi
    assert len(pair.west.engine.phase1s(pair.now)) == 1


def test_clear_ike_cookie_is_told_to_the_peer_and_leaves_the_ipsec_sas() -> None:
    pair = Pair().establish()
    (view,) = pair.west.engine.phase1s(pair.now)
    assert pair.west.engine.delete_phase1(pair.now, bytes(16)) == 0
    assert pair.west.engine.delete_phase1(pair.now, view.initiator_cookie + view.responder_cookie) == 1
    pair.run()
    assert pair.west.one(Phase1Removed).reason is Removal.CLEARED
    assert pair.east.one(Phase1Removed).reason is Removal.DELETED_BY_PEER
    assert not pair.east.engine.phase1s(pair.now)
    assert usable(pair)


def test_clearing_in_the_middle_of_a_negotiation() -> None:
    for steps in range(9):
        pair = Pair()
        pair.acquire()
        pair.collect()
        for _ in range(steps):
            pair.step(SECOND)
            pair.collect()
        for end in pair.ends:
            end.engine.delete_phase1(pair.now)
            end.engine.delete_tunnel_sas(end.tunnel.id, pair.now)
        pair.run(120 * SECOND)
        assert not pair.west.engine.phase1s(pair.now)
        assert not [view for view in pair.east.engine.phase1s(pair.now) if view.established]
        pair.acquire()
        pair.run(5 * SECOND)
        assert keys_match(pair)


def test_changed_tunnel_loses_its_sas_and_an_unchanged_one_keeps_them() -> None:
    pair = Pair()
    other = TunnelParameters(2, "w", "to_east", (p2(),), WEST_LAN, WEST_LAN)
    mirror = TunnelParameters(8, "w", "to_west", (p2(),), WEST_LAN, WEST_LAN)
    gateways = {"to_east": pair.west.gateway}
    pair.west.engine.configure(gateways, {1: pair.west.tunnel, 2: other}, 0)
    pair.east.engine.configure({"to_west": pair.east.gateway}, {7: pair.east.tunnel, 8: mirror}, 0)
    for tunnel_id in (1, 2):
        pair.west.engine.acquire(tunnel_id, 0)
    pair.run()
    changed = replace(other, proposals=(p2(lifetime=60),))
    pair.west.engine.configure(gateways, {1: pair.west.tunnel, 2: changed}, pair.now)
    pair.run()
    removed = pair.west.one(SaRemoved)
    assert (removed.tunnel_id, removed.reason) == (2, Removal.CONFIGURATION)
    assert pair.east.one(SaRemoved).tunnel_id == 8
    assert len(pair.west.engine.phase1s(pair.now)) == 1


def test_changed_gateway_loses_everything_and_tells_the_peer() -> None:
    pair = Pair().establish()
    pair.change(pair.west, preshared_key=b"new")
    pair.run()
    assert pair.west.one(SaRemoved).reason is pair.west.one(Phase1Removed).reason is Removal.CONFIGURATION
    assert pair.east.one(SaRemoved).reason is pair.east.one(Phase1Removed).reason is Removal.DELETED_BY_PEER


def test_removed_gateway_in_the_middle_of_a_negotiation() -> None:
    for steps in range(10):
        pair = Pair()
        pair.acquire()
        pair.collect()
        for _ in range(steps):
            pair.step(SECOND)
            pair.collect()
        pair.west.engine.configure({}, {}, pair.now)
        pair.run(200 * SECOND)
        assert not pair.west.engine.phase1s(pair.now)
        assert not pair.west.installed
        assert pair.west.engine.next_deadline() is None


def test_same_configuration_again_changes_nothing() -> None:
    pair = Pair().establish()
    for end in pair.ends:
        end.configure(pair.now)
    pair.run()
    assert not pair.west.of(SaRemoved)
    assert usable(pair)


def test_bad_spi_is_told_under_protection_and_obeyed() -> None:
    """B158: the peer stops to use the SA that is unknown here, and traffic negotiates a new one."""
    pair = Pair().establish()
    lost = pair.east.one(Phase2Completed).inbound.spi
    pair.east.engine.report_bad_spi(EAST, WEST, 50, lost, pair.now)
    pair.run()
    assert pair.east.one(BadSpiNotified).spi == lost
    assert "IKE 1.1.1.1: Responded to a packet with a bad SPI after rebooting." in texts(pair.east)
    removed = pair.west.one(SaRemoved)
    assert (removed.outbound_spi, removed.reason) == (lost, Removal.UNKNOWN_TO_PEER)
    assert texts(pair.west)[-2:] == [
        "IKE 2.2.2.2: Received a bad SPI.",
        "IKE 2.2.2.2: Removed Phase 2 SAs after receiving a notification message.",
    ]
    pair.acquire()
    pair.run()
    assert keys_match(pair)


def test_bad_spi_without_phase1_is_told_in_the_clear_and_only_logged() -> None:
    pair = Pair().establish()
    spi = pair.east.one(Phase2Completed).inbound.spi
    for end in pair.ends:
        end.engine.delete_phase1(pair.now)
    pair.run()
    pair.east.engine.report_bad_spi(EAST, WEST, 50, spi, pair.now)
    pair.run()
    notified = pair.west.one(NotifyReceived)
    assert (notified.type, notified.protected) == (NotifyType.INVALID_SPI, False)
    assert not pair.west.of(SaRemoved)


@pytest.mark.parametrize("rate", [0, 1, 3, 10])
def test_rate_of_bad_spi_notifications(rate: int) -> None:
    """`set ike respond-bad-spi`: so many a second, for each gateway."""
    pair = Pair(settings=EngineSettings(respond_bad_spi=rate)).establish()
    for second in range(3):
        for n in range(20):
            now = pair.now + second * SECOND + n * MILLISECOND
            pair.east.engine.report_bad_spi(EAST, WEST, 50, 0x1000 + n, now)
    pair.run(5 * SECOND)
    assert len(pair.east.of(BadSpiNotified)) == 3 * rate
    pair.east.engine.report_bad_spi(EAST, 0x09090909, 50, 0x1000, pair.now)
    pair.collect()
    assert len(pair.east.of(BadSpiNotified)) == 3 * rate


def test_initial_contact_clears_what_the_peer_no_longer_knows() -> None:
    """East restarts; its first Phase 1 SA removes the leftovers at west."""
    pair = Pair().establish()
    restarted = Pair(seed=4)
    pair.east.engine = restarted.east.engine
    pair.change(pair.east, initial_contact=True)
    pair.acquire(pair.east)
    pair.run()
    assert pair.east.one(InitialContactSent)
    received = pair.west.one(InitialContactReceived)
    assert (received.phase1s, received.phase2s) == (1, 1)
    assert pair.west.one(SaRemoved).reason is pair.west.one(Phase1Removed).reason is Removal.INITIAL_CONTACT
    assert "IKE 2.2.2.2: Received initial contact notification and removed Phase 2 SAs." in texts(pair.west)
    assert len(pair.west.engine.phase1s(pair.now)) == 1
    assert keys_match(pair)
    pair.east.engine.delete_phase1(pair.now)
    pair.run()
    pair.east.engine.rekey(7, pair.now)
    pair.run()
    assert len(pair.east.of(InitialContactSent)) == 1


def test_quick_mode_in_progress_when_phase1_goes() -> None:
    pair = Pair().establish()
    pair.filter = lambda n, datagram: () if n == 9 else (datagram,)
    pair.west.engine.rekey(1, pair.now)
    pair.run(100 * MILLISECOND)
    pair.east.engine.delete_phase1(pair.now)
    pair.run()
    assert pair.west.one(Phase2Failed).reason is Failure.PHASE1_LOST
    pair.west.engine.rekey(1, pair.now)
    pair.run()
    assert keys_match(pair)


def test_lost_deletes_do_no_harm() -> None:
    """Deletes are not repeated (RFC 2408 §3.15): the other end keeps its SA until its own time."""
    pair = Pair(p2s=(p2(lifetime=600),)).establish()

    def lose(_n: int, datagram: Datagram) -> Sequence[Datagram]:
        return () if datagram.data[18] == 5 else (datagram,)

    pair.filter = lose
    pair.west.engine.delete_tunnel_sas(1, pair.now)
    pair.run()
    assert not pair.west.installed
    assert len(pair.east.installed) == 1
    pair.acquire()
    pair.run()
    assert usable(pair)
    pair.run(650 * SECOND)
    assert usable(pair)


def test_timers_that_come_late_are_no_trouble() -> None:
    """A device that wakes long after the deadline does each thing once."""
    pair = Pair(p2s=(p2(lifetime=600),)).establish()
    pair.now += 4000 * SECOND
    for end in pair.ends:
        end.engine.handle_timer(pair.now)
    pair.run(30 * SECOND)
    assert not pair.west.installed or usable(pair)
    pair.acquire()
    pair.run(5 * SECOND)
    assert usable(pair)
