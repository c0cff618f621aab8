"""The transaction exchange: attributes asked for or set under an established Phase 1 SA (draft-dukes-ike-mode-cfg-02).

    one end                              the other end
    HDR*, HASH, ATTR (REQUEST or SET)  -->
                                       <--  HDR*, HASH, ATTR (REPLY or ACK)

Either end may begin. HASH is prf(SKEYID_a, M-ID | ATTR); every message of one exchange has the same message ID and
continues its IVs. What the attributes mean is in `login`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from nsemu.ike import debug, phase1
from nsemu.ike.context import IkeContext
from nsemu.ike.exchange import (
    Exchange,
    Message,
    Phase1Sa,
    State,
    Transaction,
    arm,
    is_authentic,
    is_duplicate,
    open_message,
    seal_hashed,
    transmit,
    unseal,
)
from nsemu.ike.keys import exchange_iv
from nsemu.ike.notify import new_message_id
from nsemu.ike.parameters import Ends
from nsemu.sim.scheduler import SECOND, Duration
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.isakmp import FLAG_ENCRYPTED, ExchangeType, Header, PayloadType
from nsemu.wire.isakmp_config import Attribute, ConfigPayload, ConfigType, build_config, parse_config

TRANSACTION: Final[dict[State, frozenset[int]]] = {
    State.TRANSACTION_NONE: frozenset((ConfigType.REQUEST, ConfigType.SET)),
    State.TRANSACTION_ASKED: frozenset((ConfigType.REPLY, ConfigType.ACK)),
    State.TRANSACTION_ANSWERED: frozenset((ConfigType.REQUEST, ConfigType.SET)),
    State.TRANSACTION_DONE: frozenset(),
}
"""What is legal in each state: a peer may go on with its next request under the same message ID."""

_ANSWER: Final = {ConfigType.REQUEST: ConfigType.REPLY, ConfigType.SET: ConfigType.ACK}
_MEMORY: Final[Duration] = 60 * SECOND
"""How long an answered exchange still answers repeated messages."""

Ended = Callable[[IkeContext, Phase1Sa, ConfigPayload | None], None]
"""Called with the peer's answer, or with None when it did not come."""

Answerer = Callable[[IkeContext, Phase1Sa, ConfigPayload], Iterable[Attribute]]
"""Gives the attributes with which to answer a request or a set of the peer."""


def begin(context: IkeContext, sa: Phase1Sa, kind: ConfigType, attributes: Iterable[Attribute], ended: Ended) -> None:
    """Ask the peer for attributes, or tell it some; repeated until it answers."""
    exchange = Transaction(sa, new_message_id(context, sa), context.now)
    exchange.identifier = context.stream.integer(1, 0xFFFF)
    exchange.wanted, exchange.ended = _ANSWER[kind], ended
    exchange.iv = _first_iv(exchange)
    sa.transactions[exchange.message_id] = exchange
    _send(context, exchange, build_config(kind, exchange.identifier, attributes))
    exchange.state = State.TRANSACTION_ASKED
    arm(context, exchange, sa, _unanswered)


def _first_iv(exchange: Transaction) -> bytes:
    sa = exchange.phase1
    return exchange_iv(sa.proposal.hash, sa.last_block, exchange.message_id.to_bytes(4, "big"))


def _send(context: IkeContext, exchange: Transaction, body: bytes) -> None:
    sa = exchange.phase1
    seed = exchange.message_id.to_bytes(4, "big")
    payloads = [(int(PayloadType.ATTRIBUTES), body)]
    data = seal_hashed(sa, exchange.iv, ExchangeType.TRANSACTION, exchange.message_id, payloads, seed=seed)
    exchange.iv = data[-sa.proposal.encryption.block_size :]
    if context.debug is not None:
        debug.answering(context.debug, sa, (PayloadType.HASH, PayloadType.ATTRIBUTES), encrypted=True)
    transmit(context, exchange, sa, data, (PayloadType.HASH, PayloadType.ATTRIBUTES))


def _unanswered(context: IkeContext, exchange: Exchange) -> None:
    assert isinstance(exchange, Transaction)
    _forget(exchange)
    if exchange.ended is not None:
        exchange.ended(context, exchange.phase1, None)


def _forget(exchange: Transaction) -> None:
    exchange.phase1.transactions.pop(exchange.message_id, None)


def receive(context: IkeContext, sa: Phase1Sa, message_in: tuple[Header, bytes, Ends], answerer: Answerer) -> None:
    """Take a message of a transaction exchange. An authentic one that is not legal here is counted as refused."""
    header, data, ends = message_in
    if not header.flags & FLAG_ENCRYPTED or not header.message_id:
        context.counters.unexpected += 1
        return
    exchange = sa.transactions.get(header.message_id)
    if exchange is None:
        if header.message_id in sa.message_ids:
            context.counters.message_id_reused += 1
            return
        exchange = Transaction(sa, header.message_id, context.now)
        exchange.iv = _first_iv(exchange)
    elif is_duplicate(context, exchange, data, sa):
        return
    message = _open_authentic(context, exchange, header, data)
    if message is None:
        return
    phase1.follow(context, sa, ends)
    sa.message_ids.add(header.message_id)
    payload = _read(context, message)
    if payload is None or not _is_legal(exchange, payload):
        exchange.rejected = data
        context.counters.refused += 1
        return
    exchange.received, exchange.answer, exchange.rejected = data, None, None
    exchange.iv = data[-sa.proposal.encryption.block_size :]
    if context.debug is not None:
        kinds = [item.type for item in message.payloads]
        debug.accepted(context.debug, sa.peer.address, exchange, kinds, header.exchange)
    exchange.stop_timer()
    if exchange.state is State.TRANSACTION_ASKED:
        _answered(context, exchange, payload)
    else:
        _answer(context, exchange, payload, answerer)


def _open_authentic(context: IkeContext, exchange: Transaction, header: Header, data: bytes) -> Message | None:
    """The opened message, or None (and a counter) if it was not made with our keys."""
    sa = exchange.phase1
    try:
        message = open_message(header, unseal(sa, exchange.iv, data), padded=True)
    except MalformedPacket:
        message = None
    if message is None or not is_authentic(sa, message, header.message_id.to_bytes(4, "big")):
        context.counters.unauthenticated += 1
        return None
    return message


def _read(context: IkeContext, message: Message) -> ConfigPayload | None:
    """The attributes of an authentic message; None when there are none to read."""
    bodies = message.all(PayloadType.ATTRIBUTES)
    if len(bodies) != 1:
        return None
    try:
        return parse_config(bodies[0])
    except MalformedPacket:
        context.counters.malformed += 1
        return None


def _is_legal(exchange: Transaction, payload: ConfigPayload) -> bool:
    return payload.type in TRANSACTION[exchange.state] and exchange.wanted in (0, payload.type)


def _answered(context: IkeContext, exchange: Transaction, payload: ConfigPayload) -> None:
    exchange.state = State.TRANSACTION_DONE
    exchange.timer = context.after(_MEMORY, _forget, exchange)
    if exchange.ended is not None:
        exchange.ended(context, exchange.phase1, payload)


def _answer(context: IkeContext, exchange: Transaction, payload: ConfigPayload, answerer: Answerer) -> None:
    sa = exchange.phase1
    sa.transactions[exchange.message_id] = exchange
    exchange.state = State.TRANSACTION_ANSWERED
    attributes = answerer(context, sa, payload)
    _send(context, exchange, build_config(_ANSWER[ConfigType(payload.type)], payload.identifier, attributes))
    exchange.timer = context.after(_MEMORY, _forget, exchange)
