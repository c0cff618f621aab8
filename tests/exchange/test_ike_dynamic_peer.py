"""Peers without a fixed address: found by the IKE ID in the first message of Aggressive mode.

west (any address)                    east (2.2.2.2)
  1  HDR, SA, KE, Ni, IDii      -->   the ID says which gateway, and so which key
                                <--  2  HDR, SA, KE, Nr, IDir, HASH_R
  3  HDR*, HASH_I               -->   from here on east knows an address
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from nsemu.config.algorithms import ExchangeMode
from nsemu.config.ike import Identity
from nsemu.ike.events import (
    PacketRejected,
    Phase1Completed,
    Phase1Initiated,
    Phase1Refused,
    Phase1Removed,
    Phase2Completed,
    Refusal,
    Removal,
    SaRemoved,
)
from nsemu.ike.parameters import GatewayParameters, TunnelParameters
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import Prefix, parse_ipv4
from support.ike import EAST, EAST_LAN, KEY, WEST_LAN, Pair, keys_match, p1, p2, texts, usable

MAIL = Identity.infer("pmason@abc.com")
NAMES = ["pmason@abc.com", "tokyo.example.com", "x"]


def dynamic_pair(identity: str = "pmason@abc.com", expected: str | None = None, **options: object) -> Pair:
    """West has an ID and calls; east knows it by that ID alone."""
    pair = Pair(mode=ExchangeMode.AGGRESSIVE, **options)  # type: ignore[arg-type]
    pair.change(pair.west, local_identity=Identity.infer(identity))
    pair.change(pair.east, peer=None, peer_identity=Identity.infer(expected or identity))
    return pair


def move(pair: Pair, address: str) -> None:
    """West gets another address: its device configures the engine anew; what it says of its old SAs gets lost."""
    pair.west.address = parse_ipv4(address)
    pair.filter = lambda _number, _datagram: ()
    pair.change(pair.west, local=pair.west.address)
    pair.collect()
    pair.filter = None


@pytest.mark.parametrize("name", NAMES)
def test_the_peer_is_found_by_its_identity(name: str) -> None:
    """B045, B178, B199."""
    pair = dynamic_pair(name).establish()
    assert keys_match(pair)
    assert pair.east.one(Phase1Completed).peer == pair.west.address


def test_only_the_dynamic_peer_can_begin_and_then_either_side_can_renew() -> None:
    """B192."""
    pair = dynamic_pair()
    pair.acquire(pair.east)
    pair.run(60 * SECOND)
    assert pair.seen == []
    pair.acquire(pair.west)
    pair.run(SECOND)
    pair.east.engine.rekey(pair.east.tunnel.id, pair.now)
    pair.run(SECOND)
    assert len(pair.east.of(Phase2Completed)) == 2
    assert pair.east.of(Phase1Initiated) == []
    assert keys_match(pair)


@pytest.mark.parametrize("identity", ["other@abc.com", "pmason@abc.comm", "pmason.abc.com", "1.1.1.1"])
def test_another_identity_finds_no_gateway(identity: str) -> None:
    """04-03: with another ID Phase 1 fails. The type counts as well as the text."""
    pair = dynamic_pair(identity, "pmason@abc.com")
    pair.acquire()
    pair.run(120 * SECOND)
    assert {event.refusal for event in pair.east.of(PacketRejected)} == {Refusal.UNRECOGNIZED_PEER}
    assert any(
        "an initial Phase 1 packet arrived from an unrecognized peer gateway" in text for text in texts(pair.east)
    )
    assert pair.east.of(Phase1Completed) == []


def test_main_mode_cannot_tell_dynamic_peers_apart() -> None:
    """B132: the key is needed before the identity comes."""
    pair = dynamic_pair()
    pair.change(pair.west, mode=ExchangeMode.MAIN)
    pair.acquire()
    pair.run(120 * SECOND)
    assert {event.refusal for event in pair.east.of(PacketRejected)} == {Refusal.DYNAMIC_PEER}
    assert (
        "IKE 1.1.1.1 Phase 1: Cannot use a preshared key because the peer's gateway has a dynamic IP address and "
        "negotiations are in Main mode."
    ) in texts(pair.east)


def test_several_gateways_with_keys_of_their_own_at_one_address() -> None:
    """Dynamic peers differ by ID; a static gateway beside them is found by address, if its ID is right."""
    pair = dynamic_pair()
    base = pair.east.gateway
    tunnel = pair.east.tunnel
    others = {
        "one": replace(base, name="one", peer_identity=Identity.infer("one@abc.com"), preshared_key=b"first"),
        "static": replace(base, name="static", peer=pair.west.address, peer_identity=None, preshared_key=b"second"),
        base.name: base,
    }
    tunnels = {tunnel.id: tunnel, 8: replace(tunnel, id=8, gateway="one"), 9: replace(tunnel, id=9, gateway="static")}
    pair.east.engine.configure(others, tunnels, pair.now)
    for identity, key, name in (
        (MAIL, KEY, base.name),
        (Identity.infer("one@abc.com"), b"first", "one"),
        (None, b"second", "static"),
    ):
        pair.change(pair.west, local_identity=identity, preshared_key=key)
        pair.acquire()
        pair.run(SECOND)
        assert pair.east.of(Phase2Completed)[-1].gateway == name
    assert [event.gateway for event in pair.east.of(Phase1Completed)] == [base.name, "one", "static"]


def test_a_wrong_key_is_found_out_although_the_identity_is_right() -> None:
    pair = dynamic_pair(keys=(b"one", b"another"))
    pair.acquire()
    pair.run(60 * SECOND)
    assert {event.refusal for event in pair.west.of(Phase1Refused)} == {Refusal.AUTHENTICATION}
    assert pair.east.of(Phase1Completed) == []


def test_the_responder_learns_another_address() -> None:
    """The old SAs lead nowhere: they go, and the new address is used."""
    pair = dynamic_pair().establish()
    old = pair.east.one(Phase2Completed)
    move(pair, "9.8.7.6")
    pair.run(SECOND)
    pair.acquire()
    pair.run(SECOND)
    assert keys_match(pair)
    assert usable(pair)
    assert [event.peer for event in pair.east.of(Phase1Completed)] == [old.peer, pair.west.address]
    assert pair.east.of(Phase2Completed)[-1].remote.address == pair.west.address
    assert old.inbound.spi not in pair.east.ready
    assert Removal.PEER_MOVED in {event.reason for event in pair.east.of(Phase1Removed)}
    assert Removal.PEER_MOVED in {event.reason for event in pair.east.of(SaRemoved)}


def test_bad_spi_of_a_dynamic_peer_is_answered_once_it_is_known() -> None:
    pair = dynamic_pair()
    assert pair.east.engine.report_bad_spi(EAST, pair.west.address, 50, 0x1234, pair.now)
    pair.establish()
    before = len(pair.seen)
    assert pair.east.engine.report_bad_spi(EAST, pair.west.address, 50, 0x1234, pair.now)
    pair.collect()
    assert len(pair.seen) == before + 1


def test_the_quick_mode_behind_the_third_message_is_repeated_early() -> None:
    """A responder that is not done yet may drop it; the usual interval would cost the user two seconds."""
    pair = dynamic_pair()
    pair.filter = lambda n, datagram: () if n == 3 else (datagram,)
    pair.acquire()
    pair.run(SECOND)
    assert keys_match(pair)
    assert pair.west.engine.counters.retransmissions == 1


def test_static_peers_may_have_identities_of_their_own() -> None:
    """B136: `address A id ID` and `local-id` at both ends, in Main mode."""
    pair = Pair()
    pair.change(pair.west, local_identity=Identity.infer("west.example.com"), peer_identity=Identity.infer("e@x.org"))
    pair.change(pair.east, local_identity=Identity.infer("e@x.org"), peer_identity=Identity.infer("west.example.com"))
    assert keys_match(pair.establish())


def test_configuration_refuses_a_tunnel_whose_gateway_is_not_given() -> None:
    pair = Pair()
    gateway = GatewayParameters("g", EAST, None, (p1(),), KEY, ExchangeMode.AGGRESSIVE, None, MAIL)
    tunnel = TunnelParameters(3, "v", "h", (p2(),), EAST_LAN, WEST_LAN)
    with pytest.raises(ValueError, match="tunnel 3 has no gateway 'h'"):
        pair.east.engine.configure({"g": gateway}, {3: tunnel}, 0)
    assert Prefix.parse("10.2.2.0/24") == EAST_LAN
