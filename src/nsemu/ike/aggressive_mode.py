"""Aggressive mode with preshared keys: the three messages (RFC 2409 §5.4; B042).

    initiator                            responder
    HDR, SA, KE, Ni, IDii        -->
                                 <--     HDR, SA, KE, Nr, IDir, HASH_R
    HDR*, HASH_I                 -->

The third message is sent encrypted and accepted either way.
"""

from __future__ import annotations

from nsemu.ike.authentication import (
    agree,
    check_proof,
    new_key_exchange,
    note_initial_contact,
    note_vendors,
    own_proof,
    proof,
    vendor_ids,
)
from nsemu.ike.context import IkeContext
from nsemu.ike.dialup import is_full
from nsemu.ike.errors import PeerError
from nsemu.ike.events import Refusal
from nsemu.ike.exchange import Message, Payloads, Phase1Sa
from nsemu.ike.identification import check_identity
from nsemu.ike.main_mode import accept_offer, take_choice
from nsemu.ike.nat_traversal import detect, discovery, float_ports
from nsemu.wire.isakmp import PayloadType
from nsemu.wire.isakmp_payloads import NotifyType


def offer(context: IkeContext, sa: Phase1Sa) -> Payloads:
    """Message 1: the group is that of the first proposal, and of all that are offered with it."""
    sa.offer = sa.gateway.offer
    sa.proposal = sa.gateway.offered[0]
    sa.key_pair, sa.nonces = new_key_exchange(context, sa)
    return [
        (PayloadType.SA, sa.offer),
        (PayloadType.KEY_EXCHANGE, sa.key_pair.public),
        (PayloadType.NONCE, sa.nonces),
        (PayloadType.IDENTIFICATION, sa.gateway.local_id),
        *vendor_ids(context, sa),
    ]


def answer(context: IkeContext, sa: Phase1Sa, message: Message) -> Payloads:
    """Message 1 → 2. The initiator's identity is checked here and proved by message 3."""
    offered = message.bodies[PayloadType.SA]
    sa.peer_id = message.bodies[PayloadType.IDENTIFICATION]
    check_identity(sa.peer_id, sa.gateway.expected_id)
    choice = accept_offer(context, sa, offered)
    pair, nonce = new_key_exchange(context, sa)
    agree(sa, pair, nonce, message)
    note_vendors(context, sa, message)
    return [
        (PayloadType.SA, choice.body),
        (PayloadType.KEY_EXCHANGE, pair.public),
        (PayloadType.NONCE, nonce),
        *own_proof(sa),
        *vendor_ids(context, sa),
        *discovery(sa),
    ]


def send_proof(context: IkeContext, sa: Phase1Sa, message: Message) -> Payloads:
    """Message 2 → 3: both ends are authenticated, the initiator is done."""
    assert sa.key_pair is not None
    before = sa.proposal, sa.lifetime, sa.cookies, sa.nonces, sa.key_pair
    try:
        take_choice(sa, message.bodies[PayloadType.SA])
        sa.cookies = message.header.initiator_cookie + message.header.responder_cookie
        agree(sa, sa.key_pair, sa.nonces, message)
        check_proof(sa, message, message.bodies[PayloadType.IDENTIFICATION])
    except ValueError:
        # A forged answer must not spoil the wait for the true one.
        sa.proposal, sa.lifetime, sa.cookies, sa.nonces, sa.key_pair = before
        sa.keys = None
        raise
    note_vendors(context, sa, message)
    detect(context, sa, message, message.ends)
    float_ports(sa)
    return [(PayloadType.HASH, proof(sa, sa.session_keys(), sa.role, sa.gateway.local_id)), *discovery(sa)]


def take_proof(context: IkeContext, sa: Phase1Sa, message: Message) -> Payloads:
    """Message 3: the responder is done."""
    check_proof(sa, message, sa.peer_id)
    if is_full(context, sa.gateway):  # others have come in since the first message
        raise PeerError(NotifyType.AUTHENTICATION_FAILED, Refusal.SHARE_LIMIT)
    detect(context, sa, message, message.ends)
    note_initial_contact(sa, message)
    return []
