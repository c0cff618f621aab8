"""Dead peer detection, heartbeats and recovery between two engines; the wire is cut to kill a peer.

west                                 east
  HDR*, HASH, N(R-U-THERE, 17)  -->
                                <--  HDR*, HASH, N(R-U-THERE-ACK, 17)
"""

from __future__ import annotations

import pytest

from nsemu.config.ike import DeadPeerDetection, Heartbeat
from nsemu.ike.engine import IkeEngine
from nsemu.ike.events import HeartbeatsDisabled, PeerDead, Phase1Completed, Phase1Initiated, Removal, SaRemoved, Watch
from nsemu.ike.parameters import NETSCREEN_VENDOR_ID, EngineSettings
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import SECOND
from support.ike import End, Pair, p1, p2, texts, usable

INFORMATIONAL = 5


def watched(west: DeadPeerDetection | Heartbeat, east: DeadPeerDetection | Heartbeat | None = None) -> Pair:
    """A tunnel whose ends watch each other."""
    pair = Pair()
    for end, what in ((pair.west, west), (pair.east, east)):
        if isinstance(what, DeadPeerDetection):
            pair.change(end, dpd=what)
        elif what is not None:
            pair.change(end, heartbeat=what)
    pair.establish()
    pair.seen.clear()
    return pair


def informationals(pair: Pair, address: int) -> int:
    """How many west or east has sent."""
    return sum(item.data[18] == INFORMATIONAL and item.source.address == address for item in pair.seen)


def cut(pair: Pair) -> None:
    pair.filter = lambda _number, _datagram: ()


@pytest.mark.parametrize("interval", [5, 30])
def test_an_idle_peer_is_asked_each_interval_and_answers(interval: int) -> None:
    """B356: the peer need not have DPD itself."""
    pair = watched(DeadPeerDetection(interval))
    pair.run(interval * 10 * SECOND)
    assert informationals(pair, pair.west.address) in (9, 10)
    assert informationals(pair, pair.east.address) == informationals(pair, pair.west.address)
    assert pair.west.of(PeerDead) == []


@pytest.mark.parametrize(("retry", "interval"), [(5, 5), (1, 10), (3, 20)])
def test_a_silent_peer_is_dead_after_the_retries(retry: int, interval: int) -> None:
    """B357: a request each interval, and all its SAs go."""
    pair = watched(DeadPeerDetection(interval, retry))
    cut(pair)
    pair.run((retry + 1) * interval * SECOND - 3 * SECOND // 2)
    assert pair.west.of(PeerDead) == []
    pair.run(SECOND)
    dead = pair.west.one(PeerDead)
    assert (dead.by, dead.missed) == (Watch.DPD, retry)
    assert informationals(pair, pair.west.address) == retry
    assert pair.west.installed == {}
    assert {event.reason for event in pair.west.of(SaRemoved)} == {Removal.PEER_DEAD}
    assert pair.west.engine.phase1s(pair.now) == []
    assert len({item.data[20:24] for item in pair.seen}) == retry  # each under a message ID of its own


def test_traffic_starts_a_new_interval() -> None:
    """B356, B358: with always-send requests go out all the same."""
    for always, expected in ((False, 0), (True, 6)):
        pair = watched(DeadPeerDetection(10, always_send=always))
        pair.west.engine.traffic = lambda _tunnel, pair=pair: pair.now - SECOND  # type: ignore[misc]
        pair.run(65 * SECOND)
        assert informationals(pair, pair.west.address) == expected


def test_traffic_brings_a_peer_back_that_missed_requests() -> None:
    pair = watched(DeadPeerDetection(10, 3))
    cut(pair)
    pair.run(35 * SECOND)
    seen = pair.now
    pair.west.engine.traffic = lambda _tunnel: seen
    pair.run(20 * SECOND)
    assert pair.west.of(PeerDead) == []
    pair.run(60 * SECOND)
    assert pair.west.one(PeerDead).missed == 3


def test_an_interval_of_zero_asks_nobody() -> None:
    """B358, E129."""
    pair = watched(DeadPeerDetection(0, 1, always_send=True))
    cut(pair)
    pair.run(3000 * SECOND)
    assert pair.seen == []


def test_a_peer_that_does_not_announce_dpd_is_not_asked() -> None:
    """RFC 3706 §5.1."""
    pair = Pair()
    pair.east.engine.settings = EngineSettings(vendor_ids=(NETSCREEN_VENDOR_ID,))
    pair.change(pair.west, dpd=DeadPeerDetection(5))
    pair.establish()
    pair.seen.clear()
    pair.run(100 * SECOND)
    assert informationals(pair, pair.west.address) == 0


def test_heartbeats_flow_both_ways_until_the_peer_is_lost() -> None:
    """B353: both sides clear their SAs."""
    pair = watched(Heartbeat(3, 5), Heartbeat(4, 2))
    pair.run(60 * SECOND)
    assert informationals(pair, pair.west.address) in (19, 20)
    assert informationals(pair, pair.east.address) in (14, 15)
    cut(pair)
    pair.run(30 * SECOND)
    for end, lost in ((pair.west, 5), (pair.east, 2)):
        assert end.one(PeerDead).by is Watch.HEARTBEAT
        assert any(text.endswith(f"Heartbeats have been lost {lost} times.") for text in texts(end))
        assert end.installed == {}


def test_heartbeats_of_one_side_are_disabled() -> None:
    """B354: the message as the book prints it; the tunnel stays."""
    pair = watched(Heartbeat(3, 5))
    pair.run(60 * SECOND)
    pair.west.one(HeartbeatsDisabled)
    assert "IKE 2.2.2.2: Heartbeats have been disabled because the peer is not sending them." in texts(pair.west)
    assert informationals(pair, pair.west.address) <= 5
    assert pair.west.of(PeerDead) == []
    assert pair.west.installed


@pytest.mark.parametrize("interval", [60, 300])
def test_recovery_tries_phase_1_until_it_succeeds(interval: int) -> None:
    """B359."""
    pair = watched(Heartbeat(3, 5, interval), Heartbeat(3, 5))
    pair.run(10 * SECOND)
    cut(pair)
    pair.run(20 * SECOND)
    pair.west.one(PeerDead)
    pair.run((3 * interval + 30) * SECOND)
    assert len(pair.west.of(Phase1Initiated)) == 1 + 3
    pair.filter = None
    pair.run((interval + 10) * SECOND)
    assert len(pair.west.of(Phase1Completed)) == 2
    attempts = len(pair.west.of(Phase1Initiated))
    pair.run(5 * interval * SECOND)
    assert len(pair.west.of(Phase1Initiated)) == attempts


def test_nothing_is_tried_without_a_reconnect_interval() -> None:
    pair = watched(Heartbeat(3, 5), Heartbeat(3, 5))
    pair.run(10 * SECOND)
    cut(pair)
    pair.run(1000 * SECOND)
    assert len(pair.west.of(Phase1Initiated)) == 1


def test_a_replayed_or_forged_answer_does_not_count() -> None:
    """Yesterday's answers come again and again, but the peer is dead."""
    pair = watched(DeadPeerDetection(5, 2))
    pair.run(12 * SECOND)
    answers = [item for item in pair.seen if item.source.address == pair.east.address]
    assert answers
    cut(pair)
    for _ in range(8):
        pair.run(2 * SECOND)
        for item in answers:
            pair.deliver(item)
    pair.collect()
    pair.west.one(PeerDead)


# --- when the Phase 1 SA ends before the tunnels


def short_phase1(watch: DeadPeerDetection | Heartbeat) -> Pair:
    """Phase 1 lasts five minutes, Phase 2 an hour; both ends watch."""
    pair = Pair(p1s=(p1(lifetime=300),), p2s=(p2(lifetime=3600),))
    for end in pair.ends:
        pair.change(end, **{"dpd" if isinstance(watch, DeadPeerDetection) else "heartbeat": watch})
    return pair.establish()


@pytest.mark.parametrize("watch", [DeadPeerDetection(10, 3), Heartbeat(10, 3)], ids=["dpd", "heartbeat"])
def test_the_watch_outlives_phase_1(watch: DeadPeerDetection | Heartbeat) -> None:
    """RFC 3706 §5.5: while tunnels live, a Phase 1 SA is made for the next question; the tunnels are not touched."""
    pair = short_phase1(watch)
    pair.run(1800 * SECOND)
    for end in pair.ends:
        assert not end.of(PeerDead)
        assert not end.of(SaRemoved)
        assert len(end.installed) == 1
    assert 5 <= len(pair.west.of(Phase1Completed)) <= 20
    cut(pair)
    pair.run(60 * SECOND)
    for end in pair.ends:
        assert end.one(PeerDead).missed == 3
        assert end.installed == {}


@pytest.mark.parametrize("watch", [DeadPeerDetection(10, 3), Heartbeat(10, 3)], ids=["dpd", "heartbeat"])
def test_a_peer_that_died_after_phase_1_is_found_out(watch: DeadPeerDetection | Heartbeat) -> None:
    """The attempts to make Phase 1 count as questions."""
    pair = short_phase1(watch)
    pair.run(300 * SECOND - pair.now + 3 * SECOND)
    cut(pair)
    pair.run(60 * SECOND)
    assert pair.west.one(PeerDead).missed == 3
    assert pair.west.installed == {}
    pair.filter = None
    pair.acquire()
    pair.run(20 * SECOND)
    assert len(pair.west.installed) == 1


def test_without_tunnels_nothing_is_watched() -> None:
    """Once the last tunnel has gone with its Phase 1, no timer makes another."""
    pair = short_phase1(DeadPeerDetection(10, 3))
    for end in pair.ends:
        end.engine.delete_tunnel_sas(end.tunnel.id, pair.now)
    pair.run(4000 * SECOND)
    assert len(pair.west.of(Phase1Completed)) == len(pair.east.of(Phase1Completed)) == 1


@pytest.mark.parametrize("restarts", ["west", "east", "both", "east, then west", "west, then east"])
@pytest.mark.parametrize("watch", [DeadPeerDetection(5, 3), Heartbeat(5, 3)], ids=["dpd", "heartbeat"])
def test_restarted_peers_find_each_other(watch: DeadPeerDetection | Heartbeat, restarts: str) -> None:
    """An engine without memory: the other finds the peer dead, or learns of its new Phase 1; traffic gets through."""
    pair = Pair()
    for end in pair.ends:
        pair.change(
            end, initial_contact=True, **{"dpd" if isinstance(watch, DeadPeerDetection) else "heartbeat": watch}
        )
    pair.establish()
    pair.run(12 * SECOND)
    for number, names in enumerate(restarts.split(", then ")):
        for name, end in zip(("west", "east"), pair.ends, strict=True):
            if names in (name, "both"):
                restart(end, number)
        pair.run(7 * SECOND)
    pair.run(60 * SECOND)
    for starter in pair.ends:
        if not starter.installed:
            pair.acquire(starter)
            pair.run(30 * SECOND)
    assert usable(pair)
    pair.run(120 * SECOND)
    assert usable(pair)


def restart(end: End, number: int) -> None:
    """Power off and on."""
    used = end.engine.used
    end.engine = IkeEngine(Entropy(100 + number).stream(f"{end.address}/ike"), end.engine.settings)
    end.engine.used = used
    end.installed.clear()
    end.ready.clear()
    end.configure(0)


def test_the_beats_of_all_gateways_are_those_of_one() -> None:
    """A quick check of what the engine is told: `threshold` intervals without a beat, and the peer is dead (B353)."""
    pair = watched(Heartbeat(4, 2), Heartbeat(4, 2))
    pair.run(20 * SECOND)
    cut(pair)
    pair.run(13 * SECOND)
    assert pair.west.one(PeerDead).missed == pair.east.one(PeerDead).missed == 2
