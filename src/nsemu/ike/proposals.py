"""Proposals on the wire: what is offered, and which of the peer's offers is taken.

Phase 1 attributes are those of RFC 2409 Appendix A, Phase 2 attributes those of RFC 2407 §4.5. A transform with an
attribute this file does not know is not acceptable. An initiator offers all its proposals in order; a responder takes
the first of the initiator's offers that equals one of its own proposals (B034, B047).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple, TypeVar

from nsemu.config.algorithms import AuthenticationMethod, Encryption, ExchangeMode, Integrity, IpsecProtocol
from nsemu.config.ike import Phase1Proposal, Phase2Proposal
from nsemu.ike.errors import PeerError
from nsemu.ike.events import Refusal
from nsemu.wire.isakmp_payloads import (
    DOI_IPSEC,
    PROTOCOL_AH,
    PROTOCOL_ESP,
    PROTOCOL_ISAKMP,
    SITUATION_IDENTITY_ONLY,
    NotifyType,
    Proposal,
    SecurityAssociation,
    Transform,
    build_attributes,
    build_security_association,
    build_transform,
    parse_attributes,
)

DEFAULT_LIFETIME: Final = 28800
"""Seconds, when an offer names none (RFC 2407 §4.5, "SA Life Duration")."""

_KEY_IKE: Final = 1  # RFC 2407 §4.4.2.1
_MODP: Final = 1
_SECONDS: Final = 1
_KILOBYTES: Final = 2
TUNNEL_MODE: Final = 1
TRANSPORT_MODE: Final = 2
"""The encapsulation modes without UDP (RFC 2407 §4.5)."""
UDP_TUNNEL_MODE: Final = 3
UDP_TRANSPORT_MODE: Final = 4
"""Those in UDP (RFC 3947 §5.1)."""
DRAFT_UDP_TUNNEL_MODE: Final = 61443
DRAFT_UDP_TRANSPORT_MODE: Final = 61444
"""Those in UDP of the drafts before (draft-ietf-ipsec-nat-t-ike-02 §5.1)."""

MODE_NAMES: Final = {
    TUNNEL_MODE: "tunnel mode",
    TRANSPORT_MODE: "transport mode",
    UDP_TUNNEL_MODE: "tunnel mode in UDP",
    UDP_TRANSPORT_MODE: "transport mode in UDP",
    DRAFT_UDP_TUNNEL_MODE: "tunnel mode in UDP (draft)",
    DRAFT_UDP_TRANSPORT_MODE: "transport mode in UDP (draft)",
}

# RFC 2409 Appendix A; AES: RFC 3602 §5.3. (algorithm, key length attribute or 0)
P1_ENCRYPTION: Final = {
    Encryption.DES: (1, 0),
    Encryption.TRIPLE_DES: (5, 0),
    Encryption.AES128: (7, 128),
    Encryption.AES192: (7, 192),
    Encryption.AES256: (7, 256),
}
_P1_AES: Final = 7
P1_HASH: Final = {Integrity.MD5: 1, Integrity.SHA1: 2, Integrity.SHA2_256: 4}
P1_METHOD: Final = {AuthenticationMethod.PRESHARE: 1, AuthenticationMethod.DSA_SIG: 2, AuthenticationMethod.RSA_SIG: 3}
# The same with a login of the initiator to follow (draft-ietf-ipsec-isakmp-xauth-06 §7).
P1_XAUTH_METHOD: Final = {
    AuthenticationMethod.PRESHARE: 65001,
    AuthenticationMethod.DSA_SIG: 65003,
    AuthenticationMethod.RSA_SIG: 65005,
}

# RFC 2407 §4.4.4, §4.4.3, §4.5; HMAC-SHA2-256: the registry's 5.
ESP_TRANSFORM: Final = {
    Encryption.NULL: (11, 0),
    Encryption.DES: (2, 0),
    Encryption.TRIPLE_DES: (3, 0),
    Encryption.AES128: (12, 128),
    Encryption.AES192: (12, 192),
    Encryption.AES256: (12, 256),
}
_ESP_AES: Final = 12
AH_TRANSFORM: Final = {Integrity.MD5: 2, Integrity.SHA1: 3, Integrity.SHA2_256: 5}
AUTHENTICATION: Final = {Integrity.NULL: 0, Integrity.MD5: 1, Integrity.SHA1: 2, Integrity.SHA2_256: 5}
WIRE_PROTOCOL: Final = {IpsecProtocol.ESP: PROTOCOL_ESP, IpsecProtocol.AH: PROTOCOL_AH}

_SPI: Final = Struct("!I")

MINIMUM_SPI: Final = 0x100
"""Lower SPIs are reserved (RFC 2406 §2.1)."""


class Phase1Key(NamedTuple):
    """What makes two Phase 1 transforms the same, lifetimes apart."""

    encryption: int
    key_length: int
    hash: int
    method: int
    group: int


class Phase2Key(NamedTuple):
    """What makes two Phase 2 transforms the same, lifetimes apart."""

    protocol: int
    transform: int
    key_length: int
    authentication: int
    group: int


_Key = TypeVar("_Key", Phase1Key, Phase2Key)


class Lifetimes(NamedTuple):
    """Seconds and kilobytes; 0 where the offer names none."""

    seconds: int
    kilobytes: int


@dataclass(frozen=True, slots=True)
class Phase1Choice:
    """The agreed Phase 1 parameters. `body` is the SA payload that tells the initiator."""

    proposal: Phase1Proposal
    lifetime: int
    shortened: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class Phase2Choice:
    """The agreed Phase 2 parameters. `spi` is the peer's; `offer` its proposal with the chosen transform alone."""

    proposal: Phase2Proposal
    lifetime: int
    lifesize: int
    shortened: bool
    spi: int
    offer: Proposal


def phase1_key(proposal: Phase1Proposal, *, xauth: bool = False) -> Phase1Key:
    """The wire form of a proposal; `xauth` announces that the initiator will log in."""
    encryption, length = P1_ENCRYPTION[proposal.encryption]
    method = (P1_XAUTH_METHOD if xauth else P1_METHOD)[proposal.method]
    return Phase1Key(encryption, length, P1_HASH[proposal.hash], method, proposal.group.value)


def phase2_key(proposal: Phase2Proposal) -> Phase2Key:
    """The wire form of a proposal."""
    group = proposal.pfs.value if proposal.pfs else 0
    authentication = AUTHENTICATION[proposal.integrity]
    if proposal.protocol is IpsecProtocol.AH:
        return Phase2Key(PROTOCOL_AH, AH_TRANSFORM[proposal.integrity], 0, authentication, group)
    transform, length = ESP_TRANSFORM[proposal.encryption]
    return Phase2Key(PROTOCOL_ESP, transform, length, authentication, group)


def offered_phase1(proposals: Sequence[Phase1Proposal], mode: ExchangeMode) -> tuple[Phase1Proposal, ...]:
    """Those proposals an initiator can offer together.

    Aggressive mode sends its key exchange payload with the offer, so all must have the first one's group
    (RFC 2409 §5.4).
    """
    if mode is ExchangeMode.MAIN:
        return tuple(proposals)
    return tuple(proposal for proposal in proposals if proposal.group is proposals[0].group)


def offered_phase2(proposals: Sequence[Phase2Proposal]) -> tuple[Phase2Proposal, ...]:
    """Those proposals an initiator can offer together: all with the first one's PFS group (RFC 2409 §5.5)."""
    return tuple(proposal for proposal in proposals if proposal.pfs is proposals[0].pfs)


def offer_phase1(proposals: Sequence[Phase1Proposal], *, xauth: bool = False) -> bytes:
    """The SA body with one transform for each proposal, in order."""
    transforms = tuple(
        build_transform(number, _KEY_IKE, _phase1_attributes(proposal, xauth=xauth))
        for number, proposal in enumerate(proposals, 1)
    )
    return build_security_association((Proposal(1, PROTOCOL_ISAKMP, b"", transforms),))


def _phase1_attributes(proposal: Phase1Proposal, *, xauth: bool) -> list[tuple[int, int]]:
    key = phase1_key(proposal, xauth=xauth)
    attributes = [(1, key.encryption), (2, key.hash), (3, key.method), (4, key.group)]
    if key.key_length:
        attributes.append((14, key.key_length))
    return [*attributes, (11, _SECONDS), (12, proposal.lifetime)]


def offer_phase2(proposals: Sequence[Phase2Proposal], mode: int = TUNNEL_MODE) -> tuple[bytes, ...]:
    """The SA body of an offer, cut where the SPIs go: `spi.join(parts)` is the body.

    Neighbouring proposals of one protocol are transforms of one proposal payload.
    """
    runs: list[list[Phase2Proposal]] = []
    for proposal in proposals:
        if runs and runs[-1][0].protocol is proposal.protocol:
            runs[-1].append(proposal)
        else:
            runs.append([proposal])
    body = build_security_association(
        [
            Proposal(number, WIRE_PROTOCOL[run[0].protocol], _SPI.pack(0), _phase2_transforms(run, mode))
            for number, run in enumerate(runs, 1)
        ]
    )
    return _cut_at_spis(body, len(runs))


def _cut_at_spis(body: bytes, count: int) -> tuple[bytes, ...]:
    parts: list[bytes] = []
    start, proposal = 0, 8
    for _ in range(count):
        parts.append(body[start : proposal + 8])
        start = proposal + 12
        proposal += int.from_bytes(body[proposal + 2 : proposal + 4], "big")
    return (*parts, body[start:])


def _phase2_transforms(proposals: Sequence[Phase2Proposal], mode: int) -> tuple[Transform, ...]:
    return tuple(
        build_transform(number, phase2_key(proposal).transform, _phase2_attributes(proposal, mode))
        for number, proposal in enumerate(proposals, 1)
    )


def _phase2_attributes(proposal: Phase2Proposal, mode: int) -> list[tuple[int, int]]:
    key = phase2_key(proposal)
    attributes = [(1, _SECONDS), (2, proposal.lifetime)]
    if proposal.lifesize:
        attributes += [(1, _KILOBYTES), (2, proposal.lifesize)]
    attributes.append((4, mode))
    if key.authentication:
        attributes.append((5, key.authentication))
    if key.key_length:
        attributes.append((6, key.key_length))
    if key.group:
        attributes.append((3, key.group))
    return attributes


def read_phase1(transform: Transform) -> tuple[Phase1Key, Lifetimes] | None:
    """What a Phase 1 transform asks for, None if it has something unknown."""
    if transform.id != _KEY_IKE:
        return None
    values: dict[int, int] = {}
    lifetimes = _take_attributes(transform.attributes, values, life_type=11)
    if lifetimes is None or not values.keys() <= {1, 2, 3, 4, 5, 14} or values.get(5, _MODP) != _MODP:
        return None
    encryption = values.get(1, 0)
    length = values.get(14, 128 if encryption == _P1_AES else 0)
    return Phase1Key(encryption, length, values.get(2, 0), values.get(3, 0), values.get(4, 0)), lifetimes


def read_phase2(protocol: int, transform: Transform, mode: int = TUNNEL_MODE) -> tuple[Phase2Key, Lifetimes] | None:
    """What a Phase 2 transform asks for, None if it has something unknown or another encapsulation mode."""
    read = _read_phase2(protocol, transform)
    return read[:2] if read is not None and read[2] == mode else None


def _read_phase2(protocol: int, transform: Transform) -> tuple[Phase2Key, Lifetimes, int] | None:
    """What a Phase 2 transform asks for, and its encapsulation mode (0 when it names none)."""
    values: dict[int, int] = {}
    lifetimes = _take_attributes(transform.attributes, values, life_type=1)
    if lifetimes is None or not values.keys() <= {3, 4, 5, 6}:
        return None
    aes = protocol == PROTOCOL_ESP and transform.id == _ESP_AES
    length = values.get(6, 128 if aes else 0)
    key = Phase2Key(protocol, transform.id, length, values.get(5, 0), values.get(3, 0))
    return key, lifetimes, values.get(4, 0)


def _take_attributes(
    attributes: tuple[tuple[int, int], ...], values: dict[int, int], life_type: int
) -> Lifetimes | None:
    """Sort attributes into `values` and lifetimes; a type must come right before its duration (RFC 2407 §4.5)."""
    seconds = kilobytes = unit = 0
    for kind, value in attributes:
        if kind == life_type:
            unit = value
        elif kind == life_type + 1:
            if unit == _SECONDS:
                seconds = value
            elif unit == _KILOBYTES:
                kilobytes = value
            else:
                return None
        elif kind in values:
            return None
        else:
            values[kind] = value
    return Lifetimes(seconds, kilobytes)


def check_doi(sa: SecurityAssociation) -> None:
    """Raise PeerError unless the SA is of the IPsec DOI, identity-only."""
    if sa.doi != DOI_IPSEC:
        raise PeerError(NotifyType.DOI_NOT_SUPPORTED, Refusal.DOI)
    if sa.situation != SITUATION_IDENTITY_ONLY:
        raise PeerError(NotifyType.SITUATION_NOT_SUPPORTED, Refusal.DOI)


def choose_phase1(
    sa: SecurityAssociation,
    acceptable: Mapping[Phase1Key, Phase1Proposal],
    make: Callable[[Phase1Key], Phase1Proposal | None] = lambda _key: None,
) -> Phase1Choice:
    """The first transform of the peer that is acceptable. Raises PeerError (NO-PROPOSAL-CHOSEN).

    The shorter lifetime holds; `shortened` tells that ours is the shorter one. `make` may make acceptable what is not.
    """
    check_doi(sa)
    for proposal in sa.proposals:
        if proposal.protocol != PROTOCOL_ISAKMP:
            continue
        for transform in proposal.transforms:
            read = read_phase1(transform)
            ours = (acceptable.get(read[0]) or make(read[0])) if read else None
            if read is None or ours is None:
                continue
            offered = read[1].seconds or DEFAULT_LIFETIME
            body = build_security_association((Proposal(proposal.number, PROTOCOL_ISAKMP, b"", (transform,)),))
            return Phase1Choice(ours, min(offered, ours.lifetime), ours.lifetime < offered, body)
    offers = (read_phase1(transform) for proposal in sa.proposals for transform in proposal.transforms)
    raise PeerError(NotifyType.NO_PROPOSAL_CHOSEN, Refusal.NO_PROPOSAL, _keys(offers), tuple(acceptable))


def _keys(offers: Iterable[tuple[_Key, Lifetimes] | None]) -> tuple[_Key | None, ...]:
    """What was offered, lifetimes apart; None for what has something unknown."""
    return tuple(dict.fromkeys(offer[0] if offer else None for offer in offers))


def choose_phase2(
    sa: SecurityAssociation,
    acceptable: Mapping[Phase2Key, Phase2Proposal],
    mode: int = TUNNEL_MODE,
    make: Callable[[Phase2Key], Phase2Proposal | None] = lambda _key: None,
) -> Phase2Choice:
    """The first transform of the peer that is acceptable. Raises PeerError (NO-PROPOSAL-CHOSEN).

    Proposals that share a number ask for several protocols at once (RFC 2408 §4.2); ScreenOS has no such SAs, so they
    are passed over.
    """
    check_doi(sa)
    numbers = [proposal.number for proposal in sa.proposals]
    for proposal in sa.proposals:
        if len(proposal.spi) != 4 or numbers.count(proposal.number) > 1:
            continue
        spi = int.from_bytes(proposal.spi, "big")
        if spi < MINIMUM_SPI:
            continue
        for transform in proposal.transforms:
            read = read_phase2(proposal.protocol, transform, mode)
            ours = (acceptable.get(read[0]) or make(read[0])) if read else None
            if read is not None and ours is not None:
                return _phase2_choice(ours, read[1], spi, proposal._replace(transforms=(transform,)))
    raise _no_phase2_proposal(sa, acceptable, mode)


def _phase2_choice(ours: Phase2Proposal, offered: Lifetimes, spi: int, offer: Proposal) -> Phase2Choice:
    seconds = offered.seconds or DEFAULT_LIFETIME
    lifetime = min(seconds, ours.lifetime)
    lifesize = min(offered.kilobytes, ours.lifesize) or offered.kilobytes or ours.lifesize
    shortened = lifetime < seconds or lifesize != offered.kilobytes
    return Phase2Choice(ours, lifetime, lifesize, shortened, spi, offer)


def _no_phase2_proposal(
    sa: SecurityAssociation, acceptable: Mapping[Phase2Key, Phase2Proposal], mode: int
) -> PeerError:
    """The refusal, which names the encapsulation mode or the PFS group if that alone is what differs."""
    expected: dict[Phase2Key, int] = {}
    for key in acceptable:
        expected.setdefault(key._replace(group=0), key.group)
    for proposal in sa.proposals:
        for transform in proposal.transforms:
            found = _read_phase2(proposal.protocol, transform)
            if found and found[2] != mode and found[0] in acceptable:
                return PeerError(NotifyType.NO_PROPOSAL_CHOSEN, Refusal.ENCAPSULATION, found[2], mode)
            read = read_phase2(proposal.protocol, transform, mode)
            if read and read[0]._replace(group=0) in expected:
                groups = read[0].group, expected[read[0]._replace(group=0)]
                return PeerError(NotifyType.NO_PROPOSAL_CHOSEN, Refusal.PFS_GROUP, *groups)
    offers = (
        read_phase2(proposal.protocol, transform, mode)
        for proposal in sa.proposals
        for transform in proposal.transforms
    )
    return PeerError(NotifyType.NO_PROPOSAL_CHOSEN, Refusal.NO_PROPOSAL, _keys(offers), tuple(acceptable))


def single_transform(sa: SecurityAssociation) -> Proposal:
    """The one proposal with one transform of a responder's answer. Raises PeerError (BAD-PROPOSAL-SYNTAX)."""
    check_doi(sa)
    if len(sa.proposals) != 1 or len(sa.proposals[0].transforms) != 1:
        raise PeerError(NotifyType.BAD_PROPOSAL_SYNTAX, Refusal.NO_PROPOSAL)
    return sa.proposals[0]


def build_lifetime(seconds: int, kilobytes: int = 0, life_type: int = 1) -> bytes:
    """The attributes of a RESPONDER-LIFETIME notification (RFC 2407 §4.6.3.1); `life_type` is 11 for Phase 1."""
    attributes = [(life_type, _SECONDS), (life_type + 1, seconds)]
    if kilobytes:
        attributes += [(life_type, _KILOBYTES), (life_type + 1, kilobytes)]
    return build_attributes(attributes)


def read_lifetime(data: bytes, life_type: int = 1) -> Lifetimes:
    """The lifetimes of a RESPONDER-LIFETIME notification; zeros if it makes no sense. Raises MalformedPacket."""
    return _take_attributes(parse_attributes(data), {}, life_type) or Lifetimes(0, 0)
