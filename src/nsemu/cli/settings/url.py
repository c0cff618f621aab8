"""`set url protocol …` and `set crypto-policy`: contexts that are kept without effect."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Arguments,
    Body,
    Enter,
    Node,
    Row,
    argument,
    choice,
    keyword,
    when_set,
    when_unset,
)
from nsemu.cli.grammar.types import HostType
from nsemu.cli.settings.kept import Shelf, lists_defaults, number, text, words
from nsemu.cli.settings.layout import Item, block
from nsemu.cli.types import INTERFACE
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor

_INTERFACE = argument("interface", INTERFACE, "interface name")
_SECONDS = number("seconds", 0, 2**31 - 1, "seconds")
_PORT = number("port", 1, 65535, "port")
URL = Shelf("url")
_PROTOCOL = words(
    "protocol", {"websense": "Websense server", "scfp": "SurfControl server", "sc-cpa": "SurfControl, integrated"}
)
_URL_INSIDE: tuple[Node, ...] = (
    keyword(
        "config",
        "filter",
        choice(
            URL.line("enable", "use it", name="config enable"),
            URL.line("disable", "do not use it", name="config disable"),
        ),
    ),
    URL.line("server", "server", argument("server", HostType(), "address or domain name"), _PORT, _SECONDS),
    URL.line("fail-mode", "when the server fails", words("mode", {"permit": "permit", "block": "block"})),
    URL.line("account", "account", text("account", "account")),
    URL.line("message", "text", text("message", "text", 500)),
    URL.line(
        "type",
        "whose text",
        words("kind", {"NetScreen": "of the device", "Websense": "of the server", "SurfControl": "of the server"}),
    ),
    URL.line(
        "category", "own category", key=(text("category", "category"), keyword("url", "URL", text("url", "URL", 128)))
    ),
    URL.line(
        "profile",
        "profile",
        words("action", {"permit": "permit", "block": "block"}),
        key=(text("profile", "profile"), text("word", "category")),
    ),
    URL.line(
        "cache",
        "cache",
        words("what", {"size": "kilobytes", "timeout": "hours"}),
        number("value", 0, 2**31 - 1, "value"),
    ),
    URL.line("src-interface", "interface towards the server", _INTERFACE, uses={"interface": "interface"}),
)
_PROTOCOL_LINE = URL.setting("url protocol", default=Row({"protocol": "websense"}))


def _enter_url(editor: Editor, arguments: Arguments) -> Arguments:
    assert _PROTOCOL_LINE.set is not None
    _PROTOCOL_LINE.set(editor, {"protocol": arguments["protocol"]})
    return {}


def _no_check(_editor: Editor, _arguments: Arguments) -> Arguments:
    return {}


def _url_scopes(config: DeviceConfig, _scope: Arguments) -> tuple[Arguments, ...]:
    rows = [row.arguments for row in _PROTOCOL_LINE.rows(config, {})]
    held = any(list(setting.rows(config, {})) for setting in URL.settings[:-1])
    return tuple(rows) or (({"protocol": "websense"},) if held else ())


ENTER_URL = Enter("url protocol", Body(lambda _known: "url", _URL_INSIDE), _enter_url)
CRYPTO = Shelf("crypto-policy")
_CRYPTO_INSIDE: tuple[Node, ...] = (
    CRYPTO.line("auth-alg", "authentication", text("algorithm", "algorithm")),
    CRYPTO.line("dh", "Diffie-Hellman group", text("group", "group")),
    CRYPTO.line("encrypt-alg", "encryption", text("algorithm", "algorithm")),
    CRYPTO.line("p1-sa-lifetime", "upper limit of phase 1", keyword("upper-threshold", "limit", _SECONDS)),
    CRYPTO.line("p2-sa-lifetime", "upper limit of phase 2", keyword("upper-threshold", "limit", _SECONDS)),
)
ENTER_CRYPTO = Enter("crypto-policy", Body(lambda _known: "crypto-policy", _CRYPTO_INSIDE), _no_check)


def _crypto_scopes(config: DeviceConfig, _scope: Arguments) -> tuple[Arguments, ...]:
    held = any(list(setting.rows(config, {})) for setting in CRYPTO.settings)
    return ({},) if held or lists_defaults(config) else ()


CONTEXTS: tuple[Enter, ...] = (ENTER_URL, ENTER_CRYPTO)
URL_BLOCK: Item = block(ENTER_URL, *URL.settings[:-1], scopes=_url_scopes)
CRYPTO_BLOCK: Item = block(ENTER_CRYPTO, *CRYPTO.settings, scopes=_crypto_scopes)
NODES: tuple[Node, ...] = (
    keyword(
        "url",
        "URL filter",
        keyword("protocol", "protocol", choice(when_set(_PROTOCOL, ENTER_URL), when_unset(_PROTOCOL_LINE))),
    ),
    when_set(keyword("crypto-policy", "limits of algorithms", ENTER_CRYPTO)),
)
