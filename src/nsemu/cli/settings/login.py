"""Logins of users at the firewall: default servers, time-outs, banners (`set auth …`, `set webauth …`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from nsemu.cli.grammar import Arguments, Node, Row, Setting, TextType, argument, choice, flag, keyword, when_set
from nsemu.cli.settings.kept import Shelf, lists_defaults, number
from nsemu.cli.settings.policy_auth import closed
from nsemu.cli.types import kept_reference
from nsemu.config.authentication import DEFAULT_IDLE_MINUTES, AuthSettings, BannerKey, BannerMoment, LoginProtocol
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import NotFoundError
from nsemu.config.kept import owner_exists
from nsemu.config.users import LOCAL

_SERVER = argument("server", kept_reference("auth-server"), "server name")
_BANNER = argument("text", TextType(220, quoted=True), "text")


# --- default servers


def _server(name: str, what: str, read: Callable[[AuthSettings], str], field: str) -> Setting:
    """Which server checks users that no policy sends elsewhere."""

    def put(editor: Editor, arguments: Arguments) -> str | None:
        server: str = arguments["server"]
        if not owner_exists(editor, ("auth-server", server)):
            raise NotFoundError(f"auth-server {server} does not exist")
        editor.auth = _with(editor.auth, field, server)
        return None if server == LOCAL else closed(what, server)

    def unset(editor: Editor, _arguments: Arguments) -> None:
        editor.auth = _with(editor.auth, field, LOCAL)

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        server = read(config.auth)
        if server != LOCAL or (field == "default_server" and lists_defaults(config)):
            yield Row({"server": server})

    return Setting(name, put, unset, rows)


def _with(settings: AuthSettings, field: str, value: object) -> AuthSettings:
    return replace(settings, **{field: value})  # type: ignore[arg-type]  # every field is given its own type


DEFAULT_SERVER = _server(
    "auth default auth server", "auth of policies", lambda settings: settings.default_server, "default_server"
)
WEBAUTH_SERVER = _server("webauth server", "WebAuth", lambda settings: settings.webauth_server, "webauth_server")
DEFAULT_SERVER_WORDS = keyword("server", "server", when_set(_SERVER), DEFAULT_SERVER)


# --- time-outs: those of the local database count, those of other servers are kept

_OTHERS = Shelf("auth-server", ("auth-server", "name"))
_MOST_IDLE, _MOST_FORCED = 255, 10000


def _timeout(word: str, field: str, default: int) -> Setting:
    others = _OTHERS.setting(f"auth-server {word}")
    keep, forget = others.set, others.unset
    assert keep is not None  # what a shelf makes can be set and unset
    assert forget is not None

    def put(editor: Editor, arguments: Arguments) -> str | None:
        if arguments["name"] != LOCAL:
            return keep(editor, arguments)
        editor.auth = _with(editor.auth, field, arguments["minutes"])
        return None

    def unset(editor: Editor, arguments: Arguments) -> str | None:
        if arguments["name"] != LOCAL:
            return forget(editor, arguments)
        editor.auth = _with(editor.auth, field, default)
        return None

    def rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
        minutes = getattr(config.auth, field)
        if minutes != default:
            yield Row({"name": LOCAL, "minutes": minutes})
        yield from others.rows(config, scope)

    return Setting(others.name, put, unset, rows)


TIMEOUT_ITEMS = (
    _timeout("timeout", "idle_minutes", DEFAULT_IDLE_MINUTES),
    _timeout("forced-timeout", "forced_minutes", 0),
)
TIMEOUTS: tuple[Node, ...] = (
    keyword(
        "timeout",
        "idle minutes of a login",
        when_set(number("minutes", 0, _MOST_IDLE, "minutes, 0 for no end")),
        TIMEOUT_ITEMS[0],
    ),
    keyword(
        "forced-timeout",
        "minutes of a login",
        when_set(number("minutes", 0, _MOST_FORCED, "minutes, 0 for no end")),
        TIMEOUT_ITEMS[1],
    ),
)


# --- banners


def _key(arguments: Arguments) -> BannerKey:
    return arguments["protocol"], arguments["moment"]


def _set_banner(editor: Editor, arguments: Arguments) -> None:
    banners = {**dict(editor.auth.banners), _key(arguments): arguments["text"]}
    editor.auth = replace(editor.auth, banners=tuple(banners.items()))


def _unset_banner(editor: Editor, arguments: Arguments) -> None:
    banners = tuple(row for row in editor.auth.banners if row[0] != _key(arguments))
    editor.auth = replace(editor.auth, banners=banners)


def _banner_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for (protocol, moment), text in config.auth.banners:
        yield Row({"protocol": protocol, "moment": moment, "text": text})


def _set_success(editor: Editor, arguments: Arguments) -> None:
    editor.auth = replace(editor.auth, webauth_success=arguments["text"])


def _unset_success(editor: Editor, _arguments: Arguments) -> None:
    editor.auth = replace(editor.auth, webauth_success="")


def _success_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    if config.auth.webauth_success:
        yield Row({"text": config.auth.webauth_success})


BANNER = Setting("auth banner", _set_banner, _unset_banner, _banner_rows)
WEBAUTH_BANNER = Setting("webauth banner success", _set_success, _unset_success, _success_rows)
_PROTOCOLS = {LoginProtocol.FTP: "FTP", LoginProtocol.HTTP: "HTTP", LoginProtocol.TELNET: "Telnet"}
_MOMENTS = {
    BannerMoment.LOGIN: "before",
    BannerMoment.SUCCESS: "when accepted",
    BannerMoment.FAIL: "when refused",
}
BANNER_WORDS = keyword(
    "banner",
    "texts of the login",
    choice(*(flag(one.value, help_, "protocol", one) for one, help_ in _PROTOCOLS.items())),
    choice(*(flag(one.value, help_, "moment", one) for one, help_ in _MOMENTS.items())),
    when_set(_BANNER),
    BANNER,
)
WEBAUTH_WORDS = keyword(
    "webauth",
    "web authentication",
    choice(
        keyword("server", "server", when_set(_SERVER), WEBAUTH_SERVER),
        keyword("banner", "texts", keyword("success", "when accepted", when_set(_BANNER), WEBAUTH_BANNER)),
    ),
)
