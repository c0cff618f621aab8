"""Quick mode: the three messages (RFC 2409 §5.5; B049, B056 to B058).

    initiator                                      responder
    HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]  -->
                                  <--  HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr]
    HDR*, HASH(3)                                -->
                                  <--  HDR*, HASH, N (CONNECTED)      with the commit bit only

With the commit bit, set by either end, the initiator does not send through the new SA before the responder has told it
that it is ready (RFC 2408 §3.1). The last message is an informational exchange under the message ID of the quick mode;
as a fourth message of quick mode, which drafts had, it is understood too.
The HASH payloads are made and checked where messages are sealed and opened; `hash_seed` says what goes in first.
"""

from __future__ import annotations

from collections.abc import Callable

from nsemu.config.algorithms import DhGroup
from nsemu.config.ike import Phase2Proposal
from nsemu.ike import dialup, tunnel_address
from nsemu.ike.any_proposal import any_phase2, no_phase2
from nsemu.ike.authentication import peer_nonce, shared_secret
from nsemu.ike.context import IkeContext
from nsemu.ike.errors import PeerError
from nsemu.ike.events import ProxyIdIgnored, ReceivedProxyId, Refusal
from nsemu.ike.exchange import Message, Payloads, Phase1Sa, QuickMode, State
from nsemu.ike.identification import Selector, decode_selector, encode_selector
from nsemu.ike.nat_traversal import encapsulation_mode, read_originals, tell_originals
from nsemu.ike.peers import Tunnel
from nsemu.ike.proposals import (
    DEFAULT_LIFETIME,
    MINIMUM_SPI,
    WIRE_PROTOCOL,
    Phase2Choice,
    Phase2Key,
    build_lifetime,
    choose_phase2,
    read_lifetime,
    read_phase2,
    single_transform,
)
from nsemu.runtime.crypto.dh import DhKeyPair
from nsemu.wire.address import Prefix
from nsemu.wire.isakmp import PayloadType
from nsemu.wire.isakmp_payloads import (
    NotifyType,
    SecurityAssociation,
    build_notification,
    build_security_association,
    parse_notification,
    parse_security_association,
)


def hash_seed(quick: QuickMode, state: State) -> bytes:
    """What HASH(1), HASH(2) or HASH(3) starts with; `state` is where the message finds its receiver."""
    message_id = quick.message_id.to_bytes(4, "big")
    if state is State.QUICK_ANSWERED:
        return b"\0" + message_id + quick.nonces
    return message_id + quick.nonces if state is State.QUICK_OFFERED else message_id


def offer(context: IkeContext, quick: QuickMode, tunnel: Tunnel) -> Payloads:
    """Message 1: all proposals in order, with one new inbound SPI."""
    quick.tunnel = tunnel
    quick.inbound_spi = context.new_spi()
    quick.nonces = context.stream.octets(context.settings.nonce_size)
    spi = quick.inbound_spi.to_bytes(4, "big")
    transport = tunnel.parameters.transport
    body = spi.join(tunnel.offer_in(encapsulation_mode(quick.phase1, transport)))
    payloads: Payloads = [(PayloadType.SA, body), (PayloadType.NONCE, quick.nonces)]
    group = tunnel.parameters.proposals[0].pfs
    if group is not None:
        quick.key_pair = DhKeyPair.generate(group, context.stream)
        payloads.append((PayloadType.KEY_EXCHANGE, quick.key_pair.public))
    quick.identities = [tunnel.local_id, tunnel.remote_id] if context.settings.send_proxy_ids else []
    payloads += [(PayloadType.IDENTIFICATION, identity) for identity in quick.identities]
    payloads += tell_originals(quick.phase1, transport)
    payloads += tunnel_address.told(quick, WIRE_PROTOCOL[tunnel.parameters.proposals[0].protocol])
    return payloads


def answer(context: IkeContext, quick: QuickMode, message: Message) -> Payloads:
    """Message 1 → 2: the responder finds the tunnel by its proxy ID and takes the first acceptable proposal."""
    offered = parse_security_association(message.bodies[PayloadType.SA])
    quick.peer_spi = offered.proposals[0].spi if offered.proposals else b""
    identities = message.all(PayloadType.IDENTIFICATION)
    tunnels = _find_tunnels(context, quick.phase1, identities)
    quick.tunnel = tunnels[0]
    make = any_phase2 if context.settings.accept_all_proposals else no_phase2
    tunnel, choice = _choose(quick.phase1, tunnels, offered, make)
    transport = tunnel.parameters.transport
    quick.originals = read_originals(quick.phase1, message, from_initiator=True) if transport else None
    theirs = peer_nonce(message)
    group = choice.proposal.pfs
    pair, shared = _exchange_keys(context, group, message)
    nonce = context.stream.octets(context.settings.nonce_size)
    quick.tunnel, quick.choice, quick.shared = _own_tunnel(context, quick.phase1, tunnel, identities), choice, shared
    quick.nonces = theirs
    quick.inbound_spi = context.new_spi()
    spi = quick.inbound_spi.to_bytes(4, "big")
    body = build_security_association((choice.offer._replace(spi=spi),))
    payloads: Payloads = [(PayloadType.SA, body), (PayloadType.NONCE, nonce)]
    if pair is not None:
        payloads.append((PayloadType.KEY_EXCHANGE, pair.public))
    payloads += [(PayloadType.IDENTIFICATION, identity) for identity in identities]
    payloads += tell_originals(quick.phase1, transport)
    if choice.shortened:
        lifetime = build_lifetime(choice.lifetime, choice.lifesize)
        notification = build_notification(choice.offer.protocol, NotifyType.RESPONDER_LIFETIME, spi, lifetime)
        payloads.append((PayloadType.NOTIFICATION, notification))
    tunnel_address.note(quick, message)
    payloads += tunnel_address.told(quick, choice.offer.protocol)
    return payloads


def _own_tunnel(context: IkeContext, phase1: Phase1Sa, found: Tunnel, identities: list[bytes]) -> Tunnel:
    """The tunnel itself; for a dialup client its own one, made of what was found. Raises PeerError without room."""
    if phase1.gateway.caller is None:
        return found
    theirs, ours = _selectors(phase1, identities)
    own = dialup.tunnel_for(context, phase1.gateway, found, (encode_selector(theirs), encode_selector(ours)))
    if own is None:
        raise PeerError(NotifyType.NO_PROPOSAL_CHOSEN, Refusal.TUNNEL_LIMIT)
    return own


def _find_tunnels(context: IkeContext, phase1: Phase1Sa, identities: list[bytes]) -> list[Tunnel]:
    """The tunnels of the gateway whose proxy ID mirrors the peer's (B057, B173, B197). Raises PeerError.

    Without ID payloads the peer means the two gateways themselves (RFC 2409 §5.5). If nothing is to be compared, one
    that is not known means the first tunnel there is.
    """
    try:
        return _mirrored_tunnels(context, phase1, identities)
    except PeerError:
        if context.settings.check_proxy_ids or not phase1.gateway.tunnels or len(identities) not in (0, 2):
            raise
    name = phase1.gateway.parameters.name
    context.events.append(ProxyIdIgnored(name, phase1.peer.address))
    return phase1.gateway.tunnels


def _mirrored_tunnels(context: IkeContext, phase1: Phase1Sa, identities: list[bytes]) -> list[Tunnel]:
    selectors = phase1.gateway.selectors
    if len(identities) == 2:
        found = selectors.get((identities[0], identities[1]))
        if found:
            return found
    remote, local = _selectors(phase1, identities)
    key = encode_selector(remote), encode_selector(local)
    hidden = phase1.nat is not None and phase1.nat.local
    found = selectors.get(key) or dialup.template_tunnels(context, phase1.gateway, key, hidden=hidden)
    if found:
        return found
    received = ReceivedProxyId(local.prefix, remote.prefix, local.protocol, local.port, remote.protocol, remote.port)
    known = tuple(tunnel.parameters for tunnel in phase1.gateway.tunnels)
    raise PeerError(NotifyType.INVALID_ID_INFORMATION, Refusal.PROXY_ID, received, known)


def _selectors(phase1: Phase1Sa, identities: list[bytes]) -> tuple[Selector, Selector]:
    """The proxy ID of the initiator, the remote half first. Raises PeerError."""
    if len(identities) == 2:
        return decode_selector(identities[0]), decode_selector(identities[1])
    if identities:
        raise PeerError(NotifyType.PAYLOAD_MALFORMED, Refusal.PAYLOADS)
    return Selector(Prefix(phase1.peer.address, 32), 0, 0), Selector(Prefix(phase1.local.address, 32), 0, 0)


def _choose(
    phase1: Phase1Sa,
    tunnels: list[Tunnel],
    offered: SecurityAssociation,
    make: Callable[[Phase2Key], Phase2Proposal | None],
) -> tuple[Tunnel, Phase2Choice]:
    """The first tunnel that accepts an offer; if none does, what the first one has against it."""
    refusal: PeerError | None = None
    for tunnel in tunnels:
        mode = encapsulation_mode(phase1, tunnel.parameters.transport)
        try:
            return tunnel, choose_phase2(offered, tunnel.acceptable, mode, make)
        except PeerError as error:
            refusal = refusal or error
    assert refusal is not None
    raise refusal


def _exchange_keys(context: IkeContext, group: DhGroup | None, message: Message) -> tuple[DhKeyPair | None, bytes]:
    """Own key pair and shared secret if PFS was agreed (B058). Raises PeerError if the key exchange does not fit."""
    theirs = message.bodies.get(PayloadType.KEY_EXCHANGE)
    if (group is None) != (theirs is None):
        raise PeerError(NotifyType.INVALID_KEY_INFORMATION, Refusal.KEY_EXCHANGE)
    if group is None or theirs is None:
        return None, b""
    pair = DhKeyPair.generate(group, context.stream)
    return pair, shared_secret(pair, theirs)


def finish(_context: IkeContext, quick: QuickMode, message: Message) -> Payloads:
    """Message 2 → 3: the initiator checks that it got what it offered."""
    tunnel = quick.tunnel
    assert tunnel is not None
    transport = tunnel.parameters.transport
    choice = _take_choice(tunnel, message, encapsulation_mode(quick.phase1, transport))
    quick.originals = read_originals(quick.phase1, message, from_initiator=False) if transport else None
    identities = message.all(PayloadType.IDENTIFICATION)
    if [decode_selector(body) for body in identities] != [decode_selector(body) for body in quick.identities]:
        raise PeerError(NotifyType.INVALID_ID_INFORMATION, Refusal.PROXY_ID)
    theirs = message.bodies.get(PayloadType.KEY_EXCHANGE)
    if (quick.key_pair is None) != (theirs is None):
        raise PeerError(NotifyType.INVALID_KEY_INFORMATION, Refusal.KEY_EXCHANGE)
    nonce = peer_nonce(message)
    tunnel_address.note(quick, message)
    if quick.key_pair is not None and theirs is not None:
        quick.shared = shared_secret(quick.key_pair, theirs)
    quick.nonces += nonce
    quick.choice = choice
    return []


def _take_choice(tunnel: Tunnel, message: Message, mode: int) -> Phase2Choice:
    """The responder's choice, checked against the offer, with the lifetime it announced."""
    offer_ = single_transform(parse_security_association(message.bodies[PayloadType.SA]))
    read = read_phase2(offer_.protocol, offer_.transforms[0], mode)
    proposal = tunnel.offered.get(read[0]) if read else None
    spi = int.from_bytes(offer_.spi, "big")
    if read is None or proposal is None or len(offer_.spi) != 4 or spi < MINIMUM_SPI:
        raise PeerError(NotifyType.NO_PROPOSAL_CHOSEN, Refusal.NO_PROPOSAL)
    lifetime = min(proposal.lifetime, read[1].seconds or DEFAULT_LIFETIME)
    lifesize = read[1].kilobytes
    for body in message.all(PayloadType.NOTIFICATION):
        notification = parse_notification(body)
        if notification.type == NotifyType.RESPONDER_LIFETIME:
            announced = read_lifetime(notification.data)
            lifetime = min(lifetime, announced.seconds or lifetime)
            lifesize = min(lifesize, announced.kilobytes) or lifesize or announced.kilobytes
    return Phase2Choice(proposal, lifetime, lifesize, False, spi, offer_)


def connected(_context: IkeContext, _quick: QuickMode, message: Message) -> Payloads:
    """A fourth message, for the initiator that waits because of the commit bit. Raises PeerError for another one."""
    kinds = [parse_notification(body).type for body in message.all(PayloadType.NOTIFICATION)]
    if NotifyType.CONNECTED not in kinds:
        raise PeerError(NotifyType.PAYLOAD_MALFORMED, Refusal.PAYLOADS)
    return []


def confirm(_context: IkeContext, _quick: QuickMode, _message: Message) -> Payloads:
    """Message 3: its HASH said all."""
    return []
