"""Peers tell each other the addresses of their tunnel interfaces in quick mode (B335).

west                                                     east
HDR*, HASH(1), SA, Ni, IDci, IDcr, N(NHTB_INFORM)   -->
                               <--  HDR*, HASH(2), SA, Nr, IDci, IDcr, N(NHTB_INFORM)
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from nsemu.config.ike import Heartbeat
from nsemu.ike.events import NotifyReceived, Phase2Completed, TunnelAddressLearned
from nsemu.ike.parameters import DPD_VENDOR_ID
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import parse_ipv4
from nsemu.wire.isakmp_payloads import NotifyType
from support.ike import Pair, keys_match, p2, texts

WEST_HOP, EAST_HOP = parse_ipv4("10.0.0.1"), parse_ipv4("10.0.0.2")


def numbered(west: int = WEST_HOP, east: int = EAST_HOP) -> Pair:
    pair = Pair(p2s=(p2(lifetime=600),))
    pair.change(pair.west, hop=west, renewed=True)
    pair.change(pair.east, hop=east, renewed=True)
    return pair


@pytest.mark.parametrize("starter", [0, 1])
def test_both_ends_learn(starter: int) -> None:
    pair = numbered()
    pair.acquire(pair.ends[starter])
    pair.run()
    assert keys_match(pair)
    assert pair.west.one(TunnelAddressLearned).address == EAST_HOP
    assert pair.east.one(TunnelAddressLearned).address == WEST_HOP
    assert pair.west.one(TunnelAddressLearned).tunnel_id == pair.west.one(Phase2Completed).tunnel_id
    assert pair.west.one(NotifyReceived).type == NotifyType.NHTB_INFORM
    assert any("DOI 1 40001 NHTB-INFORM" in text for text in texts(pair.west))


def test_each_rekey_tells_again() -> None:
    pair = numbered().establish()
    pair.change(pair.east, hop=parse_ipv4("10.0.0.9"))
    pair.run()
    pair.acquire()
    pair.run(1300 * SECOND)
    assert len(pair.west.of(TunnelAddressLearned)) == 4
    assert pair.west.of(TunnelAddressLearned)[-1].address == parse_ipv4("10.0.0.9")


@pytest.mark.parametrize("lazy", ["west", "east"])
@pytest.mark.parametrize("kept", ["renewed", "reconnect"])
def test_both_ends_must_keep_the_tunnel_up(lazy: str, kept: str) -> None:
    """B336: `monitor rekey` or `heartbeat reconnect` at both."""
    pair = numbered()
    for end, name in zip(pair.ends, ("west", "east"), strict=True):
        beats = Heartbeat(10, 5, 60 if kept == "reconnect" and name != lazy else 0)
        pair.change(end, renewed=kept == "renewed" and name != lazy, heartbeat=beats)
    pair.establish()
    assert not pair.west.of(TunnelAddressLearned)
    assert not pair.east.of(TunnelAddressLearned)
    for end in pair.ends:
        pair.change(end, renewed=kept == "renewed", heartbeat=Heartbeat(10, 5, 60 * (kept == "reconnect")))
    pair.run()
    pair.acquire()
    pair.west.engine.rekey(1, pair.now)
    pair.run()
    assert pair.west.one(TunnelAddressLearned)
    assert pair.east.one(TunnelAddressLearned)


def test_an_unnumbered_end_says_nothing() -> None:
    pair = numbered(east=0).establish()
    assert pair.east.one(TunnelAddressLearned)
    assert not pair.west.of(TunnelAddressLearned)


@pytest.mark.parametrize("stranger", ["west", "east"])
def test_a_stranger_is_told_nothing(stranger: str) -> None:
    """B336: a peer that is not of this kind gets the plain quick mode of RFC 2409, octet for octet as long."""
    lengths = []
    for hop in (0, WEST_HOP):
        pair = numbered(hop, hop)
        end = pair.west if stranger == "west" else pair.east
        end.engine.settings = replace(end.engine.settings, vendor_ids=(DPD_VENDOR_ID,))
        pair.change(end, hop=0)
        pair.establish()
        assert keys_match(pair)
        assert not end.of(TunnelAddressLearned)
        lengths.append([len(item.data) for item in pair.seen])
    assert lengths[0] == lengths[1]


@pytest.mark.parametrize("address", ["0.0.0.7", "224.0.0.5", "255.255.255.255"])
def test_what_is_no_host_is_passed_over(address: str) -> None:
    pair = numbered(west=parse_ipv4(address)).establish()
    assert keys_match(pair)
    assert not pair.east.of(TunnelAddressLearned)
