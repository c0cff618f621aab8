"""The life of quick modes: wanted, begun, answered, finished, refused. What comes of them is in `pairs`."""

from __future__ import annotations

from typing import Final

from nsemu.config.algorithms import ExchangeMode
from nsemu.ike import debug, phase1, quick_mode, tunnel_address
from nsemu.ike.context import IkeContext
from nsemu.ike.errors import PeerError
from nsemu.ike.events import (
    Failure,
    Phase2InboundReady,
    Phase2Initiated,
    Phase2Queued,
    Phase2Responded,
    Refusal,
    Removal,
    Role,
)
from nsemu.ike.exchange import (
    Exchange,
    Message,
    Payloads,
    Phase1Sa,
    QuickMode,
    State,
    arm,
    check_payloads,
    is_authentic,
    is_duplicate,
    kinds_of,
    open_message,
    seal_hashed,
    transmit,
    unseal,
)
from nsemu.ike.keys import exchange_iv
from nsemu.ike.notify import new_message_id, send_informational
from nsemu.ike.pairs import direction_keys, install
from nsemu.ike.parameters import Ends
from nsemu.ike.peers import Gateway, Tunnel
from nsemu.ike.tables import QUICK
from nsemu.sim.scheduler import SECOND, Duration
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.isakmp import FLAG_COMMIT, FLAG_ENCRYPTED, ExchangeType, Header, PayloadType
from nsemu.wire.isakmp_payloads import PROTOCOL_ESP, NotifyType, build_notification

_MEMORY: Final[Duration] = 60 * SECOND
"""How long a finished quick mode still answers repeated messages."""


def negotiate(context: IkeContext, tunnel: Tunnel) -> None:
    """Begin a quick mode, or Phase 1 first if there is none to use (B154, B155). While one is under way, do nothing."""
    gateway = tunnel.gateway
    if tunnel.negotiations or tunnel.parameters.id in gateway.waiting:
        return
    sa = usable_phase1(context, gateway)
    if sa is not None:
        _initiate(context, sa, tunnel)
        return
    peer = gateway.parameters.peer
    if peer is None:
        return  # B192: only the dynamic peer can begin, and only the dialup client.
    gateway.waiting[tunnel.parameters.id] = None
    context.events.append(Phase2Queued(gateway.parameters.name, peer, tunnel.parameters.id))
    if gateway.negotiating is None and all(sa.ready for sa in gateway.phase1s):
        phase1.initiate(context, gateway)


def usable_phase1(context: IkeContext, gateway: Gateway) -> Phase1Sa | None:
    """The newest established Phase 1 SA that will last through a quick mode."""
    for sa in reversed(gateway.phase1s):
        if not sa.ready:
            continue
        margin = min(context.settings.soft_lifetime_buffer * SECOND, sa.lifetime * SECOND // 4)
        if sa.expires - context.now > margin:
            return sa
    return None


def start_waiting(context: IkeContext, sa: Phase1Sa) -> None:
    """Phase 1 is up: begin the quick modes that waited for it."""
    gateway = sa.gateway
    if not sa.ready:
        return  # B264: the login comes first
    waiting = list(gateway.waiting)
    gateway.waiting.clear()
    for tunnel_id in waiting:
        tunnel = context.tunnels[tunnel_id]
        if not tunnel.negotiations:
            _initiate(context, sa, tunnel)


def _initiate(context: IkeContext, sa: Phase1Sa, tunnel: Tunnel) -> None:
    quick = QuickMode(sa, Role.INITIATOR, new_message_id(context, sa), context.now)
    payloads = quick_mode.offer(context, quick, tunnel)
    quick.iv = exchange_iv(sa.proposal.hash, sa.last_block, quick.message_id.to_bytes(4, "big"))
    sa.quick_modes[quick.message_id] = quick
    tunnel.negotiations.append(quick)
    name, peer = sa.gateway.parameters.name, sa.peer.address
    context.events.append(Phase2Initiated(name, peer, tunnel.parameters.id, quick.message_id))
    _send(context, quick, payloads, State.QUICK_NONE)
    quick.state = State.QUICK_OFFERED
    behind = sa.mode is ExchangeMode.AGGRESSIVE and not sa.is_responder and sa.established_at == context.now
    arm(context, quick, sa, _retransmission_limit, early=behind)


def _send(context: IkeContext, quick: QuickMode, payloads: Payloads, receiver: State) -> None:
    """Seal and send a message that finds its receiver in state `receiver`."""
    sa = quick.phase1
    seed = quick_mode.hash_seed(quick, receiver)
    data = seal_hashed(
        sa, quick.iv, ExchangeType.QUICK, quick.message_id, payloads, seed=seed, commit=_commits(context, quick)
    )
    quick.iv = data[-sa.proposal.encryption.block_size :]
    if context.debug is not None:
        debug.answering(context.debug, sa, kinds_of(payloads, PayloadType.HASH), encrypted=True)
    transmit(context, quick, sa, data, kinds_of(payloads, PayloadType.HASH))


def _commits(context: IkeContext, quick: QuickMode) -> bool:
    """Whether to set the commit bit; from then on it is in force, whatever the peer does."""
    settings = context.settings
    wanted = settings.initiator_commit if quick.role is Role.INITIATOR else settings.responder_commit
    quick.commit = quick.commit or wanted
    return wanted


def receive(context: IkeContext, sa: Phase1Sa, header: Header, data: bytes, ends: Ends) -> None:
    """Take a quick mode message under an established Phase 1 SA."""
    quick = sa.quick_modes.get(header.message_id)
    if quick is None:
        if header.message_id in sa.message_ids or not header.message_id:
            context.counters.message_id_reused += 1
            return
        quick = QuickMode(sa, Role.RESPONDER, header.message_id, context.now)
        quick.iv = exchange_iv(sa.proposal.hash, sa.last_block, header.message_id.to_bytes(4, "big"))
    elif is_duplicate(context, quick, data, sa):
        return
    transition = QUICK.get(quick.state)
    if transition is None or not header.flags & FLAG_ENCRYPTED:
        context.counters.unexpected += 1
        return
    message = _open_authentic(context, quick, header, data)
    if message is None:
        return
    phase1.follow(context, sa, ends)
    before = quick.state
    if before is State.QUICK_NONE:
        # Authentic, so the ID is used up, whatever becomes of the message (RFC 2408 §3.1).
        sa.message_ids.add(header.message_id)
        sa.quick_modes[header.message_id] = quick
    quick.received, quick.answer = data, None
    quick.iv = data[-sa.proposal.encryption.block_size :]
    try:
        check_payloads(transition, message)
        if context.debug is not None:
            kinds = [payload.type for payload in message.payloads]
            debug.accepted(context.debug, sa.peer.address, quick, kinds, header.exchange)
        payloads = transition.action(context, quick, message)
    except PeerError as error:
        _refuse(context, quick, error)
        return
    except MalformedPacket:
        _refuse_malformed(context, quick)
        return
    quick.state = transition.following
    quick.commit = quick.commit or bool(header.flags & FLAG_COMMIT)
    if quick.state is State.QUICK_ANSWERED:
        _await_confirmation(context, quick, payloads)
        return
    quick.stop_timer()
    if transition.answer is not None:
        quick.settled = context.now
        _send(context, quick, payloads, State.QUICK_ANSWERED)
        if quick.commit:
            _await_connected(context, quick)
            return
    elif quick.commit and quick.role is Role.RESPONDER:
        _tell_connected(context, quick)
    _finish(context, quick)


def _finish(context: IkeContext, quick: QuickMode) -> None:
    quick.state = State.QUICK_DONE
    quick.stop_timer()
    install(context, quick)
    tunnel_address.learn(context, quick)
    quick.timer = context.after(_MEMORY, _forget, quick)


def _await_connected(context: IkeContext, quick: QuickMode) -> None:
    """The commit bit: take what the responder sends through the new SA, but do not send before it says so.

    Message 3 is repeated until then. A peer that ignores the bit is not waited for longer than that.
    """
    quick.state = State.QUICK_COMMIT
    _announce_inbound(context, quick)
    arm(context, quick, quick.phase1, _use_unconfirmed)


def _use_unconfirmed(context: IkeContext, exchange: Exchange) -> None:
    assert isinstance(exchange, QuickMode)
    _finish(context, exchange)


def _tell_connected(context: IkeContext, quick: QuickMode) -> None:
    """Message 4, which answers every repetition of message 3."""
    sa, choice = quick.phase1, quick.choice
    assert choice is not None
    spi = quick.inbound_spi.to_bytes(4, "big")
    payloads: Payloads = [
        (PayloadType.NOTIFICATION, build_notification(choice.offer.protocol, NotifyType.CONNECTED, spi))
    ]
    octets = quick.message_id.to_bytes(4, "big")
    iv = exchange_iv(sa.proposal.hash, sa.last_block, octets)
    data = seal_hashed(sa, iv, ExchangeType.INFORMATIONAL, quick.message_id, payloads, seed=octets, commit=True)
    transmit(context, quick, sa, data, kinds_of(payloads, PayloadType.HASH))


def take_connected(context: IkeContext, sa: Phase1Sa, message_id: int, spi: bytes) -> None:
    """CONNECTED came in an informational exchange, under the ID of the quick mode or under its own with the SPI."""
    for quick in list(sa.quick_modes.values()):
        named = quick.choice is not None and spi == quick.choice.spi.to_bytes(4, "big")
        if quick.state is State.QUICK_COMMIT and (quick.message_id == message_id or named):
            _finish(context, quick)


def _open_authentic(context: IkeContext, quick: QuickMode, header: Header, data: bytes) -> Message | None:
    """The opened message, or None (and a counter) if it was not made with our keys."""
    sa = quick.phase1
    try:
        message = open_message(header, unseal(sa, quick.iv, data), padded=True)
    except MalformedPacket:
        message = None
    if message is None or not is_authentic(sa, message, quick_mode.hash_seed(quick, quick.state)):
        context.counters.unauthenticated += 1
        return None
    return message


def _await_confirmation(context: IkeContext, quick: QuickMode, payloads: Payloads) -> None:
    sa, tunnel, choice = quick.phase1, quick.tunnel, quick.choice
    assert tunnel is not None
    assert choice is not None
    tunnel.negotiations.append(quick)
    name, peer, tunnel_id = sa.gateway.parameters.name, sa.peer.address, tunnel.parameters.id
    context.events.append(Phase2Responded(name, peer, tunnel_id, quick.message_id))
    _send(context, quick, payloads, State.QUICK_OFFERED)
    quick.nonces += payloads[1][1]
    _announce_inbound(context, quick)
    arm(context, quick, sa, _retransmission_limit)


def _announce_inbound(context: IkeContext, quick: QuickMode) -> None:
    """Our half is ready: the peer may use it before we hear of it again."""
    sa, tunnel, choice = quick.phase1, quick.tunnel, quick.choice
    assert tunnel is not None
    assert choice is not None
    keys = quick.inbound_keys = direction_keys(quick, quick.inbound_spi)
    names = sa.gateway.parameters.name, sa.peer.address, tunnel.parameters.id, quick.message_id
    ends, lifetimes = (sa.local, sa.peer), (choice.lifetime, choice.lifesize)
    nat = sa.nat.variant if sa.nat is not None else None
    mode = tunnel.parameters.transport, quick.originals
    context.events.append(Phase2InboundReady(*names, choice.proposal, *ends, keys, *lifetimes, nat, *mode))


def _retransmission_limit(context: IkeContext, exchange: Exchange) -> None:
    """The peer is silent. As initiator, do not trust this Phase 1 SA again: the peer may have lost it."""
    assert isinstance(exchange, QuickMode)
    phase1.fail_quick_mode(context, exchange, Failure.RETRANSMISSION_LIMIT)
    if exchange.role is Role.INITIATOR:
        phase1.remove(context, exchange.phase1, Removal.PEER_SILENT)


def _refuse_malformed(context: IkeContext, quick: QuickMode) -> None:
    _refuse(context, quick, PeerError(NotifyType.PAYLOAD_MALFORMED, Refusal.PAYLOADS))


def _refuse(context: IkeContext, quick: QuickMode, error: PeerError) -> None:
    """End a quick mode whose authentic message is not acceptable, and tell the peer under protection."""
    context.counters.refused += 1
    sa = quick.phase1
    protocol, spi = _named_in_error(quick)
    body = build_notification(protocol, error.notify, spi)
    # Seen again, the message is answered with the notification again: it may have been lost.
    quick.answer = send_informational(context, sa, [(PayloadType.NOTIFICATION, body)])
    quick.contents = (PayloadType.HASH, PayloadType.NOTIFICATION)
    phase1.fail_quick_mode(context, quick, Failure.REFUSED, error)
    quick.timer = context.after(_MEMORY, _forget, quick)


def _named_in_error(quick: QuickMode) -> tuple[int, bytes]:
    """The SPI by which the peer can tell which of its quick modes was refused: the initiator's."""
    if quick.role is Role.INITIATOR:
        return PROTOCOL_ESP, quick.inbound_spi.to_bytes(4, "big")
    return PROTOCOL_ESP, quick.peer_spi if len(quick.peer_spi) == 4 else b""


def refused_by_peer(context: IkeContext, sa: Phase1Sa, spi: bytes) -> None:
    """A protected error notification came: end the quick mode that it names, or the only one there is."""
    under_way = (State.QUICK_OFFERED, State.QUICK_ANSWERED, State.QUICK_COMMIT)
    pending = [quick for quick in sa.quick_modes.values() if quick.state in under_way]
    if len(spi) == 4:
        pending = [quick for quick in pending if spi in (quick.inbound_spi.to_bytes(4, "big"), quick.peer_spi)]
    if len(pending) == 1:
        phase1.fail_quick_mode(context, pending[0], Failure.REFUSED_BY_PEER)


def _forget(quick: QuickMode) -> None:
    quick.phase1.quick_modes.pop(quick.message_id, None)


def abandon(context: IkeContext, quick: QuickMode) -> None:
    """End a quick mode whose tunnel goes away. Its ID stays used up."""
    phase1.fail_quick_mode(context, quick, Failure.PHASE1_LOST)
    _forget(quick)
