"""The state machines of IKE as tables: state × exchange type → transition.

An input without a row is not legal: it is counted and changes nothing. Adding a mode is adding rows and the functions
they name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from nsemu.config.algorithms import ExchangeMode
from nsemu.ike import aggressive_mode, main_mode, quick_mode
from nsemu.ike.context import IkeContext
from nsemu.ike.exchange import Payloads, Phase1Sa, Protection, State, Transition
from nsemu.wire.isakmp import ExchangeType, PayloadType

_ONE: Final = (1, 1)
_MAYBE: Final = (0, 1)
_ANY: Final = (0, 64)

_P: Final = PayloadType
_Rules = dict[int, tuple[int, int]]
_COMMON: Final[_Rules] = {
    _P.VENDOR_ID: _ANY, _P.CERTIFICATE_REQUEST: _ANY, _P.NOTIFICATION: _ANY, _P.NAT_D: _ANY, _P.NAT_D_DRAFT: _ANY,
}  # fmt: skip
_SA: Final[_Rules] = {_P.SA: _ONE, **_COMMON}
_KEY: Final[_Rules] = {_P.KEY_EXCHANGE: _ONE, _P.NONCE: _ONE, **_COMMON}
_PROOF: Final[_Rules] = {_P.IDENTIFICATION: _ONE, _P.HASH: _ONE, **_COMMON}
_QUICK: Final[_Rules] = {
    _P.HASH: _ONE, _P.SA: _ONE, _P.NONCE: _ONE, _P.KEY_EXCHANGE: _MAYBE, _P.IDENTIFICATION: (0, 2),
    _P.NOTIFICATION: _ANY, _P.VENDOR_ID: _ANY, _P.NAT_OA: _ANY, _P.NAT_OA_DRAFT: _ANY,
}  # fmt: skip

PHASE1: Final[dict[tuple[State, int], Transition]] = {
    (State.NONE, ExchangeType.MAIN): Transition(
        _SA, _P.SA, Protection.CLEAR, main_mode.choose, State.MAIN_CHOSEN, repeat=False
    ),
    (State.MAIN_OFFERED, ExchangeType.MAIN): Transition(
        _SA, _P.SA, Protection.CLEAR, main_mode.send_key, State.MAIN_KEY_SENT
    ),
    (State.MAIN_CHOSEN, ExchangeType.MAIN): Transition(
        _KEY, None, Protection.CLEAR, main_mode.answer_key, State.MAIN_KEY_ANSWERED
    ),
    (State.MAIN_KEY_SENT, ExchangeType.MAIN): Transition(
        _KEY, None, Protection.CLEAR, main_mode.send_proof, State.MAIN_ID_SENT, Protection.ENCRYPTED
    ),
    (State.MAIN_KEY_ANSWERED, ExchangeType.MAIN): Transition(
        _PROOF, None, Protection.ENCRYPTED, main_mode.answer_proof, State.ESTABLISHED, Protection.ENCRYPTED
    ),
    (State.MAIN_ID_SENT, ExchangeType.MAIN): Transition(
        _PROOF, None, Protection.ENCRYPTED, main_mode.take_proof, State.ESTABLISHED, None
    ),
    (State.NONE, ExchangeType.AGGRESSIVE): Transition(
        {**_SA, **_KEY, _P.IDENTIFICATION: _ONE},
        _P.SA,
        Protection.CLEAR,
        aggressive_mode.answer,
        State.AGGRESSIVE_ANSWERED,
    ),
    (State.AGGRESSIVE_OFFERED, ExchangeType.AGGRESSIVE): Transition(
        {**_SA, **_KEY, **_PROOF},
        _P.SA,
        Protection.CLEAR,
        aggressive_mode.send_proof,
        State.ESTABLISHED,
        Protection.ENCRYPTED,
    ),
    (State.AGGRESSIVE_ANSWERED, ExchangeType.AGGRESSIVE): Transition(
        {_P.HASH: _ONE, **_COMMON}, None, Protection.EITHER, aggressive_mode.take_proof, State.ESTABLISHED, None
    ),
}
"""Phase 1, both modes and both roles."""

QUICK: Final[dict[State, Transition]] = {
    State.QUICK_NONE: Transition(
        _QUICK, _P.HASH, Protection.ENCRYPTED, quick_mode.answer, State.QUICK_ANSWERED, Protection.ENCRYPTED
    ),
    State.QUICK_OFFERED: Transition(
        _QUICK, _P.HASH, Protection.ENCRYPTED, quick_mode.finish, State.QUICK_DONE, Protection.ENCRYPTED
    ),
    State.QUICK_ANSWERED: Transition(
        {_P.HASH: _ONE}, _P.HASH, Protection.ENCRYPTED, quick_mode.confirm, State.QUICK_DONE, None
    ),
    State.QUICK_COMMIT: Transition(
        {_P.HASH: _ONE, _P.NOTIFICATION: (1, 64)},
        _P.HASH,
        Protection.ENCRYPTED,
        quick_mode.connected,
        State.QUICK_DONE,
        None,
    ),
}
"""Quick mode, both roles."""


class Start(NamedTuple):
    """How an initiator begins a mode."""

    exchange: ExchangeType
    offer: Callable[[IkeContext, Phase1Sa], Payloads]
    following: State


START: Final = {
    ExchangeMode.MAIN: Start(ExchangeType.MAIN, main_mode.offer, State.MAIN_OFFERED),
    ExchangeMode.AGGRESSIVE: Start(ExchangeType.AGGRESSIVE, aggressive_mode.offer, State.AGGRESSIVE_OFFERED),
}

NEARLY_ESTABLISHED: Final = frozenset((State.MAIN_KEY_ANSWERED, State.AGGRESSIVE_ANSWERED, State.MAIN_ID_SENT))
"""States in which the peer may be done already, so that its next messages can overtake its last one."""

UNPROVEN: Final = frozenset((State.MAIN_CHOSEN, State.AGGRESSIVE_ANSWERED))
"""States of a responder that does not know yet whether the initiator's address is real."""
