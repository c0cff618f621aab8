"""XAuth and Mode Config: who uses a client, and what the client is told, between Phase 1 and Phase 2 (B263 to B266).

    client                                    this device
                                      <--  REQUEST(type, name, password)
    REPLY(type, name, password)       -->  the device decides
                                      <--  SET(status)
    ACK(status)                       -->
                                      <--  SET(address, DNS, WINS)      if there is anything to tell
    ACK                               -->

draft-ietf-ipsec-isakmp-xauth-06, draft-dukes-ike-mode-cfg-02. Quick modes wait for the login (B264); whoever fails it
loses its Phase 1 SA (B265). A client that asks for its settings is answered as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from nsemu.ike import phase1, transaction
from nsemu.ike.events import (
    ClientConfigured,
    LoggedIn,
    LoginAborted,
    LoginPassed,
    LoginRefused,
    LoginRequested,
    Removal,
)
from nsemu.ike.exchange import Login, Phase1Sa, State
from nsemu.ike.notify import send_delete_phase1
from nsemu.ike.parameters import ClientSettings
from nsemu.wire.isakmp_config import Attribute, ConfigAttribute, ConfigPayload, ConfigType

if TYPE_CHECKING:
    from nsemu.ike.context import IkeContext

_A: Final = ConfigAttribute
_GENERIC: Final = bytes(2)
"""XAUTH-TYPE 0: a name and a password (xauth §6.3)."""
_OK: Final = (1).to_bytes(2, "big")
_FAIL: Final = bytes(2)
_ASKED: Final[Sequence[Attribute]] = (
    (_A.XAUTH_TYPE, _GENERIC),
    (_A.XAUTH_USER_NAME, b""),
    (_A.XAUTH_USER_PASSWORD, b""),
)
_LONGEST: Final = 255
_QUESTIONS: Final = frozenset(range(_A.XAUTH_TYPE, _A.XAUTH_ANSWER + 1)) - {_A.XAUTH_STATUS}


def start(context: IkeContext, sa: Phase1Sa) -> None:
    """Phase 1 is up: ask for a login, or wait to be asked."""
    parameters = sa.gateway.parameters
    if sa.is_responder and parameters.xauth:
        sa.login = Login.AWAITED
        transaction.begin(context, sa, ConfigType.REQUEST, _ASKED, _take_reply)
    elif not sa.is_responder and parameters.login is not None:
        sa.login = Login.AWAITED
        sa.login_timer = context.after(context.settings.negotiation_limit, _abort, context, sa)


# --- the device that asks


def _take_reply(context: IkeContext, sa: Phase1Sa, reply: ConfigPayload | None) -> None:
    name, password = (reply.value(kind) for kind in _NAME_AND_PASSWORD) if reply is not None else (None, None)
    if reply is None or reply.value(_A.XAUTH_STATUS) == _FAIL or name is None or password is None:
        _abort(context, sa)
        return
    sa.login, sa.login_name = Login.DECIDING, _text(name)
    caller = sa.gateway.caller
    context.events.append(
        LoginRequested(
            sa.gateway.parameters.name,
            sa.peer.address,
            caller.number if caller is not None else 0,
            sa.cookies,
            sa.login_name,
            _text(password),
        )
    )


_NAME_AND_PASSWORD: Final = (_A.XAUTH_USER_NAME, _A.XAUTH_USER_PASSWORD)


def _text(value: bytes) -> str:
    """What a person typed; some clients send the NUL at its end as well."""
    return value[:_LONGEST].removesuffix(b"\0").decode("latin-1")


def decide(context: IkeContext, sa: Phase1Sa, settings: ClientSettings | None) -> None:
    """The device has looked the name up: let the client in with `settings`, or turn it away with None."""
    if sa.login is not Login.DECIDING:
        return
    accepted = settings is not None
    caller = sa.gateway.caller
    if caller is not None and accepted:
        caller.name, caller.settings = sa.login_name, settings
    sa.login = Login.DONE if accepted else Login.REFUSED
    name, peer = sa.gateway.parameters.name, sa.peer.address
    if settings is not None:
        context.events.append(LoginPassed(name, peer, sa.login_name, settings.address))
    else:
        context.events.append(LoginRefused(name, peer, sa.login_name))
    told = [(int(_A.XAUTH_STATUS), _OK if accepted else _FAIL)]
    transaction.begin(context, sa, ConfigType.SET, told, _take_acknowledgement)


def _take_acknowledgement(context: IkeContext, sa: Phase1Sa, answer: ConfigPayload | None) -> None:
    if sa.login is Login.REFUSED:
        _end(context, sa)
        return
    if answer is None:
        _abort(context, sa)
        return
    caller = sa.gateway.caller
    settings = caller.settings if caller is not None else None
    if settings is not None and _attributes_of(settings):
        transaction.begin(context, sa, ConfigType.SET, _attributes_of(settings), _ignore)


def _ignore(_context: IkeContext, _sa: Phase1Sa, _answer: ConfigPayload | None) -> None:
    """A client that does not acknowledge its settings goes without them."""


def _attributes_of(settings: ClientSettings) -> list[Attribute]:
    def octets(number: int) -> bytes:
        return number.to_bytes(4, "big")

    attributes: list[Attribute] = []
    if settings.address:
        attributes += [
            (_A.INTERNAL_IP4_ADDRESS, octets(settings.address)),
            (_A.INTERNAL_IP4_NETMASK, octets(settings.netmask)),
        ]
    attributes += [(_A.INTERNAL_IP4_DNS, octets(server)) for server in settings.dns]
    attributes += [(_A.INTERNAL_IP4_NBNS, octets(server)) for server in settings.wins]
    if settings.expiry:
        attributes.append((_A.INTERNAL_ADDRESS_EXPIRY, octets(settings.expiry)))
    return attributes


# --- both


def answer(context: IkeContext, sa: Phase1Sa, payload: ConfigPayload) -> Iterable[Attribute]:
    """What to say to a request or a set of the peer."""
    if payload.type == ConfigType.SET:
        return _take_set(context, sa, payload)
    if any(kind in _QUESTIONS for kind, _ in payload.attributes):
        return _login_reply(sa, payload)
    caller = sa.gateway.caller
    settings = caller.settings if caller is not None and sa.ready else None
    wanted = {kind for kind, _ in payload.attributes}
    return [item for item in _attributes_of(settings) if item[0] in wanted] if settings is not None else []


def _abort(context: IkeContext, sa: Phase1Sa) -> None:
    context.events.append(LoginAborted(sa.gateway.parameters.name, sa.peer.address, sa.login_name))
    _end(context, sa)


def _end(context: IkeContext, sa: Phase1Sa) -> None:
    """Without a login there is nothing to be had under this SA."""
    if sa.state is State.ESTABLISHED:
        sa.gateway.waiting.clear()
        send_delete_phase1(context, sa)
        phase1.remove(context, sa, Removal.LOGIN_FAILED)


# --- the client


def _login_reply(sa: Phase1Sa, payload: ConfigPayload) -> list[Attribute]:
    """Name and password as they are asked for; FAIL when another kind of login is wanted, or there is none."""
    own = sa.gateway.parameters.login
    wanted = dict(payload.attributes)
    answerable = {_A.XAUTH_TYPE, _A.XAUTH_USER_NAME, _A.XAUTH_USER_PASSWORD, _A.XAUTH_MESSAGE}
    generic = not int.from_bytes(wanted.get(_A.XAUTH_TYPE, b""), "big")
    if own is None or sa.is_responder or not generic or not wanted.keys() <= answerable:
        return [(_A.XAUTH_STATUS, _FAIL)]
    values = {
        _A.XAUTH_TYPE: _GENERIC,
        _A.XAUTH_USER_NAME: own.name.encode("latin-1", "replace"),
        _A.XAUTH_USER_PASSWORD: own.password.encode("latin-1", "replace"),
    }
    return [(kind, value) for kind, value in values.items() if kind in wanted]


def _take_set(context: IkeContext, sa: Phase1Sa, payload: ConfigPayload) -> list[Attribute]:
    """As client: the outcome of the login, or settings. A peer that asked for none cannot set anything."""
    own = sa.gateway.parameters.login
    if own is None or sa.is_responder:
        return []
    status = payload.value(_A.XAUTH_STATUS)
    if status is not None and sa.login is Login.AWAITED:
        _take_status(context, sa, accepted=status == _OK)
    settings = _read_settings(payload)
    if settings is not None and sa.login in (Login.DONE, Login.UNCONFIGURED):
        _take_settings(context, sa, settings)
    return [(kind, b"" if kind != _A.XAUTH_STATUS else value) for kind, value in payload.attributes]


def _take_status(context: IkeContext, sa: Phase1Sa, *, accepted: bool) -> None:
    own = sa.gateway.parameters.login
    assert own is not None
    context.events.append(LoggedIn(sa.gateway.parameters.name, sa.peer.address, accepted))
    if not accepted:
        sa.login = Login.REFUSED
        sa.gateway.waiting.clear()
        return
    sa.login = Login.UNCONFIGURED if own.wants_address else Login.DONE
    if sa.login is Login.DONE and sa.login_timer is not None:
        sa.login_timer.cancel()


def _read_settings(payload: ConfigPayload) -> ClientSettings | None:
    """Settings among the attributes, None when there are none. Values that are no address are passed over."""

    def numbers(kind: int) -> tuple[int, ...]:
        return tuple(int.from_bytes(value, "big") for value in payload.values(kind) if len(value) == 4)

    address, netmask = numbers(_A.INTERNAL_IP4_ADDRESS), numbers(_A.INTERNAL_IP4_NETMASK)
    dns, wins = numbers(_A.INTERNAL_IP4_DNS), numbers(_A.INTERNAL_IP4_NBNS)
    if not (address or dns or wins):
        return None
    expiry = numbers(_A.INTERNAL_ADDRESS_EXPIRY)
    return ClientSettings(
        address[0] if address else 0, netmask[0] if netmask else 0xFFFFFFFF, dns, wins, expiry[0] if expiry else 0
    )


def _take_settings(context: IkeContext, sa: Phase1Sa, settings: ClientSettings) -> None:
    context.events.append(ClientConfigured(sa.gateway.parameters.name, sa.peer.address, settings))
    if sa.login is Login.UNCONFIGURED and settings.address:
        sa.login = Login.DONE
        sa.gateway.waiting.clear()  # the device makes tunnels from its new address
        if sa.login_timer is not None:
            sa.login_timer.cancel()
