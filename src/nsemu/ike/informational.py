"""Informational exchanges that come in (RFC 2409 §5.7): notifications and deletes.

Only those protected by an established Phase 1 SA have an effect. One in the clear can be forged by anybody: it is
counted, told as an event, and never acted on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nsemu.ike import liveness, pairs, phase1, phase2
from nsemu.ike.context import IkeContext
from nsemu.ike.events import InitialContactReceived, LifetimeShortened, NotifyReceived, Removal
from nsemu.ike.exchange import Message, Phase1Sa, State, is_authentic, open_message, unseal
from nsemu.ike.keys import exchange_iv
from nsemu.ike.parameters import Ends
from nsemu.ike.proposals import read_lifetime
from nsemu.sim.scheduler import SECOND
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.isakmp import FLAG_ENCRYPTED, Header, PayloadType
from nsemu.wire.isakmp_payloads import (
    LAST_ERROR_NOTIFY,
    PROTOCOL_ISAKMP,
    Notification,
    NotifyType,
    parse_delete,
    parse_notification,
)


def receive_unprotected(context: IkeContext, header: Header, data: bytes, ends: Ends) -> None:
    """Tell of notifications in the clear; deletes are only counted. Raises MalformedPacket."""
    context.counters.unprotected += 1
    message = open_message(header, data, padded=False)
    gateway = context.gateway_at(ends.destination.address, ends.source.address)
    name = gateway.parameters.name if gateway else ""
    for body in message.all(PayloadType.NOTIFICATION):
        notification = parse_notification(body)
        if gateway is not None:
            context.events.append(
                NotifyReceived(name, ends.source.address, notification.doi, notification.type, protected=False)
            )


def receive(context: IkeContext, sa: Phase1Sa, header: Header, data: bytes, ends: Ends) -> None:
    """Act on a protected informational exchange."""
    if sa.state is not State.ESTABLISHED or not header.flags & FLAG_ENCRYPTED or not header.message_id:
        context.counters.unexpected += 1
        return
    quick = sa.quick_modes.get(header.message_id)
    waits = quick is not None and quick.state is State.QUICK_COMMIT
    if header.message_id in sa.message_ids and not waits:
        context.counters.message_id_reused += 1
        return
    message = _open_authentic(context, sa, header, data)
    if message is None:
        return
    sa.message_ids.add(header.message_id)
    phase1.follow(context, sa, ends)
    for body in message.all(PayloadType.NOTIFICATION):
        notification = parse_notification(body)
        if notification.type == NotifyType.CONNECTED:
            phase2.take_connected(context, sa, header.message_id, notification.spi)
        _take_notification(context, sa, notification)
    for body in message.all(PayloadType.DELETE):
        _take_delete(context, sa, body)


def _open_authentic(context: IkeContext, sa: Phase1Sa, header: Header, data: bytes) -> Message | None:
    octets = header.message_id.to_bytes(4, "big")
    iv = exchange_iv(sa.proposal.hash, sa.last_block, octets)
    try:
        message = open_message(header, unseal(sa, iv, data), padded=True)
    except MalformedPacket:
        message = None
    if message is None or not is_authentic(sa, message, octets):
        context.counters.unauthenticated += 1
        return None
    return message


def _take_notification(context: IkeContext, sa: Phase1Sa, notification: Notification) -> None:
    watch = _LIVENESS.get(notification.type)
    if watch is not None:
        watch(context, sa, notification)
        return
    name, peer = sa.gateway.parameters.name, sa.peer.address
    context.events.append(NotifyReceived(name, peer, notification.doi, notification.type, protected=True))
    act = _ACTIONS.get(notification.type)
    if act is not None:
        act(context, sa, notification)
    elif notification.type <= LAST_ERROR_NOTIFY:
        phase2.refused_by_peer(context, sa, notification.spi)


def initial_contact(context: IkeContext, sa: Phase1Sa, _notification: Notification | None = None) -> None:
    """The peer says that this is the first SA it has with us: older ones are leftovers (RFC 2407 §4.6.3.3)."""
    gateway = sa.gateway
    old = [other for other in gateway.phase1s if other is not sa]
    leftovers = [
        (tunnel, pair) for tunnel in gateway.tunnels for pair in tunnel.sas if pair.completed < sa.established_at
    ]
    for other in old:
        phase1.remove(context, other, Removal.INITIAL_CONTACT)
    for tunnel, pair in leftovers:
        pairs.remove_pair(context, tunnel, pair, Removal.INITIAL_CONTACT, tell=False)
    name = gateway.parameters.name
    context.events.append(InitialContactReceived(name, sa.peer.address, len(old), len(leftovers)))


def _invalid_spi(context: IkeContext, sa: Phase1Sa, notification: Notification) -> None:
    """The peer has no SA for what we send: stop to use ours, so that traffic negotiates a new one."""
    spi = notification.spi or notification.data
    found = pairs.find_outbound(sa.gateway, notification.protocol, int.from_bytes(spi[:4], "big"))
    if found is not None:
        pairs.remove_pair(context, *found, Removal.UNKNOWN_TO_PEER, tell=False)
    else:
        phase2.refused_by_peer(context, sa, notification.spi)


def _responder_lifetime(context: IkeContext, sa: Phase1Sa, notification: Notification) -> None:
    """The responder keeps an SA for a shorter time than was offered (RFC 2407 §4.6.3.1); longer ones are ignored."""
    if notification.protocol == PROTOCOL_ISAKMP:
        seconds = read_lifetime(notification.data, life_type=11).seconds
        if 0 < seconds < sa.lifetime:
            phase1.set_lifetime(context, sa, seconds)
        return
    found = pairs.find_outbound(sa.gateway, notification.protocol, int.from_bytes(notification.spi, "big"))
    seconds, kilobytes = read_lifetime(notification.data)
    if found is None or not seconds:
        return
    tunnel, pair = found
    if pair.completed + seconds * SECOND < pair.expires:
        pairs.schedule(context, tunnel, pair, seconds)
        name, peer = sa.gateway.parameters.name, sa.peer.address
        context.events.append(LifetimeShortened(name, peer, tunnel.parameters.id, pair.inbound_spi, seconds, kilobytes))


def _take_delete(context: IkeContext, sa: Phase1Sa, body: bytes) -> None:
    delete = parse_delete(body)
    for spi in delete.spis:
        if delete.protocol == PROTOCOL_ISAKMP:
            doomed = context.phase1s.get(spi)
            if doomed is not None and doomed.gateway is sa.gateway and doomed.state is State.ESTABLISHED:
                phase1.remove(context, doomed, Removal.DELETED_BY_PEER)
        else:
            found = pairs.find_outbound(sa.gateway, delete.protocol, int.from_bytes(spi, "big"))
            if found is not None:
                pairs.remove_pair(context, *found, Removal.DELETED_BY_PEER, tell=False)


_LIVENESS: Final[dict[int, Callable[[IkeContext, Phase1Sa, Notification], None]]] = {
    NotifyType.R_U_THERE: liveness.answer,
    NotifyType.R_U_THERE_ACK: liveness.take_answer,
    NotifyType.HEARTBEAT: liveness.take_heartbeat,
}
"""Those that come all the time, and are no events."""

_ACTIONS: Final[dict[int, Callable[[IkeContext, Phase1Sa, Notification], None]]] = {
    NotifyType.INITIAL_CONTACT: initial_contact,
    NotifyType.INVALID_SPI: _invalid_spi,
    NotifyType.RESPONDER_LIFETIME: _responder_lifetime,
}
