"""`set ike …`: what holds for all peers (identities, proposals, commit bit, initial contact, heartbeats, floods)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli import types
from nsemu.cli.grammar import Arguments, Node, NumberType, Row, Setting, argument, choice, flag, keyword, when_set
from nsemu.cli.settings.checks import require
from nsemu.cli.settings.kept import lists_defaults
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import NotFoundError
from nsemu.config.ike import IdMode, IkeSettings

_DEFAULTS = IkeSettings()


def _change(editor: Editor, field: str, value: Any) -> None:
    editor.ike = replace(editor.ike, **{field: value})


def _switch(word: str, field: str, *, listed: bool = False) -> Setting:
    """A global that is on or off. With `listed`, 6.x prints the factory value as well (screenos-cli §6.1)."""
    default = getattr(_DEFAULTS, field)

    def put(editor: Editor, *, on: bool) -> None:
        _change(editor, field, on)

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        value = getattr(config.ike, field)
        if value != default or (listed and lists_defaults(config)):
            yield Row({}, unset=not value)

    return Setting(
        f"ike {word}",
        lambda editor, _arguments: put(editor, on=True),
        lambda editor, _arguments: put(editor, on=False),
        rows,
    )


def _names(word: str, field: str) -> Setting:
    """A global that lists gateways, one a line."""

    def set_(editor: Editor, arguments: Arguments) -> None:
        gateway = require(editor.gateways, arguments["peer"], "gateway")
        names = dict.fromkeys((*getattr(editor.ike, field), gateway.name))
        _change(editor, field, tuple(names))

    def unset(editor: Editor, arguments: Arguments) -> None:
        names = getattr(editor.ike, field)
        if arguments["peer"] not in names:
            raise NotFoundError(f"ike {word} {arguments['peer']} does not exist")
        _change(editor, field, tuple(name for name in names if name != arguments["peer"]))

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        return (Row({"peer": name}) for name in getattr(config.ike, field))

    return Setting(f"ike {word}", set_, unset, rows, frozenset({"peer"}))


def _value(word: str, field: str, part: str = "") -> Setting:
    """A global with one value, of which a part of the settings may be the owner."""

    def read(settings: IkeSettings) -> Any:
        return getattr(getattr(settings, part) if part else settings, field)

    def put(editor: Editor, value: Any) -> None:
        inner = replace(getattr(editor.ike, part), **{field: value}) if part else value
        _change(editor, part or field, inner)

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        if read(config.ike) != read(_DEFAULTS):
            yield Row({field: read(config.ike)})

    return Setting(
        f"ike {word}",
        lambda editor, arguments: put(editor, arguments[field]),
        lambda editor, _arguments: put(editor, read(_DEFAULTS)),
        rows,
    )


ACCEPT_ALL = _switch("accept-all-proposal", "accept_all_proposals")
POLICY_CHECKING = _switch("policy-checking", "policy_checking")
INITIATOR_COMMIT = _switch("initiator-set-commit", "initiator_commit")
RESPONDER_COMMIT = _switch("responder-set-commit", "responder_commit")
ENUMERATION = _switch("ikeid-enumeration", "ikeid_enumeration", listed=True)
DOS_PROTECTION = _switch("dos-protection", "dos_protection", listed=True)
INITIAL_CONTACT = _switch("initial-contact", "initial_contact")
INITIAL_CONTACT_GATEWAY = _names("initial-contact single-gateway", "initial_contact_gateways")
SINGLE_TUNNEL = _names("single-ike-tunnel", "single_tunnels")
ID_MODE = _value("id-mode", "id_mode")
HELLO = _value("heartbeat hello", "hello", "heartbeat")
THRESHOLD = _value("heartbeat threshold", "threshold", "heartbeat")
MEMBER_HOLD = _value("member-sa-hold-time", "member_hold")
ITEMS = (
    INITIAL_CONTACT,
    INITIAL_CONTACT_GATEWAY,
    ACCEPT_ALL,
    ID_MODE,
    POLICY_CHECKING,
    SINGLE_TUNNEL,
    INITIATOR_COMMIT,
    RESPONDER_COMMIT,
    HELLO,
    THRESHOLD,
    ENUMERATION,
    DOS_PROTECTION,
    MEMBER_HOLD,
)
"""In the order of `get config`."""

_PEER = argument("peer", types.GATEWAY, "gateway name")


def _of_all(word: str, help_: str, low: int, high: int, field: str, setting: Setting) -> Node:
    return keyword(word, help_, when_set(argument(field, NumberType(low, high), help_)), setting)


NODES = (
    keyword("accept-all-proposal", "accept any proposal of a peer", ACCEPT_ALL),
    _of_all(
        "member-sa-hold-time",
        "minutes for which unused SAs of dialup users are kept",
        1,
        480,
        "member_hold",
        MEMBER_HOLD,
    ),
    keyword(
        "id-mode",
        "what names a tunnel in phase 2",
        when_set(
            choice(
                flag("subnet", "proxy IDs", "id_mode", IdMode.SUBNET),
                flag("ip", "the addresses of the two gateways", "id_mode", IdMode.IP),
            )
        ),
        ID_MODE,
    ),
    keyword("policy-checking", "compare the proxy ID of a peer with the own policies", POLICY_CHECKING),
    keyword("single-ike-tunnel", "one phase 2 SA for all policies with a peer", _PEER, SINGLE_TUNNEL),
    keyword("initiator-set-commit", "set the commit bit as initiator", INITIATOR_COMMIT),
    keyword("responder-set-commit", "set the commit bit as responder", RESPONDER_COMMIT),
    keyword(
        "heartbeat",
        "IKE heartbeats of all gateways",
        choice(
            _of_all("hello", "seconds between heartbeats, 0 for none", 0, 3600, "hello", HELLO),
            _of_all("threshold", "lost heartbeats before a peer is down", 1, 9999, "threshold", THRESHOLD),
        ),
    ),
    keyword("ikeid-enumeration", "do not show strangers which IKE IDs are known", ENUMERATION),
    keyword("dos-protection", "limit what one address can begin", DOS_PROTECTION),
    keyword(
        "initial-contact",
        "send initial contact",
        choice(
            INITIAL_CONTACT,
            keyword("all-peers", "to every peer", INITIAL_CONTACT),
            keyword("single-gateway", "to one gateway", _PEER, INITIAL_CONTACT_GATEWAY),
        ),
    ),
)
