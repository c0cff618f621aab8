"""Main mode with preshared keys: the six messages (RFC 2409 §5.4; B040, B041).

    initiator                        responder
    HDR, SA                  -->
                             <--     HDR, SA
    HDR, KE, Ni              -->
                             <--     HDR, KE, Nr
    HDR*, IDii, HASH_I       -->
                             <--     HDR*, IDir, HASH_R

Each function takes one message and returns the payloads of the next; `tables` says when it is called.
"""

from __future__ import annotations

from nsemu.ike.any_proposal import any_phase1, no_phase1
from nsemu.ike.authentication import (
    agree,
    check_proof,
    new_key_exchange,
    note_initial_contact,
    note_vendors,
    own_proof,
    vendor_ids,
)
from nsemu.ike.context import IkeContext
from nsemu.ike.errors import PeerError
from nsemu.ike.events import Refusal
from nsemu.ike.exchange import Message, Payloads, Phase1Sa
from nsemu.ike.nat_traversal import detect, discovery, float_ports
from nsemu.ike.proposals import (
    DEFAULT_LIFETIME,
    Phase1Choice,
    choose_phase1,
    phase1_key,
    read_phase1,
    single_transform,
)
from nsemu.wire.isakmp import PayloadType
from nsemu.wire.isakmp_payloads import NotifyType, parse_security_association


def offer(context: IkeContext, sa: Phase1Sa) -> Payloads:
    """Message 1."""
    sa.offer = sa.gateway.offer
    return [(PayloadType.SA, sa.offer), *vendor_ids(context, sa)]


def accept_offer(context: IkeContext, sa: Phase1Sa, offered: bytes) -> Phase1Choice:
    """Take the first acceptable proposal of the initiator's SA payload into `sa`. Raises PeerError."""
    make = any_phase1 if context.settings.accept_all_proposals else no_phase1
    choice = choose_phase1(parse_security_association(offered), sa.gateway.acceptable, make)
    sa.offer = offered
    sa.proposal, sa.lifetime, sa.shortened = choice.proposal, choice.lifetime, choice.shortened
    return choice


def choose(context: IkeContext, sa: Phase1Sa, message: Message) -> Payloads:
    """Message 1 → 2: the responder takes the first acceptable proposal."""
    offered = message.bodies[PayloadType.SA]
    choice = accept_offer(context, sa, offered)
    note_vendors(context, sa, message)
    return [(PayloadType.SA, choice.body), *vendor_ids(context, sa)]


def take_choice(sa: Phase1Sa, body: bytes) -> None:
    """Check that the responder chose what was offered, and take it. Raises PeerError."""
    transform = single_transform(parse_security_association(body)).transforms[0]
    read = read_phase1(transform)
    for proposal in sa.gateway.offered:
        if read is not None and phase1_key(proposal, xauth=sa.gateway.parameters.login is not None) == read[0]:
            sa.proposal = proposal
            sa.lifetime = min(proposal.lifetime, read[1].seconds or DEFAULT_LIFETIME)
            return
    raise PeerError(NotifyType.NO_PROPOSAL_CHOSEN, Refusal.NO_PROPOSAL)


def send_key(context: IkeContext, sa: Phase1Sa, message: Message) -> Payloads:
    """Message 2 → 3."""
    take_choice(sa, message.bodies[PayloadType.SA])
    sa.cookies = message.header.initiator_cookie + message.header.responder_cookie
    note_vendors(context, sa, message)
    sa.key_pair, sa.nonces = new_key_exchange(context, sa)
    return [(PayloadType.KEY_EXCHANGE, sa.key_pair.public), (PayloadType.NONCE, sa.nonces), *discovery(sa)]


def answer_key(context: IkeContext, sa: Phase1Sa, message: Message) -> Payloads:
    """Message 3 → 4; the responder has its keys from here on."""
    pair, nonce = new_key_exchange(context, sa)
    agree(sa, pair, nonce, message)
    detect(context, sa, message, message.ends)
    return [(PayloadType.KEY_EXCHANGE, pair.public), (PayloadType.NONCE, nonce), *discovery(sa)]


def send_proof(context: IkeContext, sa: Phase1Sa, message: Message) -> Payloads:
    """Message 4 → 5; the initiator has its keys from here on."""
    assert sa.key_pair is not None
    agree(sa, sa.key_pair, sa.nonces, message)
    detect(context, sa, message, message.ends)
    float_ports(sa)
    return own_proof(sa)


def answer_proof(context: IkeContext, sa: Phase1Sa, message: Message) -> Payloads:
    """Message 5 → 6: the initiator is who it says, and the responder is done."""
    take_proof(context, sa, message)
    return own_proof(sa)


def take_proof(_context: IkeContext, sa: Phase1Sa, message: Message) -> Payloads:
    """Message 6: the responder is who it says, and the initiator is done."""
    check_proof(sa, message, message.bodies[PayloadType.IDENTIFICATION])
    note_initial_contact(sa, message)
    return []
