"""Sending informational exchanges (RFC 2409 §5.7): notifications and deletes, protected once Phase 1 is up."""

from __future__ import annotations

from nsemu.ike.context import IkeContext
from nsemu.ike.exchange import Payloads, Phase1Sa, State, kinds_of, seal_hashed, send
from nsemu.ike.keys import exchange_iv
from nsemu.ike.parameters import Datagram, Endpoint
from nsemu.wire.isakmp import ExchangeType, PayloadType, build_message, build_payloads
from nsemu.wire.isakmp_payloads import (
    PROTOCOL_ISAKMP,
    NotifyType,
    build_delete,
    build_notification,
)


def new_message_id(context: IkeContext, phase1: Phase1Sa) -> int:
    """A message ID that neither end has used under this Phase 1 SA (RFC 2408 §3.1); it is taken at once."""
    while True:
        message_id = context.stream.integer(1, 0xFFFFFFFF)
        if message_id not in phase1.message_ids:
            phase1.message_ids.add(message_id)
            return message_id


def send_informational(context: IkeContext, phase1: Phase1Sa, payloads: Payloads) -> bytes:
    """Send a protected informational exchange under an established Phase 1 SA; returns the datagram."""
    message_id = new_message_id(context, phase1)
    octets = message_id.to_bytes(4, "big")
    iv = exchange_iv(phase1.proposal.hash, phase1.last_block, octets)
    data = seal_hashed(phase1, iv, ExchangeType.INFORMATIONAL, message_id, payloads, seed=octets)
    send(context, phase1, data, kinds_of(payloads, PayloadType.HASH))
    return data


def send_unprotected(context: IkeContext, cookies: bytes, notify: NotifyType, local: Endpoint, peer: Endpoint) -> None:
    """Send a notification in the clear, for want of a Phase 1 SA."""
    body = build_notification(PROTOCOL_ISAKMP, notify)
    _send_clear(context, cookies, body, local, peer)


def send_unprotected_bad_spi(context: IkeContext, protocol: int, spi: int, local: Endpoint, peer: Endpoint) -> None:
    """Send INVALID-SPI in the clear, under cookies of its own."""
    body = build_notification(protocol, NotifyType.INVALID_SPI, spi.to_bytes(4, "big"))
    _send_clear(context, context.new_cookie() + bytes(8), body, local, peer)


def _send_clear(context: IkeContext, cookies: bytes, body: bytes, local: Endpoint, peer: Endpoint) -> None:
    message_id = context.stream.integer(1, 0xFFFFFFFF)
    chain = build_payloads(((PayloadType.NOTIFICATION, body),))
    data = build_message(cookies, ExchangeType.INFORMATIONAL, message_id, PayloadType.NOTIFICATION, chain)
    context.send(Datagram(data, local, peer, payloads=(PayloadType.NOTIFICATION,)))


def send_delete_phase1(context: IkeContext, phase1: Phase1Sa) -> None:
    """Tell the peer that this Phase 1 SA goes away."""
    if phase1.state is State.ESTABLISHED:
        body = build_delete(PROTOCOL_ISAKMP, (phase1.cookies,))
        send_informational(context, phase1, [(PayloadType.DELETE, body)])


def send_delete_sa(context: IkeContext, phase1: Phase1Sa, protocol: int, spi: int) -> None:
    """Tell the peer that the IPsec SA with our inbound `spi` goes away (RFC 2408 §3.15)."""
    body = build_delete(protocol, (spi.to_bytes(4, "big"),))
    send_informational(context, phase1, [(PayloadType.DELETE, body)])
