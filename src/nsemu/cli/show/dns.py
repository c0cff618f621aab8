"""`get dns host …` (the layout is our own, see docs/fidelity.md)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, choice, keyword
from nsemu.cli.show.layout import lines
from nsemu.device.views.dns import dns_servers, name_views
from nsemu.wire.address import format_ipv4


def _report(context: Context, _arguments: Arguments) -> str:
    views = name_views(context.device)
    rows = (
        f"{view.name:<40} {view.state:<9} {view.left:>8} {' '.join(map(format_ipv4, view.addresses)) or '-'}".rstrip()
        for view in views
    )
    return lines(f"DNS names in use: {len(views)}", f"{'Name':<40} {'State':<9} {'Next in':>8} Addresses", *rows)


def _settings(context: Context, _arguments: Arguments) -> str:
    servers = dns_servers(context.device)
    rows = (f"DNS server {number}: {format_ipv4(server)}" for number, server in enumerate(servers, 1))
    return lines(*(rows if servers else ["DNS server: none"]), f"Domain: {context.device.config.system.domain or '-'}")


DNS = keyword(
    "dns",
    "show DNS info",
    keyword(
        "host",
        "the device as a DNS client",
        choice(
            keyword("cache", "show the names in use and their addresses", Command(_report)),
            keyword("report", "show the names in use and their addresses", Command(_report)),
            keyword("settings", "show the servers", Command(_settings)),
        ),
    ),
)
