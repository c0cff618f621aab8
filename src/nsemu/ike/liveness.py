"""Is the peer alive? Dead peer detection (RFC 3706; B355 to B358), IKE heartbeats (B353, B354), recovery (B359).

DPD asks when nothing has come for an interval; heartbeats are sent by both ends all the time. Both go on while tunnels
live, and make a new Phase 1 SA for it when the last one has ended. Whichever finds the peer dead, its SAs are removed
without a word to it, and with a reconnect interval Phase 1 is tried until it succeeds.
The format of ScreenOS heartbeats is not public: ours is a notification of a private type with a sequence number.
"""

from __future__ import annotations

from nsemu.ike import pairs, phase1, phase2
from nsemu.ike.context import IkeContext
from nsemu.ike.events import HeartbeatsDisabled, PeerDead, Removal, Watch
from nsemu.ike.exchange import Phase1Sa
from nsemu.ike.notify import send_informational
from nsemu.ike.peers import Gateway
from nsemu.sim.scheduler import SECOND, Instant
from nsemu.wire.isakmp import PayloadType
from nsemu.wire.isakmp_payloads import PROTOCOL_ISAKMP, Notification, NotifyType, build_notification


def start(context: IkeContext, sa: Phase1Sa) -> None:
    """Phase 1 is up: watch the peer from now on, as the gateway is configured."""
    gateway, watch = sa.gateway, sa.gateway.liveness
    watch.stop()
    watch.heard = watch.beat_received = context.now
    watch.unanswered = 0
    watch.beating = False  # `beats` stays: who has sent them does not lose the habit with a new Phase 1 SA.
    parameters = gateway.parameters
    if parameters.dpd.interval and sa.peer_dpd:
        watch.dpd = context.after(parameters.dpd.interval * SECOND, _ask, context, gateway)
    hello = parameters.heartbeat.hello
    if hello and sa.peer_heartbeat:
        watch.beating = True
        # The first one soon, so that the peer knows that we send them before anything can happen to us.
        watch.hello = context.after(SECOND, _beat, context, gateway)
        watch.check = context.after(hello * parameters.heartbeat.threshold * SECOND, _check, context, gateway)
    elif hello:
        _disable(context, gateway)


def _is_watched(context: IkeContext, gateway: Gateway) -> bool:
    """Whether there is anything left of a peer: a Phase 1 SA, or tunnels that may outlive it by hours."""
    return context.in_force(gateway) and bool(gateway.phase1s or any(tunnel.sas for tunnel in gateway.tunnels))


def _speak(context: IkeContext, gateway: Gateway) -> Phase1Sa | None:
    """The SA to speak under. Without one, Phase 1 is begun, which is a question of its own (RFC 3706 §5.5)."""
    if gateway.phase1s:
        return gateway.phase1s[-1]
    if gateway.negotiating is None and gateway.parameters.peer is not None:
        phase1.initiate(context, gateway)
    return None


def _send(context: IkeContext, sa: Phase1Sa, kind: NotifyType, sequence: int) -> None:
    body = build_notification(PROTOCOL_ISAKMP, kind, sa.cookies, sequence.to_bytes(4, "big"))
    send_informational(context, sa, [(PayloadType.NOTIFICATION, body)])


# --- dead peer detection


def _last_sign(context: IkeContext, gateway: Gateway) -> Instant:
    """When anything authentic last came: IKE messages, or packets through a tunnel."""
    traffic = (context.traffic(tunnel.parameters.id) for tunnel in gateway.tunnels)
    return max(gateway.liveness.heard, *traffic, 0)


def _ask(context: IkeContext, gateway: Gateway) -> None:
    watch, settings = gateway.liveness, gateway.parameters.dpd
    watch.dpd = None
    if not _is_watched(context, gateway):
        return
    last = _last_sign(context, gateway)
    if last > watch.asked:
        watch.unanswered = 0
    if watch.unanswered >= settings.retry:
        _dead(context, gateway, Watch.DPD, watch.unanswered)
        return
    due = last + settings.interval * SECOND
    if not watch.unanswered and not settings.always_send and due > context.now:
        watch.dpd = context.timers.at(due, _ask, context, gateway)
        return
    if not watch.unanswered:
        # A repeated request keeps its number (RFC 3706 §6.2).
        watch.sequence = watch.sequence % 0x7FFFFFFF + 1 if watch.sequence else context.stream.integer(1, 0x7FFFFFFF)
    watch.unanswered += 1
    watch.asked = context.now
    sa = _speak(context, gateway)
    if sa is not None:
        _send(context, sa, NotifyType.R_U_THERE, watch.sequence)
    watch.dpd = context.after(settings.interval * SECOND, _ask, context, gateway)


def answer(context: IkeContext, sa: Phase1Sa, notification: Notification) -> None:
    """R-U-THERE: we are, whether we ask ourselves or not (RFC 3706 §5.3)."""
    if notification.spi == sa.cookies and len(notification.data) == 4:
        sequence = int.from_bytes(notification.data, "big")
        sa.gateway.liveness.peer_sequence = sequence
        _send(context, sa, NotifyType.R_U_THERE_ACK, sequence)


def take_answer(_context: IkeContext, sa: Phase1Sa, notification: Notification) -> None:
    """R-U-THERE-ACK."""
    watch = sa.gateway.liveness
    if notification.spi == sa.cookies and int.from_bytes(notification.data, "big") == watch.sequence:
        watch.unanswered = 0


# --- heartbeats


def _beat(context: IkeContext, gateway: Gateway) -> None:
    watch = gateway.liveness
    watch.hello = None
    if not watch.beating or not _is_watched(context, gateway):
        return
    sa = _speak(context, gateway)
    if sa is not None:
        watch.beat_sequence += 1
        watch.beat_sent = context.now
        _send(context, sa, NotifyType.HEARTBEAT, watch.beat_sequence)
    watch.hello = context.after(gateway.parameters.heartbeat.hello * SECOND, _beat, context, gateway)


def take_heartbeat(context: IkeContext, sa: Phase1Sa, _notification: Notification) -> None:
    """The peer lives, and sends heartbeats."""
    sa.gateway.liveness.beats = True
    sa.gateway.liveness.beat_received = context.now


def _check(context: IkeContext, gateway: Gateway) -> None:
    watch, settings = gateway.liveness, gateway.parameters.heartbeat
    watch.check = None
    if not _is_watched(context, gateway):
        return
    due = watch.beat_received + settings.hello * settings.threshold * SECOND
    if due > context.now:
        watch.check = context.timers.at(due, _check, context, gateway)
    elif watch.beats:
        _dead(context, gateway, Watch.HEARTBEAT, settings.threshold)
    else:
        _disable(context, gateway)


def _disable(context: IkeContext, gateway: Gateway) -> None:
    """B354."""
    gateway.liveness.stop()
    gateway.liveness.beating = gateway.liveness.beats = False
    context.events.append(HeartbeatsDisabled(gateway.parameters.name, gateway.address))


# --- the end, and afterwards


def _dead(context: IkeContext, gateway: Gateway, by: Watch, missed: int) -> None:
    gateway.liveness.stop()
    gateway.liveness.beats = False
    context.events.append(PeerDead(gateway.parameters.name, gateway.address, by, missed))
    for tunnel in list(gateway.tunnels):
        pairs.remove_all(context, tunnel, Removal.PEER_DEAD, tell=False)
    for sa in list(gateway.phase1s):
        phase1.remove(context, sa, Removal.PEER_DEAD)
    _plan_recovery(context, gateway)


def _plan_recovery(context: IkeContext, gateway: Gateway) -> None:
    parameters = gateway.parameters
    interval = parameters.heartbeat.reconnect or parameters.dpd.reconnect
    if interval and parameters.peer is not None:
        gateway.liveness.recovery = context.after(interval * SECOND, _recover, context, gateway)


def _recover(context: IkeContext, gateway: Gateway) -> None:
    gateway.liveness.recovery = None
    if not context.in_force(gateway) or gateway.phase1s:
        return
    for tunnel in gateway.tunnels:
        phase2.negotiate(context, tunnel)
    _plan_recovery(context, gateway)
