"""What `set ike …` changes for all peers: identities, proposals, floods, unknown IDs (screenos-cli §6.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nsemu.config.algorithms import DhGroup, Encryption, ExchangeMode, Integrity, IpsecProtocol
from nsemu.config.ike import Identity, IdentityType, Phase1Proposal, Phase2Proposal
from nsemu.ike.events import (
    PacketRejected,
    Phase1Completed,
    Phase1Failed,
    Phase1Refused,
    Phase2Completed,
    Phase2Failed,
    ProxyIdIgnored,
    Refusal,
)
from nsemu.ike.parameters import Datagram, Endpoint, EngineSettings
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import Prefix
from support.ike import EAST, WEST, End, Pair, keys_match, p1, p2, texts


def tell(end: End, **changes: object) -> None:
    """Change the engine's settings at one end."""
    end.engine.settings = replace(end.engine.settings, **changes)  # type: ignore[arg-type]


# --- accept-all-proposal


@pytest.mark.parametrize(
    ("theirs1", "theirs2"),
    [
        (p1(Encryption.DES, Integrity.MD5, DhGroup.GROUP1), p2(Encryption.DES, Integrity.MD5, DhGroup.GROUP1)),
        (p1(Encryption.AES256, Integrity.SHA1, DhGroup.GROUP5), p2(Encryption.AES192, Integrity.SHA1, DhGroup.GROUP5)),
        (p1(Encryption.AES128, Integrity.SHA2_256, DhGroup.GROUP14), p2(Encryption.NULL, Integrity.SHA1)),
        (p1(Encryption.AES192), p2(Encryption.NULL, Integrity.SHA1, protocol=IpsecProtocol.AH)),
        (p1(lifetime=600), p2(Encryption.AES128, Integrity.NULL, lifetime=240, lifesize=500)),
    ],
)
@pytest.mark.parametrize("mode", list(ExchangeMode))
def test_any_proposal_is_accepted(theirs1: Phase1Proposal, theirs2: Phase2Proposal, mode: ExchangeMode) -> None:
    """`set ike accept-all-proposal`: as responder, with the initiator's lifetimes; as initiator nothing changes."""
    ours1, ours2 = p1(Encryption.DES, Integrity.SHA1, DhGroup.GROUP2), p2(Encryption.DES, Integrity.NULL)
    for accept in (False, True):
        pair = Pair(p1s=(theirs1,), p2s=(theirs2,), east_p1s=(ours1,), east_p2s=(ours2,), mode=mode)
        tell(pair.east, accept_all_proposals=accept)
        pair.establish()
        assert bool(pair.east.of(Phase2Completed)) is accept
    assert keys_match(pair)
    made = pair.east.one(Phase2Completed)
    assert (made.lifetime, made.lifesize) == (theirs2.lifetime, theirs2.lifesize)
    assert made.proposal.protocol is theirs2.protocol
    assert pair.east.one(Phase1Completed).lifetime == theirs1.lifetime


def test_what_nobody_can_do_is_refused_all_the_same() -> None:
    """Neither encrypted nor authenticated is no SA (RFC 4303 §3.2)."""
    nothing = p2(Encryption.NULL, Integrity.NULL)
    pair = Pair(p2s=(nothing,), east_p2s=(p2(),))
    tell(pair.east, accept_all_proposals=True)
    pair.establish()
    assert pair.east.one(Phase2Failed).refusal is Refusal.NO_PROPOSAL


# --- id-mode and policy-checking


def test_id_mode_ip_names_the_gateways() -> None:
    """Quick mode has no ID payloads then; the other end must not look for a policy (E.g. Check Point 4.0)."""
    pair = Pair()
    tell(pair.west, send_proxy_ids=False, check_proxy_ids=False)
    pair.establish()
    assert pair.east.one(Phase2Failed).refusal is Refusal.PROXY_ID
    tell(pair.east, check_proxy_ids=False)
    pair.acquire()
    pair.run()
    assert keys_match(pair)
    assert pair.east.one(ProxyIdIgnored)
    assert any("did not check a policy because id-mode is set to IP" in text for text in texts(pair.east))


def test_id_mode_ip_needs_no_exception_between_the_gateways_themselves() -> None:
    """A proxy ID of the two gateways is what a quick mode without IDs means (RFC 2409 §5.5)."""
    pair = Pair()
    for end, peer in ((pair.west, EAST), (pair.east, WEST)):
        end.tunnel = replace(end.tunnel, local=Prefix(end.address, 32), remote=Prefix(peer, 32))
        end.configure(pair.now)
    tell(pair.west, send_proxy_ids=False)
    pair.establish()
    assert keys_match(pair)
    assert not pair.east.of(ProxyIdIgnored)


@pytest.mark.parametrize("network", ["10.9.9.0/24", "0.0.0.0/0", "10.2.2.128/25"])
def test_without_policy_checking_any_proxy_id_will_do(network: str) -> None:
    """`unset ike policy-checking`."""
    for checked in (True, False):
        pair = Pair()
        pair.change(pair.west, remote=Prefix.parse(network))
        tell(pair.east, check_proxy_ids=checked)
        pair.establish()
        assert bool(pair.west.of(Phase2Completed)) is not checked
        assert bool(pair.east.of(ProxyIdIgnored)) is not checked


# --- ikeid-enumeration


def dynamic_pair(known: str, sent: str, key: bytes = b"k") -> Pair:
    """East waits for a peer that is known by its ID; west calls with one."""
    pair = Pair(mode=ExchangeMode.AGGRESSIVE, keys=(b"k", key))
    pair.change(pair.east, peer=None, peer_identity=Identity(IdentityType.U_FQDN, known))
    pair.change(pair.west, local_identity=Identity(IdentityType.U_FQDN, sent))
    return pair


def shapes(pair: Pair) -> list[tuple[int, int, list[int]]]:
    """What east sends as an onlooker sees it: exchange, length, flags."""
    return [(item.data[18], len(item.data), [item.data[19]]) for item in pair.seen if item.source.address == EAST]


def test_a_wrong_identity_looks_like_a_wrong_key() -> None:
    """`set ike ikeid-enumeration`: from outside nobody can tell which IKE IDs there are."""
    guesses = dynamic_pair("pmason@abc.com", "nobody@abc.com"), dynamic_pair("pmason@abc.com", "pmason@abc.com", b"x")
    for pair in guesses:
        tell(pair.east, hide_identities=True)
        pair.acquire()
        pair.run(3 * SECOND)
    # Only the identity itself, which the sender knows, has another length.
    assert shapes(guesses[0]) == shapes(guesses[1])
    assert shapes(guesses[0])
    for pair in guesses:
        assert not pair.west.of(Phase1Completed)
        assert {event.refusal for event in pair.west.of(Phase1Refused)} == {Refusal.AUTHENTICATION}


def test_without_it_a_wrong_identity_gets_no_answer() -> None:
    pair = dynamic_pair("pmason@abc.com", "nobody@abc.com")
    pair.acquire()
    pair.run(3 * SECOND)
    assert shapes(pair) == []
    assert pair.east.of(PacketRejected)


def test_the_right_identity_still_gets_in() -> None:
    pair = dynamic_pair("pmason@abc.com", "pmason@abc.com")
    tell(pair.east, hide_identities=True)
    pair.establish()
    assert keys_match(pair)


def test_decoys_leave_nothing_behind() -> None:
    """They are half-open negotiations like others: bounded, and gone after the time limit."""
    pair = dynamic_pair("pmason@abc.com", "nobody@abc.com")
    tell(pair.east, hide_identities=True, half_open_limit=4)
    for number in range(40):
        pair.west.engine.delete_phase1(pair.now)
        pair.acquire()
        pair.run(SECOND // 10)
        assert len(pair.east.engine.phase1s(pair.now)) <= 4, number
    pair.filter = lambda _number, _datagram: ()
    pair.run(200 * SECOND)
    assert pair.east.engine.phase1s(pair.now) == []
    assert not pair.east.of(Phase1Completed)
    assert pair.east.of(Phase1Failed)


# --- dos-protection


def first_message() -> bytes:
    """An initiator's first message, to be sent under many cookies."""
    pair = Pair()
    pair.acquire()
    pair.collect()
    return pair.seen[0].data


@pytest.mark.parametrize("most", [1, 8])
def test_one_address_cannot_fill_the_table(most: int) -> None:
    """`set ike dos-protection`: what one address may begin is bounded, whatever the cookies."""
    pair, message = Pair(settings=EngineSettings(half_open_of_one=most)), first_message()
    for number in range(1, 60):
        data = number.to_bytes(8, "big") + message[8:]
        pair.deliver(Datagram(data, Endpoint(WEST, 500), Endpoint(EAST, 500)))
    pair.collect()
    assert len(pair.east.engine.phase1s(pair.now)) == most
    refused = pair.east.of(PacketRejected)
    assert {event.refusal for event in refused} == {Refusal.HALF_OPEN_LIMIT}
    assert len(refused) == 59 - most
    pair.run(120 * SECOND)
    pair.establish()
    assert keys_match(pair)


# --- initial contact, ToS


@pytest.mark.parametrize("tos", [0, 0xB8])
def test_packets_carry_the_tos_of_the_gateway(tos: int) -> None:
    """`set ike gateway NAME tos`."""
    pair = Pair()
    pair.change(pair.west, tos=tos)
    pair.establish()
    assert {item.tos for item in pair.seen if item.source.address == WEST} == {tos}
    assert {item.tos for item in pair.seen if item.source.address == EAST} == {0}
