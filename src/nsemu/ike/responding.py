"""The first message of a peer: which gateway it belongs to, and whether to answer it at all.

A static peer is known by its address, and by its IKE ID or mode if others have the same address; a dynamic one by the
IKE ID in the first message of Aggressive mode (B199). In Main mode the identity comes last, when the preshared key has
long been needed, so a dynamic peer cannot use it (B132).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nsemu.config.algorithms import ExchangeMode
from nsemu.ike import dialup, phase1
from nsemu.ike.context import IkeContext
from nsemu.ike.events import PacketRejected, Refusal, Role
from nsemu.ike.exchange import Phase1Sa, State, open_message
from nsemu.ike.identification import identity_key
from nsemu.ike.parameters import Ends
from nsemu.ike.peers import Gateway
from nsemu.ike.tables import UNPROVEN
from nsemu.wire.isakmp import ExchangeType, Header, PayloadType

_MODES: Final = {ExchangeType.MAIN: ExchangeMode.MAIN, ExchangeType.AGGRESSIVE: ExchangeMode.AGGRESSIVE}


def respond(context: IkeContext, header: Header, data: bytes, ends: Ends) -> None:
    """Take the first message of a peer: accept it, or refuse it without leaving a trace."""
    gateway = _find(context, header, data, ends)
    if gateway is None and context.settings.hide_identities:
        gateway = _decoy(context, header, data, ends)
    if gateway is None:
        context.counters.unknown_peer += 1
        main = header.exchange == ExchangeType.MAIN
        dynamic = main and _expects_strangers(context, ends.destination.address)
        _reject(context, "", header, ends, Refusal.DYNAMIC_PEER if dynamic else Refusal.UNRECOGNIZED_PEER)
        return
    if _MODES[ExchangeType(header.exchange)] is not gateway.parameters.mode:
        context.counters.refused += 1
        _reject(context, gateway.parameters.name, header, ends, Refusal.MODE)
        dialup.release(context, gateway)
        return
    if dialup.is_full(context, gateway):
        context.counters.refused += 1
        _reject(context, gateway.parameters.name, header, ends, Refusal.SHARE_LIMIT)
        dialup.release(context, gateway)
        return
    full = len(context.half_open) >= context.settings.half_open_limit and not _make_room(context)
    if full or _has_enough(context, ends):
        context.counters.half_open_refused += 1
        _reject(context, gateway.parameters.name, header, ends, Refusal.HALF_OPEN_LIMIT)
        dialup.release(context, gateway)
        return
    sa = Phase1Sa(gateway, Role.RESPONDER, ends.destination, ends.source, context.now)
    sa.cookies = header.initiator_cookie + context.new_cookie()
    phase1.receive(context, sa, header, data, ends)
    if sa.state is State.NONE:
        dialup.release(context, gateway)
        return
    context.phase1s[sa.cookies] = sa
    context.responding[(header.initiator_cookie, ends.source)] = sa
    context.half_open[sa] = None


def _find(context: IkeContext, header: Header, data: bytes, ends: Ends) -> Gateway | None:
    """The gateway of a first message. Raises MalformedPacket."""
    local, mode = ends.destination.address, _MODES[ExchangeType(header.exchange)]
    static = context.by_address.get((local, ends.source.address), [])
    if mode is not ExchangeMode.AGGRESSIVE:
        return _in_mode(static, mode)
    body = open_message(header, data, padded=False).bodies.get(PayloadType.IDENTIFICATION)
    if body is None:
        return _in_mode(static, mode)
    key = identity_key(body)
    named = _in_mode([gateway for gateway in static if identity_key(gateway.expected_id) == key], mode)
    if named is not None:
        return named
    dynamic = context.by_identity.get((local, *key))
    return dynamic or dialup.find(context, local, key, ends.source) or _in_mode(static, mode)


def _in_mode(gateways: Sequence[Gateway], mode: ExchangeMode) -> Gateway | None:
    """The first of those at one address that is configured for the mode; if there is none, the first, to say so."""
    return next((gateway for gateway in gateways if gateway.parameters.mode is mode), gateways[0] if gateways else None)


def _expects_strangers(context: IkeContext, local: int) -> bool:
    """Whether one of our addresses has gateways that only an IKE ID can tell apart (B132, B235)."""
    templates = (gateway for gateway in context.gateways.values() if gateway.is_template)
    return any(local == item for item, *_ in context.by_identity) or any(
        gateway.parameters.local == local for gateway in templates
    )


def _decoy(context: IkeContext, header: Header, data: bytes, ends: Ends) -> Gateway | None:
    """A gateway for an IKE ID that nobody has, if there are others here that are known by theirs.

    It answers as they do, with a key that nobody knows: from outside, a wrong ID looks like a wrong key.
    """
    body = open_message(header, data, padded=False).bodies.get(PayloadType.IDENTIFICATION)
    local = ends.destination.address
    model = next((gateway for (address, *_), gateway in context.by_identity.items() if address == local), None)
    if header.exchange != ExchangeType.AGGRESSIVE or body is None or model is None:
        return None
    gateway = Gateway(replace(model.parameters, name="", preshared_key=context.stream.octets(32)))
    gateway.expected_id = body
    return gateway


def _has_enough(context: IkeContext, ends: Ends) -> bool:
    """Whether the sender's address has begun as many negotiations as one may (`set ike dos-protection`)."""
    most, address = context.settings.half_open_of_one, ends.source.address
    return bool(most) and sum(sa.origin.address == address for sa in context.half_open) >= most


def _reject(context: IkeContext, gateway: str, header: Header, ends: Ends, refusal: Refusal) -> None:
    cookies = header.initiator_cookie, header.responder_cookie
    context.events.append(PacketRejected(gateway, ends.source.address, *ends, *cookies, refusal))


def _make_room(context: IkeContext) -> bool:
    """Drop the oldest negotiation whose initiator has sent one packet only; tell whether there was one.

    Those that have shown that their address is real stay: a flood of forged first packets displaces only its like.
    """
    for sa in context.half_open:
        if sa.state in UNPROVEN:
            context.counters.half_open_dropped += 1
            phase1.forget(context, sa)
            return True
    return False
