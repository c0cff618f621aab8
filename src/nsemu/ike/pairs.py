"""Pairs of IPsec SAs: made by a finished quick mode, replaced before they end, removed.

An SA is replaced before it ends (make before break): the initiator of its quick mode begins `soft_lifetime_buffer`
seconds ahead, the responder half of that ahead if nothing has happened by then. One that carried nothing ends. When
both ends negotiate at the same time, both pairs live, and both ends prefer the same one by the order of its SPIs, so
the next replacement is one again.
"""

from __future__ import annotations

from nsemu.ike import dialup
from nsemu.ike.context import IkeContext
from nsemu.ike.events import Phase2Completed, Removal, Role, SaKeys, SaRemoved
from nsemu.ike.exchange import QuickMode
from nsemu.ike.keys import derive_sa_keys
from nsemu.ike.notify import send_delete_sa
from nsemu.ike.peers import Gateway, SaPair, Tunnel
from nsemu.sim.scheduler import SECOND


def install(context: IkeContext, quick: QuickMode) -> None:
    """Both ends have what they need: make the pair, and settle which pair is the current one."""
    sa, tunnel, choice = quick.phase1, quick.tunnel, quick.choice
    assert tunnel is not None
    assert choice is not None
    tunnel.negotiations.remove(quick)
    protocol = choice.offer.protocol
    pair = SaPair(quick.role, protocol, quick.inbound_spi, choice.spi)
    pair.started, pair.settled, pair.completed = quick.started, quick.settled, context.now
    inbound = quick.inbound_keys or direction_keys(quick, quick.inbound_spi)
    outbound = direction_keys(quick, choice.spi)
    tunnel.sas.append(pair)
    current = _supersede(context, tunnel, pair)
    schedule(context, tunnel, pair, choice.lifetime)
    context.events.append(
        Phase2Completed(
            sa.gateway.parameters.name,
            sa.peer.address,
            tunnel.parameters.id,
            quick.message_id,
            quick.role,
            choice.proposal,
            sa.local,
            sa.peer,
            inbound,
            outbound,
            choice.lifetime,
            choice.lifesize,
            current,
            sa.nat.variant if sa.nat is not None else None,
            tunnel.parameters.transport,
            quick.originals,
        )
    )
    quick.shared, quick.key_pair, quick.inbound_keys = b"", None, None


def direction_keys(quick: QuickMode, spi: int) -> SaKeys:
    """The keys of the SA with `spi`, when both nonces are known."""
    sa, choice = quick.phase1, quick.choice
    assert choice is not None
    return derive_sa_keys(
        sa.proposal.hash,
        sa.session_keys().skeyid_d,
        choice.proposal,
        shared=quick.shared,
        protocol=choice.offer.protocol,
        spi=spi,
        nonces=quick.nonces,
    )


def _supersede(context: IkeContext, tunnel: Tunnel, pair: SaPair) -> bool:
    """Make `pair` the current one unless a pair negotiated at the same time outranks it; tell which."""
    old = tunnel.current
    if old is None:
        tunnel.current = pair
        return True
    if not pair.outranks(old):
        return False
    simultaneous = pair.started < old.settled
    tunnel.current = pair
    if old.soft is not None:
        old.soft.cancel()
    if not simultaneous:
        _end_at(context, tunnel, old, context.now + context.settings.superseded_linger)
    return True


def schedule(context: IkeContext, tunnel: Tunnel, pair: SaPair, lifetime: int) -> None:
    """Set both timers of a pair whose lifetime in seconds counts from its completion."""
    pair.stop_timers()
    pair.expires = pair.completed + lifetime * SECOND
    pair.expiry = context.timers.at(pair.expires, _expire, context, tunnel, pair)
    _watch(context, tunnel, pair)


def _watch(context: IkeContext, tunnel: Tunnel, pair: SaPair) -> None:
    """Set the soft timer, if this is the pair to replace. A buffer of 0 means no replacement ahead of time."""
    if tunnel.current is not pair or not context.settings.soft_lifetime_buffer:
        return
    lifetime = pair.expires - pair.completed
    ahead = min(context.settings.soft_lifetime_buffer * SECOND, lifetime // 4)
    if pair.role is Role.RESPONDER:
        ahead //= 2
    pair.soft = context.timers.at(max(context.now, pair.expires - ahead), _soft, context, tunnel, pair)


def _soft(context: IkeContext, tunnel: Tunnel, pair: SaPair) -> None:
    """Replace what has been used; an idle tunnel ends with its SA, unless it is to stay up (B344)."""
    if tunnel.current is not pair:
        return
    heartbeats = tunnel.gateway.parameters.heartbeat.reconnect
    if tunnel.parameters.renewed or heartbeats or context.used(tunnel.parameters.id) > pair.completed:
        context.negotiate(context, tunnel)


def _end_at(context: IkeContext, tunnel: Tunnel, pair: SaPair, when: int) -> None:
    if pair.expires > when:
        pair.expires = when
        if pair.expiry is not None:
            pair.expiry.cancel()
        pair.expiry = context.timers.at(when, _expire, context, tunnel, pair)


def _expire(context: IkeContext, tunnel: Tunnel, pair: SaPair) -> None:
    remove_pair(context, tunnel, pair, Removal.LIFETIME, tell=True)


def remove_pair(context: IkeContext, tunnel: Tunnel, pair: SaPair, reason: Removal, *, tell: bool) -> None:
    """Take a pair away; with `tell`, send a delete if a Phase 1 SA is up (none is begun for that)."""
    tunnel.sas.remove(pair)
    pair.stop_timers()
    context.spis.discard(pair.inbound_spi)
    if tunnel.current is pair:
        tunnel.current = tunnel.sas[-1] if tunnel.sas else None
        if tunnel.current is not None:
            _watch(context, tunnel, tunnel.current)
    gateway = tunnel.gateway
    if tell and gateway.phase1s:
        send_delete_sa(context, gateway.phase1s[-1], pair.protocol, pair.inbound_spi)
    parameters = gateway.parameters
    context.events.append(
        SaRemoved(
            parameters.name,
            gateway.address,
            tunnel.parameters.id,
            pair.inbound_spi,
            pair.outbound_spi,
            reason,
        )
    )
    dialup.release(context, gateway)


def remove_all(context: IkeContext, tunnel: Tunnel, reason: Removal, *, tell: bool) -> None:
    """Take all pairs of a tunnel away."""
    for pair in list(tunnel.sas):
        remove_pair(context, tunnel, pair, reason, tell=tell)


def find_outbound(gateway: Gateway, protocol: int, spi: int) -> tuple[Tunnel, SaPair] | None:
    """The pair of this gateway that sends with `spi`."""
    for tunnel in gateway.tunnels:
        for pair in tunnel.sas:
            if pair.outbound_spi == spi and pair.protocol == protocol:
                return tunnel, pair
    return None
