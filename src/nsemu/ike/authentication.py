"""The steps that main and aggressive mode share: key exchange, keys, identities and their proof (RFC 2409 §5).

Authentication is by preshared key; signatures would replace `skeyid` and `proof` here.
"""

from __future__ import annotations

from nsemu.ike.context import IkeContext
from nsemu.ike.errors import PeerError
from nsemu.ike.events import Refusal, Role
from nsemu.ike.exchange import Message, Payloads, Phase1Sa
from nsemu.ike.identification import check_identity
from nsemu.ike.keys import Phase1Keys, derive_phase1, preshared_skeyid
from nsemu.ike.nat_traversal import announce, note_variant
from nsemu.ike.parameters import DPD_VENDOR_ID, HEARTBEAT_VENDOR_ID, NETSCREEN_VENDOR_ID, XAUTH_VENDOR_ID
from nsemu.runtime.crypto.dh import DhKeyPair
from nsemu.runtime.crypto.errors import CryptoError
from nsemu.runtime.crypto.integrity import hmac, same
from nsemu.wire.isakmp import PayloadType
from nsemu.wire.isakmp_payloads import NotifyType, parse_notification

_MINIMUM_NONCE = 8  # RFC 2409 §5
_MAXIMUM_NONCE = 256


def vendor_ids(context: IkeContext, sa: Phase1Sa) -> Payloads:
    """The vendor ID payloads of a first message."""
    parameters = sa.gateway.parameters
    xauth = (XAUTH_VENDOR_ID,) if parameters.xauth or parameters.login is not None else ()
    identifiers = (*context.settings.vendor_ids, *xauth)
    return [*((PayloadType.VENDOR_ID, item) for item in identifiers), *announce(context, sa)]


def note_vendors(context: IkeContext, sa: Phase1Sa, message: Message) -> None:
    """What the peer's vendor IDs say it can do."""
    identifiers = message.all(PayloadType.VENDOR_ID)
    sa.peer_dpd = DPD_VENDOR_ID in identifiers
    sa.peer_heartbeat = HEARTBEAT_VENDOR_ID in identifiers
    sa.peer_screenos = NETSCREEN_VENDOR_ID in identifiers
    note_variant(context, sa, message)


def new_key_exchange(context: IkeContext, sa: Phase1Sa) -> tuple[DhKeyPair, bytes]:
    """An own key pair of the agreed group, and a nonce."""
    pair = DhKeyPair.generate(sa.proposal.group, context.stream)
    return pair, context.stream.octets(context.settings.nonce_size)


def peer_nonce(message: Message) -> bytes:
    """The peer's nonce. Raises PeerError if its size is not allowed (RFC 2409 §5)."""
    nonce = message.bodies[PayloadType.NONCE]
    if not _MINIMUM_NONCE <= len(nonce) <= _MAXIMUM_NONCE:
        raise PeerError(NotifyType.PAYLOAD_MALFORMED, Refusal.NONCE)
    return nonce


def shared_secret(pair: DhKeyPair, peer_public: bytes) -> bytes:
    """g^xy. Raises PeerError for a public value that the group does not have."""
    try:
        return pair.shared(peer_public)
    except CryptoError as error:
        raise PeerError(NotifyType.INVALID_KEY_INFORMATION, Refusal.KEY_EXCHANGE, str(error)) from error


def agree(sa: Phase1Sa, pair: DhKeyPair, nonce: bytes, message: Message) -> None:
    """Work out all keys from both key exchanges and put them into `sa`. Raises PeerError before it changes anything."""
    theirs, their_nonce = message.bodies[PayloadType.KEY_EXCHANGE], peer_nonce(message)
    shared = shared_secret(pair, theirs)
    if sa.role is Role.INITIATOR:
        nonces, publics = nonce + their_nonce, pair.public + theirs
    else:
        nonces, publics = their_nonce + nonce, theirs + pair.public
    hash_ = sa.proposal.hash
    skeyid = preshared_skeyid(hash_, sa.gateway.parameters.preshared_key, nonces)
    sa.keys = derive_phase1(hash_, sa.proposal.encryption, skeyid, shared=shared, cookies=sa.cookies, publics=publics)
    sa.iv = sa.keys.iv
    sa.nonces, sa.publics = nonces, publics
    sa.key_pair = None


def proof(sa: Phase1Sa, keys: Phase1Keys, role: Role, identity: bytes) -> bytes:
    """HASH_I or HASH_R (RFC 2409 §5): what the end with `role` and ID payload body `identity` sends."""
    half = len(sa.publics) // 2
    publics, cookies = sa.publics, sa.cookies
    if role is Role.RESPONDER:
        publics, cookies = publics[half:] + publics[:half], cookies[8:] + cookies[:8]
    return hmac(sa.proposal.hash, keys.skeyid, b"".join((publics, cookies, sa.offer, identity)))


def own_proof(sa: Phase1Sa) -> Payloads:
    """Own ID and HASH payloads."""
    identity = sa.gateway.local_id
    body = proof(sa, sa.session_keys(), sa.role, identity)
    return [(PayloadType.IDENTIFICATION, identity), (PayloadType.HASH, body)]


def check_proof(sa: Phase1Sa, message: Message, identity: bytes) -> None:
    """Raise PeerError unless the peer's HASH proves that it has the key, and its ID is the expected one."""
    role = Role.RESPONDER if sa.role is Role.INITIATOR else Role.INITIATOR
    expected = proof(sa, sa.session_keys(), role, identity)
    if not same(expected, message.bodies[PayloadType.HASH]):
        raise PeerError(NotifyType.AUTHENTICATION_FAILED, Refusal.AUTHENTICATION)
    check_identity(identity, sa.gateway.expected_id)


def note_initial_contact(sa: Phase1Sa, message: Message) -> None:
    """Remember an INITIAL-CONTACT that came with the peer's proof."""
    for body in message.all(PayloadType.NOTIFICATION):
        if parse_notification(body).type == NotifyType.INITIAL_CONTACT:
            sa.initial_contact = True
