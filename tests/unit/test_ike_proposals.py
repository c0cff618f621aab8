"""What is offered and what is taken (RFC 2409 Appendix A, RFC 2407 §4.5)."""

from __future__ import annotations

import pytest

from nsemu.config.algorithms import DhGroup, Encryption, ExchangeMode, Integrity, IpsecProtocol
from nsemu.config.ike import Phase1Proposal, Phase2Proposal
from nsemu.ike.errors import PeerError
from nsemu.ike.events import Refusal
from nsemu.ike.proposals import (
    Phase1Key,
    Phase2Key,
    build_lifetime,
    choose_phase1,
    choose_phase2,
    offer_phase1,
    offer_phase2,
    offered_phase1,
    offered_phase2,
    phase1_key,
    phase2_key,
    read_lifetime,
    read_phase1,
    read_phase2,
)
from nsemu.wire.isakmp_payloads import (
    NotifyType,
    Proposal,
    SecurityAssociation,
    build_security_association,
    build_transform,
    parse_security_association,
)
from support.ike import p1, p2

AES, DES, TRIPLE = Encryption.AES128, Encryption.DES, Encryption.TRIPLE_DES
SPI = b"\x12\x34\x56\x78"


def accept1(*proposals: Phase1Proposal) -> dict[Phase1Key, Phase1Proposal]:
    return {phase1_key(proposal): proposal for proposal in proposals}


def accept2(*proposals: Phase2Proposal) -> dict[Phase2Key, Phase2Proposal]:
    return {phase2_key(proposal): proposal for proposal in proposals}


def phase1_offer(*proposals: Phase1Proposal) -> SecurityAssociation:
    return parse_security_association(offer_phase1(proposals))


def phase2_offer(*proposals: Phase2Proposal) -> SecurityAssociation:
    return parse_security_association(SPI.join(offer_phase2(proposals)))


def test_phase1_offer_names_every_proposal_in_order() -> None:
    """B035: up to four in one offer."""
    proposals = (p1(AES), p1(TRIPLE), p1(DES, Integrity.MD5, DhGroup.GROUP1), p1(Encryption.AES256, lifetime=86400))
    (proposal,) = phase1_offer(*proposals).proposals
    assert [read_phase1(transform) for transform in proposal.transforms] == [
        ((7, 128, 2, 1, 2), (28800, 0)),
        ((5, 0, 2, 1, 2), (28800, 0)),
        ((1, 0, 1, 1, 1), (28800, 0)),
        ((7, 256, 2, 1, 2), (86400, 0)),
    ]
    assert [transform.number for transform in proposal.transforms] == [1, 2, 3, 4]


def test_responder_takes_the_first_of_the_initiators_offers_that_it_has() -> None:
    """B034."""
    offer = phase1_offer(p1(DES), p1(TRIPLE), p1(AES))
    choice = choose_phase1(offer, accept1(p1(AES), p1(TRIPLE)))
    assert choice.proposal == p1(TRIPLE)
    answered = parse_security_association(choice.body).proposals[0]
    assert answered.transforms == (offer.proposals[0].transforms[1],)


def test_another_group_is_no_match() -> None:
    """B047."""
    with pytest.raises(PeerError) as caught:
        choose_phase1(phase1_offer(p1(group=DhGroup.GROUP1)), accept1(p1()))
    assert (caught.value.notify, caught.value.refusal) == (NotifyType.NO_PROPOSAL_CHOSEN, Refusal.NO_PROPOSAL)


@pytest.mark.parametrize(
    ("theirs", "ours", "lifetime", "shortened"),
    [(28800, 28800, 28800, False), (600, 28800, 600, False), (28800, 600, 600, True)],
)
def test_the_shorter_phase1_lifetime_holds(theirs: int, ours: int, lifetime: int, shortened: bool) -> None:
    choice = choose_phase1(phase1_offer(p1(lifetime=theirs)), accept1(p1(lifetime=ours)))
    assert (choice.lifetime, choice.shortened) == (lifetime, shortened)


@pytest.mark.parametrize(
    "attributes",
    [
        [(1, 5), (2, 2), (3, 1), (4, 2), (13, 1)],
        [(1, 5), (1, 5), (2, 2), (3, 1), (4, 2)],
        [(1, 5), (2, 2), (3, 1), (4, 2), (5, 2)],
        [(1, 5), (2, 2), (3, 1), (4, 2), (12, 100)],
        [(1, 5), (2, 2), (3, 1), (4, 2), (11, 9), (12, 100)],
    ],
    ids=["prf", "twice", "elliptic", "duration without type", "unknown life type"],
)
def test_a_phase1_transform_with_something_unknown_is_passed_over(attributes: list[tuple[int, int]]) -> None:
    assert read_phase1(build_transform(1, 1, attributes)) is None


def test_aes_without_a_key_length_is_aes_128_and_without_a_lifetime_eight_hours() -> None:
    read = read_phase1(build_transform(1, 1, [(1, 7), (2, 2), (3, 1), (4, 2)]))
    assert read == (phase1_key(p1(AES)), (0, 0))
    offer = build_security_association(
        [Proposal(1, 1, b"", (build_transform(1, 1, [(1, 7), (2, 2), (3, 1), (4, 2)]),))]
    )
    choice = choose_phase1(parse_security_association(offer), accept1(p1(AES, lifetime=86400)))
    assert choice.lifetime == 28800


def test_phase2_offer_has_one_proposal_for_each_run_of_a_protocol() -> None:
    """B051."""
    ah = p2(Encryption.NULL, Integrity.MD5, protocol=IpsecProtocol.AH)
    sa = phase2_offer(p2(AES), p2(DES, Integrity.MD5), ah, p2(Encryption.NULL, Integrity.SHA1))
    assert [(p.number, p.protocol, p.spi, [t.id for t in p.transforms]) for p in sa.proposals] == [
        (1, 3, SPI, [12, 2]),
        (2, 2, SPI, [2]),
        (3, 3, SPI, [11]),
    ]


@pytest.mark.parametrize("encryption", Encryption)
@pytest.mark.parametrize("pfs", [None, DhGroup.GROUP1, DhGroup.GROUP2, DhGroup.GROUP5])
def test_every_phase2_proposal_is_recognized_by_its_own_offer(encryption: Encryption, pfs: DhGroup | None) -> None:
    """B023, B050."""
    proposal = p2(encryption, Integrity.MD5, pfs, lifetime=120, lifesize=100_000)
    choice = choose_phase2(phase2_offer(proposal), accept2(proposal))
    assert (choice.proposal, choice.lifetime, choice.lifesize, choice.spi) == (proposal, 120, 100_000, 0x12345678)
    assert not choice.shortened


@pytest.mark.parametrize(
    ("theirs", "ours", "agreed", "shortened"),
    [
        ((3600, 0), (3600, 0), (3600, 0), False),
        ((3600, 0), (1800, 0), (1800, 0), True),
        ((1800, 500), (3600, 0), (1800, 500), False),
        ((3600, 0), (3600, 64), (3600, 64), True),
        ((3600, 500), (3600, 64), (3600, 64), True),
        ((3600, 64), (3600, 500), (3600, 64), False),
    ],
)
def test_the_shorter_phase2_lifetimes_hold(
    theirs: tuple[int, int], ours: tuple[int, int], agreed: tuple[int, int], shortened: bool
) -> None:
    offer = phase2_offer(p2(lifetime=theirs[0], lifesize=theirs[1]))
    choice = choose_phase2(offer, accept2(p2(lifetime=ours[0], lifesize=ours[1])))
    assert ((choice.lifetime, choice.lifesize), choice.shortened) == (agreed, shortened)


def test_a_refusal_names_the_pfs_group_when_only_that_differs() -> None:
    with pytest.raises(PeerError) as caught:
        choose_phase2(phase2_offer(p2(pfs=DhGroup.GROUP5)), accept2(p2(pfs=DhGroup.GROUP2)))
    assert (caught.value.refusal, caught.value.details) == (Refusal.PFS_GROUP, (5, 2))
    with pytest.raises(PeerError) as caught:
        choose_phase2(phase2_offer(p2(DES, pfs=DhGroup.GROUP5)), accept2(p2(AES)))
    assert caught.value.refusal is Refusal.NO_PROPOSAL


def test_proposals_that_share_a_number_are_one_bundle_and_passed_over() -> None:
    """RFC 2408 §4.2: AH and ESP together."""
    bundle = [proposal._replace(number=1) for proposal in phase2_offer(p2(AES)).proposals] * 2
    other = phase2_offer(p2(AES)).proposals[0]._replace(number=2, spi=b"\0\0\2\0")
    choice = choose_phase2(SecurityAssociation(1, 1, (*bundle, other)), accept2(p2(AES)))
    assert choice.spi == 0x200


@pytest.mark.parametrize("spi", [b"", b"\0\0\0", b"\0\0\0\0", b"\0\0\0\xff", bytes(8)])
def test_reserved_or_misshapen_spi_is_not_accepted(spi: bytes) -> None:
    proposal = phase2_offer(p2()).proposals[0]._replace(spi=spi)
    with pytest.raises(PeerError):
        choose_phase2(SecurityAssociation(1, 1, (proposal,)), accept2(p2()))


def test_transport_mode_is_not_tunnel_mode() -> None:
    assert read_phase2(3, build_transform(1, 3, [(4, 2), (5, 2)])) is None


@pytest.mark.parametrize(
    ("sa", "notify"),
    [
        (SecurityAssociation(0, 1, ()), NotifyType.DOI_NOT_SUPPORTED),
        (SecurityAssociation(1, 2, ()), NotifyType.SITUATION_NOT_SUPPORTED),
    ],
)
def test_other_dois_and_situations(sa: SecurityAssociation, notify: NotifyType) -> None:
    with pytest.raises(PeerError) as caught:
        choose_phase1(sa, accept1(p1()))
    assert caught.value.notify is notify


def test_offers_that_cannot_go_together_are_left_out() -> None:
    """RFC 2409 §5.4, §5.5: one key exchange payload serves all transforms of a message."""
    one, other = p1(group=DhGroup.GROUP1), p1()
    assert offered_phase1((one, other), ExchangeMode.MAIN) == (one, other)
    assert offered_phase1((one, other), ExchangeMode.AGGRESSIVE) == (one,)
    assert offered_phase2((p2(pfs=DhGroup.GROUP2), p2(), p2(DES, pfs=DhGroup.GROUP2))) == (
        p2(pfs=DhGroup.GROUP2),
        p2(DES, pfs=DhGroup.GROUP2),
    )


def test_lifetime_notification_is_read_as_it_was_written() -> None:
    assert read_lifetime(build_lifetime(600)) == (600, 0)
    assert read_lifetime(build_lifetime(86400, 5_000_000)) == (86400, 5_000_000)
    assert read_lifetime(build_lifetime(600, life_type=11), life_type=11) == (600, 0)
    assert read_lifetime(b"") == (0, 0)
