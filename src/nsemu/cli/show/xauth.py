"""`get xauth …`, `get ippool`: logins of dialup clients (no capture shows these layouts, see docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.settings.ippool import IPPOOL
from nsemu.cli.show.layout import cut, lines
from nsemu.config.ippool import IpPool
from nsemu.device.views.dialup import client_views, pool_use
from nsemu.wire.address import format_ipv4


def _address(number: int | None) -> str:
    return format_ipv4(number or 0)


def _active(context: Context, _arguments: Arguments) -> str:
    views = [view for view in client_views(context.device) if view.login]
    rows = (
        f"{cut(view.login, 15)} {cut(view.gateway, 15)} {_address(view.peer[0]):<15} {_address(view.address):<15} "
        f"{view.seconds:>8}"
        for view in views
    )
    return lines(
        "User name       Gateway         Client gateway  Inner address   Login(s)",
        "--------------- --------------- --------------- --------------- --------",
        *rows,
        f"Total active XAuth users: {len(views)}",
    )


def _default(context: Context, _arguments: Arguments) -> str:
    settings = context.device.config.ike.xauth
    return lines(
        "Default auth server: Local",
        f"IP pool: {settings.pool or 'none'}",
        f"DNS1 IP: {_address(settings.dns1)}",
        f"DNS2 IP: {_address(settings.dns2)}",
        f"WINS1 IP: {_address(settings.wins1)}",
        f"WINS2 IP: {_address(settings.wins2)}",
    )


def _lifetime(context: Context, _arguments: Arguments) -> str:
    return f"XAuth lifetime: {context.device.config.ike.xauth.lifetime} minutes\n"


def _all(context: Context, arguments: Arguments) -> str:
    return _lifetime(context, arguments) + _default(context, arguments)


def _pools(context: Context, _arguments: Arguments) -> str:
    pools = list(context.device.config.ippools.values())
    used = pool_use(context.device)
    return lines(
        "Name            Start           End             In use",
        "--------------- --------------- --------------- ------",
        *(_pool_row(pool, sum(address in pool for address in used)) for pool in pools),
        f"Total ippools: {len(pools)}",
    )


def _pool_row(pool: IpPool, used: int) -> str:
    return f"{cut(pool.name, 15)} {_address(pool.low):<15} {_address(pool.high):<15} {used:>6}"


def _one_pool(context: Context, arguments: Arguments) -> str:
    pool = require(context.device.config.ippools, arguments["pool"], "ippool")
    return lines(f"{pool.name}: {_address(pool.low)} - {_address(pool.high)}", *_leases(context, pool))


def _leases(context: Context, pool: IpPool) -> Iterator[str]:
    for address, (user, connected) in sorted(pool_use(context.device).items()):
        if address in pool:
            yield f"  {_address(address):<15} {user}{'' if connected else ' (kept)'}"


NODES = (
    keyword(
        "xauth",
        "show XAuth info",
        choice(
            Command(_all),
            keyword("active", "show users that are logged in", Command(_active)),
            keyword("default", "show what clients are told", Command(_default)),
            keyword("lifetime", "show for how long an address is kept", Command(_lifetime)),
        ),
    ),
    keyword(
        "ippool",
        "show pools of addresses for clients",
        choice(Command(_pools), argument("pool", IPPOOL, "pool name", Command(_one_pool))),
    ),
)
