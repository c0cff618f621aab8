"""`get auth …`, `get auth-server …`, `get webauth` (layouts unverified, see docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, NumberType, argument, choice, keyword
from nsemu.cli.show.layout import cut, lines
from nsemu.cli.types import IP, kept_reference
from nsemu.config.authentication import BannerMoment, LoginProtocol
from nsemu.config.device import DeviceConfig
from nsemu.config.errors import NotFoundError
from nsemu.config.interface import WebAuth
from nsemu.config.kept import names_of_kind, owner_exists
from nsemu.config.users import LOCAL
from nsemu.device.views.authentication import FAILED, PENDING, SUCCESS, AuthView, auth_views, login_banner
from nsemu.wire.address import format_ipv4

_HEADER = " Id Src             User            Group           Age Status  Server          T Srczone  Dstzone"
_LEGEND = "Col T: Used: D = Default settings, W = WebAuth, A = Auth server in policy"


def _all(context: Context, arguments: Arguments) -> str:
    return _settings(context, arguments) + _table(context, arguments)


def _table(context: Context, arguments: Arguments) -> str:
    views = [
        view
        for view in auth_views(context.device)
        if arguments.get("id") in {None, view.id} and arguments.get("address") in {None, view.address}
    ]
    return lines(*_rows(views))


def _rows(views: list[AuthView]) -> Iterator[str]:
    counts = {status: sum(view.status == status for view in views) for status in (SUCCESS, FAILED, PENDING)}
    yield f"Total users in table: {len(views)}"
    yield f"    Successful: {counts[SUCCESS]}, Failed: {counts[FAILED]}"
    yield f"    Pending   : {counts[PENDING]}, Others: {len(views) - sum(counts.values())}"
    yield _LEGEND
    yield _HEADER
    for view in views:
        age = "-" if view.minutes is None else str(view.minutes)
        cells = (cut(format_ipv4(view.address), 15), cut(view.user, 15), cut(view.group, 15))
        server = f"{cut(view.server, 15)} {view.used}"
        row = f"{view.id:>3} {' '.join(cells)} {age:>3} {view.status:<7} {server}"
        yield f"{row} {cut(view.from_zone, 8)} {view.to_zone}"


def _settings(context: Context, _arguments: Arguments) -> str:
    auth = context.device.config.auth
    return lines(
        f"Default auth server: {auth.default_server}",
        f"WebAuth server: {auth.webauth_server}",
        f"Local timeout: {_minutes(auth.idle_minutes)}, forced timeout: {_minutes(auth.forced_minutes)}",
    )


def _minutes(value: int) -> str:
    return f"{value} minutes" if value else "none"


def _banners(_context: Context, _arguments: Arguments) -> str:
    auth = _context.device.config.auth
    return lines(
        *(
            f"{protocol.value} {moment.value}: {login_banner(auth, protocol, moment) or '-'}"
            for protocol in LoginProtocol
            for moment in BannerMoment
        )
    )


def _servers(context: Context, arguments: Arguments) -> str:
    config = context.device.config
    names = names_of_kind(config, "auth-server")
    wanted = arguments.get("name")
    if wanted is not None:
        if not owner_exists(config, ("auth-server", wanted)):
            raise NotFoundError(f"auth-server {wanted} does not exist")
        names = [wanted]
    return lines(*_server_rows(config, names))


def _server_rows(config: DeviceConfig, names: list[str]) -> Iterator[str]:
    yield f"Total auth servers: {len(names)}"
    yield " Id Server name     Type    Address or name Timeout Forced  State"
    for name in names:
        kept = {key.setting: dict(line.arguments) for key, line in config.kept.items() if key.owner == (_KIND, name)}
        local = name == LOCAL
        number = kept.get("auth-server id", {}).get("id", 0 if local else "-")
        kind = LOCAL if local else str(kept.get("auth-server type", {}).get("kind", "radius")).upper()
        where = LOCAL if local else str(kept.get("auth-server server-name", {}).get("server", "-"))
        own = (config.auth.idle_minutes, config.auth.forced_minutes)
        kept_times = (_kept_minutes(kept, "timeout", 10), _kept_minutes(kept, "forced-timeout", 0))
        idle, forced = own if local else kept_times
        state = "in use" if local else "not emulated"
        yield f"{number:>3} {cut(name, 15)} {kind:<7} {cut(where, 15)} {idle:>7} {forced:>6}  {state}"


_KIND = "auth-server"


def _kept_minutes(kept: dict[str, dict[str, object]], word: str, default: int) -> int:
    value = kept.get(f"auth-server {word}", {}).get("minutes", default)
    return value if isinstance(value, int) else default


def _webauth(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    rows = [
        f"{interface.name}: {format_ipv4(interface.webauth_ip)}, {_STATES[interface.webauth]}"
        for interface in config.interfaces.values()
        if interface.webauth_ip or interface.webauth is not WebAuth.OFF
    ]
    banner = config.auth.webauth_success or "default"
    return lines(f"WebAuth server: {config.auth.webauth_server}", f"success banner: {banner}", *rows)


_STATES = {WebAuth.OFF: "disabled", WebAuth.ON: "enabled", WebAuth.SSL_ONLY: "SSL only, not emulated"}

AUTH = keyword(
    "auth",
    "show user authentication info",
    choice(
        Command(_all),
        keyword("banner", "texts of the login", Command(_banners)),
        keyword("settings", "default servers and time-outs", Command(_settings)),
        keyword(
            "table",
            "users who are logged in",
            choice(
                Command(_table),
                keyword("id", "one entry", argument("id", NumberType(0, 2**31 - 1), "entry", Command(_table))),
                keyword("ip", "one address", argument("address", IP, "IP address", Command(_table))),
            ),
        ),
    ),
)
AUTH_SERVER = keyword(
    "auth-server",
    "show authentication servers",
    choice(
        keyword("all", "all servers", Command(_servers)),
        argument("name", kept_reference("auth-server"), "server name", Command(_servers)),
    ),
)
WEBAUTH = keyword("webauth", "show web authentication", Command(_webauth))
