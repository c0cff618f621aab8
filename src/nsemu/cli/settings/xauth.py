"""`set xauth …` and `set ike gateway G xauth …`: logins between Phase 1 and Phase 2 (Vol. 5, "Shared IKE ID").

The users of the local database are asked; other servers, a login of the device itself and settings without a login
are kept without effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from nsemu.cli.grammar import (
    Arguments,
    Node,
    NumberType,
    Row,
    Setting,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    optional,
    when_set,
)
from nsemu.cli.settings import ike_more, users_words
from nsemu.cli.settings.checks import not_emulated, require
from nsemu.cli.settings.ippool import IPPOOL
from nsemu.cli.settings.kept import Shelf
from nsemu.cli.types import IP
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.config.ike import GatewayXauth, XauthSettings
from nsemu.config.kept import owner_exists
from nsemu.config.users import LOCAL, UserType

_NAME = TextType(64, quoted=True)

# --- of a gateway


def _set_gateway(editor: Editor, arguments: Arguments) -> str | None:
    gateway = require(editor.gateways, arguments["gateway"], "gateway")
    xauth = GatewayXauth(**{item.name: arguments[item.name] for item in fields(GatewayXauth) if item.name in arguments})
    _check(editor, gateway.name, xauth)
    editor.gateways.put(gateway.name, replace(gateway, xauth=xauth))
    missing = (
        ("a login of the device itself (xauth client)", bool(xauth.method)),
        ("xauth bypass-auth", xauth.bypass),
        (f"xauth server {xauth.server}", xauth.server not in ("", LOCAL)),
    )
    return next((not_emulated(what) for what, applies in missing if applies), None)


def _check(editor: Editor, gateway: str, xauth: GatewayXauth) -> None:
    if xauth.server and not owner_exists(editor, ("auth-server", xauth.server)):
        raise NotFoundError(f"auth-server {xauth.server} does not exist")
    local = xauth.server in ("", LOCAL)
    if xauth.user and local:
        user = require(editor.users, xauth.user, "user")
        if UserType.XAUTH not in user.types:
            raise ConfigError(f"gateway {gateway}: user {user.name} is no XAuth user (set user {user.name} type xauth)")
    if xauth.group and local:
        require(editor.user_groups, xauth.group, "user group")


def _unset_gateway(editor: Editor, arguments: Arguments) -> None:
    gateway = require(editor.gateways, arguments["gateway"], "gateway")
    editor.gateways.put(gateway.name, replace(gateway, xauth=None))


def _gateway_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    xauth = config.gateways[scope["gateway"]].xauth
    if xauth is not None:
        given = {item.name: getattr(xauth, item.name) for item in fields(GatewayXauth)}
        yield Row({**scope, **{name: value for name, value in given.items() if value}})


GATEWAY_XAUTH = Setting(
    "ike gateway xauth", _set_gateway, _unset_gateway, _gateway_rows, frozenset({"username", "password"})
)
_WHOM = (
    keyword("user", "one user", argument("user", users_words.USER, "user name")),
    keyword("user-group", "users of a group", argument("group", users_words.USER_GROUP, "user group name")),
)
GATEWAY_NODE = keyword(
    "xauth",
    "ask the peer for name and password",
    when_set(
        optional(
            choice(
                keyword(
                    "client",
                    "answer the peer's questions",
                    choice(
                        flag("any", "any method", "method", "any"),
                        flag("chap", "CHAP", "method", "chap"),
                        flag("securid", "SecurID", "method", "securid"),
                    ),
                    keyword("username", "name", argument("username", _NAME, "name")),
                    keyword("password", "password", argument("password", _NAME, "password")),
                ),
                keyword("bypass-auth", "settings only", binds=("bypass", True)),
                keyword(
                    "server",
                    "server that checks the users",
                    argument("server", _NAME, "server name"),
                    optional(choice(*_WHOM)),
                ),
                *_WHOM,
            )
        )
    ),
    choice(GATEWAY_XAUTH, ike_more.EDIPI_NODE),
)

# --- of the device


def _one(word: str, field: str, help_: str, value: Node) -> tuple[Node, Setting]:
    """A setting that is one field of `XauthSettings`."""
    default = getattr(XauthSettings(), field)

    def put(editor: Editor, given: Any) -> None:
        editor.ike = replace(editor.ike, xauth=replace(editor.ike.xauth, **{field: given}))

    def set_(editor: Editor, arguments: Arguments) -> None:
        if field == "pool":
            require(editor.ippools, arguments[field], "ippool")
        put(editor, arguments[field])

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        found = getattr(config.ike.xauth, field)
        if found != default:
            yield Row({field: found})

    name = f"xauth {word}" if field == "lifetime" else f"xauth default {word}"
    setting = Setting(name, set_, lambda editor, _arguments: put(editor, default), rows, frozenset({"pool"}))
    return keyword(word, help_, when_set(value), setting), setting


_LIFETIME = _one(
    "lifetime",
    "lifetime",
    "minutes for which an address is kept for a user",
    argument("lifetime", NumberType(1, 65535), "minutes"),
)
_DEFAULTS = (
    _one("ippool", "pool", "pool of addresses", argument("pool", IPPOOL, "pool name")),
    _one("dns1", "dns1", "first DNS server", argument("dns1", IP, "IP address")),
    _one("dns2", "dns2", "second DNS server", argument("dns2", IP, "IP address")),
    _one("wins1", "wins1", "first WINS server", argument("wins1", IP, "IP address")),
    _one("wins2", "wins2", "second WINS server", argument("wins2", IP, "IP address")),
)
XAUTH = Shelf("xauth")
NODES = (
    keyword(
        "xauth",
        "XAuth",
        choice(
            _LIFETIME[0],
            keyword(
                "default",
                "what clients are told",
                choice(
                    *(node for node, _setting in _DEFAULTS),
                    keyword(
                        "auth",
                        "authentication",
                        XAUTH.line(
                            "server",
                            "server that checks the users",
                            argument("server", _NAME, "server name"),
                            name="default auth server",
                            uses={"server": "auth-server"},
                        ),
                    ),
                ),
            ),
        ),
    ),
)
ITEMS = (_LIFETIME[1], *(setting for _node, setting in _DEFAULTS), *XAUTH.items)
