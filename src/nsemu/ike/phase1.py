"""The life of a Phase 1 SA: begun, answered, established, expired, removed.

What each message does is in the modes, when it may come in `tables`. Retransmission ends in failure; a responder that
has seen one packet only does not retransmit, so that a forged address draws one answer for each packet.
"""

from __future__ import annotations

from nsemu.ike import debug, dialup, keepalive, pairs
from nsemu.ike.context import IkeContext
from nsemu.ike.errors import PeerError
from nsemu.ike.events import (
    Failure,
    InitialContactSent,
    PeerMoved,
    Phase1Completed,
    Phase1Failed,
    Phase1Initiated,
    Phase1Refused,
    Phase1Removed,
    Phase1Responded,
    Phase2Failed,
    Refusal,
    Removal,
    Role,
    SaRemoved,
)
from nsemu.ike.exchange import (
    Exchange,
    Message,
    Phase1Sa,
    Protection,
    QuickMode,
    State,
    Transition,
    arm,
    check_payloads,
    is_duplicate,
    kinds_of,
    open_message,
    seal,
    transmit,
    unseal,
)
from nsemu.ike.notify import send_delete_phase1, send_informational, send_unprotected
from nsemu.ike.parameters import ISAKMP_PORT, Endpoint, Ends
from nsemu.ike.peers import Gateway
from nsemu.ike.proposals import build_lifetime
from nsemu.ike.tables import PHASE1, START
from nsemu.sim.scheduler import SECOND
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.isakmp import FLAG_ENCRYPTED, Header, PayloadType, build_message, build_payloads
from nsemu.wire.isakmp_payloads import PROTOCOL_ISAKMP, NotifyType, build_notification


def initiate(context: IkeContext, gateway: Gateway) -> None:
    """Send the first message to a gateway whose address is known."""
    parameters = gateway.parameters
    assert parameters.peer is not None
    local, peer = Endpoint(parameters.local, ISAKMP_PORT), Endpoint(parameters.peer, ISAKMP_PORT)
    sa = Phase1Sa(gateway, Role.INITIATOR, local, peer, context.now)
    cookie = context.new_cookie()
    sa.cookies = cookie + bytes(8)
    start = START[parameters.mode]
    payloads = start.offer(context, sa)
    sa.state = start.following
    context.initiated[cookie] = sa
    gateway.negotiating = sa
    context.events.append(Phase1Initiated(parameters.name, peer.address, parameters.mode))
    if context.debug is not None:
        debug.line(context.debug, peer.address, f"Phase 1: Initiated negotiation in {parameters.mode.value} mode.")
        debug.answering(context.debug, sa, [kind for kind, _ in payloads], encrypted=False)
    chain = build_payloads(payloads)
    message = build_message(sa.cookies, start.exchange, 0, PayloadType.SA, chain)
    transmit(context, sa, sa, message, kinds_of(payloads))
    arm(context, sa, sa, _retransmission_limit)


def receive(context: IkeContext, sa: Phase1Sa, header: Header, data: bytes, ends: Ends) -> bool:
    """Take a message of a Phase 1 exchange; tell whether it established the SA. Raises MalformedPacket."""
    if is_duplicate(context, sa, data, sa):
        return False
    transition = PHASE1.get((sa.state, header.exchange))
    encrypted = bool(header.flags & FLAG_ENCRYPTED)
    wanted = Protection.ENCRYPTED if encrypted else Protection.CLEAR
    if transition is None or transition.protection not in (wanted, Protection.EITHER) or header.message_id:
        context.counters.unexpected += 1
        return False
    try:
        message = _open(sa, header, data, encrypted)
        check_payloads(transition, message)
        if context.debug is not None:
            kinds = [payload.type for payload in message.payloads]
            debug.accepted(context.debug, sa.peer.address, sa, kinds, header.exchange)
        cookies = sa.cookies
        payloads = transition.action(context, sa, message._replace(ends=ends))
    except PeerError as error:
        _refuse(context, sa, data, error)
        return False
    if sa.cookies != cookies:
        context.phase1s[sa.cookies] = sa
    if encrypted:
        sa.iv = data[-sa.proposal.encryption.block_size :]
    if transition.following is State.ESTABLISHED and sa.is_responder and sa.nat is not None:
        sa.local, sa.peer = ends.destination, ends.source  # B306: the peer has moved to port 4500.
    sa.received, sa.rejected, sa.answer = data, None, None
    if transition.answer is not None:
        _answer(context, sa, header, transition, payloads)
    _advance(context, sa, transition)
    return sa.state is State.ESTABLISHED


def _open(sa: Phase1Sa, header: Header, data: bytes, encrypted: bool) -> Message:
    if not encrypted:
        return open_message(header, data, padded=False)
    try:
        return open_message(header, unseal(sa, sa.iv, data), padded=True)
    except MalformedPacket as error:
        # The usual cause are different preshared keys: the sender speaks IKE well enough to be told.
        raise PeerError(NotifyType.PAYLOAD_MALFORMED, Refusal.UNREADABLE) from error


def _answer(
    context: IkeContext, sa: Phase1Sa, header: Header, transition: Transition, payloads: list[tuple[int, bytes]]
) -> None:
    encrypted = transition.answer is Protection.ENCRYPTED
    if context.debug is not None:
        debug.answering(context.debug, sa, [kind for kind, _ in payloads], encrypted)
    if encrypted:
        reply = seal(sa, sa.iv, header.exchange, 0, payloads)
        sa.iv = reply[-sa.proposal.encryption.block_size :]
    else:
        reply = build_message(sa.cookies, header.exchange, 0, payloads[0][0], build_payloads(payloads))
    transmit(context, sa, sa, reply, kinds_of(payloads))


def _advance(context: IkeContext, sa: Phase1Sa, transition: Transition) -> None:
    before, sa.state = sa.state, transition.following
    if before is State.NONE:
        context.events.append(Phase1Responded(sa.gateway.parameters.name, sa.peer.address, sa.mode))
    if sa.state is State.ESTABLISHED:
        _establish(context, sa)
    elif transition.repeat:
        arm(context, sa, sa, _retransmission_limit)
    else:
        sa.stop_timer()
        sa.timer = context.after(context.settings.negotiation_limit, _time_limit, context, sa)


def _refuse(context: IkeContext, sa: Phase1Sa, data: bytes, error: PeerError) -> None:
    """Notify and log; the state stays, for the message may have been forged or damaged."""
    sa.rejected = data
    context.counters.refused += 1
    context.events.append(
        Phase1Refused(sa.gateway.parameters.name, sa.peer.address, sa.mode, sa.role, error.refusal, error.details)
    )
    send_unprotected(context, sa.cookies, error.notify, sa.local, sa.peer)


def _establish(context: IkeContext, sa: Phase1Sa) -> None:
    gateway = sa.gateway
    sa.stop_timer()
    context.half_open.pop(sa, None)
    if gateway.negotiating is sa:
        gateway.negotiating = None
    sa.last_block = sa.iv
    sa.established_at = context.now
    set_lifetime(context, sa, sa.lifetime)
    parameters = gateway.parameters
    context.events.append(
        Phase1Completed(
            parameters.name,
            sa.peer.address,
            sa.mode,
            sa.role,
            sa.initiator_cookie,
            sa.responder_cookie,
            sa.proposal,
            sa.lifetime,
            sa.session_keys().encryption_key,
        )
    )
    if context.debug is not None:
        debug.line(context.debug, sa.peer.address, "completing Phase 1")
    if sa.shortened:
        _announce_lifetime(context, sa)
    if parameters.initial_contact and not gateway.contacted and not gateway.phase1s:
        _announce_initial_contact(context, sa)
    gateway.contacted = True
    gateway.phase1s.append(sa)
    _leave_old_address(context, sa)
    gateway.learned = sa.peer
    gateway.natted = sa.nat is not None and sa.nat.remote
    keepalive.start(context, sa)


def _leave_old_address(context: IkeContext, sa: Phase1Sa) -> None:
    """A dynamic peer came back from another address: what was negotiated with the old one is dead."""
    gateway = sa.gateway
    before = gateway.learned
    if before is None or gateway.parameters.peer is not None or before.address == sa.peer.address or sa.nat is not None:
        return
    for other in [item for item in gateway.phase1s if item is not sa]:
        remove(context, other, Removal.PEER_MOVED)
    for tunnel in list(gateway.tunnels):
        pairs.remove_all(context, tunnel, Removal.PEER_MOVED, tell=False)


def follow(context: IkeContext, sa: Phase1Sa, ends: Ends) -> None:
    """An authentic message came: the peer lives, and one behind NAT is where it came from (RFC 3947 §7)."""
    sa.gateway.liveness.heard = context.now
    if sa.nat is None or not sa.nat.remote or (sa.peer == ends.source and sa.local == ends.destination):
        return
    sa.local, sa.peer = ends.destination, ends.source
    sa.gateway.learned = sa.peer
    tunnels = tuple(tunnel.parameters.id for tunnel in sa.gateway.tunnels)
    context.events.append(PeerMoved(sa.gateway.parameters.name, sa.peer.address, sa.local, sa.peer, tunnels))


def _announce_lifetime(context: IkeContext, sa: Phase1Sa) -> None:
    data = build_lifetime(sa.lifetime, life_type=11)
    body = build_notification(PROTOCOL_ISAKMP, NotifyType.RESPONDER_LIFETIME, sa.cookies, data)
    send_informational(context, sa, [(PayloadType.NOTIFICATION, body)])


def _announce_initial_contact(context: IkeContext, sa: Phase1Sa) -> None:
    body = build_notification(PROTOCOL_ISAKMP, NotifyType.INITIAL_CONTACT, sa.cookies)
    send_informational(context, sa, [(PayloadType.NOTIFICATION, body)])
    context.events.append(InitialContactSent(sa.gateway.parameters.name, sa.peer.address))


def set_lifetime(context: IkeContext, sa: Phase1Sa, lifetime: int) -> None:
    """Let an established SA end `lifetime` seconds after it was established."""
    if sa.expiry is not None:
        sa.expiry.cancel()
    sa.lifetime = lifetime
    sa.expires = sa.established_at + lifetime * SECOND
    sa.expiry = context.timers.at(sa.expires, _expire, context, sa)


def _expire(context: IkeContext, sa: Phase1Sa) -> None:
    send_delete_phase1(context, sa)
    remove(context, sa, Removal.LIFETIME)


def _retransmission_limit(context: IkeContext, exchange: Exchange) -> None:
    _fail(context, exchange, Failure.RETRANSMISSION_LIMIT)


def _time_limit(context: IkeContext, exchange: Exchange) -> None:
    _fail(context, exchange, Failure.TIME_LIMIT)


def _fail(context: IkeContext, exchange: Exchange, reason: Failure) -> None:
    assert isinstance(exchange, Phase1Sa)
    sa = exchange
    name = sa.gateway.parameters.name
    context.events.append(Phase1Failed(name, sa.peer.address, sa.mode, sa.role, reason))
    forget(context, sa)


def remove(context: IkeContext, sa: Phase1Sa, reason: Removal) -> None:
    """End an SA or a negotiation without telling the peer. IPsec SAs made under it stay."""
    if sa.state is State.ESTABLISHED:
        name, peer = sa.gateway.parameters.name, sa.peer.address
        context.events.append(Phase1Removed(name, peer, sa.initiator_cookie, sa.responder_cookie, reason))
    forget(context, sa)


def forget(context: IkeContext, sa: Phase1Sa) -> None:
    """Take an SA out of all tables, and give up the quick modes under it."""
    sa.state = State.DEAD
    sa.stop_timer()
    if sa.expiry is not None:
        sa.expiry.cancel()
    context.phase1s.pop(sa.cookies, None)
    context.initiated.pop(sa.initiator_cookie, None)
    context.responding.pop((sa.initiator_cookie, sa.origin), None)
    context.half_open.pop(sa, None)
    if sa in sa.gateway.phase1s:
        sa.gateway.phase1s.remove(sa)
    if sa.gateway.negotiating is sa:
        sa.gateway.negotiating = None
        sa.gateway.waiting.clear()
    for quick in list(sa.quick_modes.values()):
        if quick.state in (State.QUICK_OFFERED, State.QUICK_ANSWERED, State.QUICK_COMMIT):
            fail_quick_mode(context, quick, Failure.PHASE1_LOST)
        quick.stop_timer()
    sa.quick_modes.clear()
    sa.stop_login()
    dialup.release(context, sa.gateway)


def fail_quick_mode(context: IkeContext, quick: QuickMode, reason: Failure, error: PeerError | None = None) -> None:
    """End a quick mode that has made no SAs; take back the inbound half that a responder has announced."""
    quick.state = State.DEAD
    quick.stop_timer()
    context.spis.discard(quick.inbound_spi)
    tunnel = quick.tunnel
    if tunnel is not None and quick in tunnel.negotiations:
        tunnel.negotiations.remove(quick)
    name, peer = quick.phase1.gateway.parameters.name, quick.phase1.peer.address
    tunnel_id = tunnel.parameters.id if tunnel is not None else None
    if tunnel_id is not None and quick.inbound_keys is not None and quick.choice is not None:
        quick.inbound_keys = None
        spis = quick.inbound_spi, quick.choice.spi
        context.events.append(SaRemoved(name, peer, tunnel_id, *spis, Removal.UNCONFIRMED))
    refused = (error.refusal, error.details) if error is not None else (None, ())
    context.events.append(Phase2Failed(name, peer, tunnel_id, quick.message_id, quick.role, reason, *refused))
    dialup.release(context, quick.phase1.gateway)
