"""`get l2tp …` and `clear l2tp …` (Vol. 5, chapter 6). No capture shows these layouts (docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.settings import l2tp
from nsemu.cli.settings.policy_more import L2TP as TUNNEL_NAME
from nsemu.cli.show.kept import written
from nsemu.cli.show.layout import cut, lines
from nsemu.config.errors import NotFoundError
from nsemu.config.l2tp import L2tpTunnel, l2tp_settings
from nsemu.device.views.l2tp import L2tpCallView, l2tp_call_views
from nsemu.wire.address import format_ipv4


def _tunnels(context: Context, arguments: Arguments) -> list[L2tpTunnel]:
    tunnels = l2tp_settings(context.device.config).tunnels
    wanted = arguments.get("l2tp")
    if wanted is not None and wanted not in tunnels:
        raise NotFoundError(f"l2tp {wanted} does not exist")
    return [tunnel for name, tunnel in tunnels.items() if wanted in (None, name)]


def _calls(context: Context, tunnels: list[L2tpTunnel]) -> list[L2tpCallView]:
    names = {tunnel.name for tunnel in tunnels}
    return [view for view in l2tp_call_views(context.device) if view.tunnel in names]


def _configured(context: Context, arguments: Arguments) -> str:
    tunnels = _tunnels(context, arguments)
    return lines(*_table(tunnels, _calls(context, tunnels)))


def _table(tunnels: list[L2tpTunnel], calls: list[L2tpCallView]) -> Iterator[str]:
    yield f"{'L2TP name':<20} {'Peer IP':<16}{'Peer host':<16}{'Interface':<14}{'Keepalive':>9} {'Auth':<16}Calls"
    for tunnel in tunnels:
        users = f"{tunnel.server}/{tunnel.group or tunnel.user}".rstrip("/")
        count = sum(view.tunnel == tunnel.name for view in calls)
        yield (
            f"{cut(tunnel.name, 20)} {format_ipv4(tunnel.peer):<16}{tunnel.host or '-':<16}{tunnel.interface:<14}"
            f"{tunnel.keepalive:>9} {users:<16}{count}"
        )
    yield f"Total L2TP tunnels: {len(tunnels)}"


def _active(context: Context, arguments: Arguments) -> str:
    return lines(*_call_table(_calls(context, _tunnels(context, arguments))))


def _call_table(calls: list[L2tpCallView]) -> Iterator[str]:
    ends = f"{'Peer IP':<16}{'Peer host':<16}{'User':<16}{'IP':<16}"
    yield f"{'L2TP name':<20} {'ID':>5} {'Call':>5} {ends}{'Seconds':>7} VPN"
    for view in calls:
        yield (
            f"{cut(view.tunnel, 20)} {view.tunnel_id:>5} {view.session_id:>5} {format_ipv4(view.peer):<16}"
            f"{view.host:<16}{view.user:<16}{format_ipv4(view.address):<16}{view.seconds:>7} {view.vpn or '-'}"
        )
    yield f"Total active calls: {len(calls)}"


def _clear(context: Context, arguments: Arguments) -> str:
    tunnels = _tunnels(context, arguments)
    wanted = tunnels[0].name if "l2tp" in arguments else None
    return f"{context.device.l2tp.clear(wanted)} L2TP calls cleared\n"


L2TP = keyword(
    "l2tp",
    "get l2tp information",
    choice(
        keyword(
            "all",
            "show all tunnels",
            choice(Command(_configured), keyword("active", "show the users that are connected", Command(_active))),
        ),
        keyword("default", "show default settings", written("L2TP", *l2tp.DEFAULT.items)),
        argument(
            "l2tp",
            TUNNEL_NAME,
            "L2TP tunnel name",
            choice(Command(_configured), keyword("active", "show the users that are connected", Command(_active))),
        ),
    ),
)
CLEAR_L2TP = keyword(
    "l2tp",
    "end L2TP calls",
    choice(
        keyword("all", "all calls", Command(_clear, privileged=True)),
        argument("l2tp", TUNNEL_NAME, "L2TP tunnel name", Command(_clear, privileged=True)),
    ),
)
