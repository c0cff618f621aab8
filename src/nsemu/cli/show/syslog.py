"""`get syslog` (the layout is our own, see docs/fidelity.md)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, keyword
from nsemu.cli.show.layout import lines
from nsemu.device.views.services import syslog_view


def _syslog(context: Context, _arguments: Arguments) -> str:
    view = syslog_view(context.device)
    servers = view.settings.servers
    if not servers:
        return lines("Syslog is disabled or has no server")
    rows = [
        f"  {server.address} port {server.port}, facilities {server.security} {server.regular}, log"
        f"{' event' if server.events else ''}{' traffic' if server.traffic else ''}"
        for server in servers
    ]
    source = f"source interface {view.settings.source or 'of the route'}"
    vpn = ", through VPNs" if view.settings.vpn else ""
    return lines(f"Syslog is enabled, {source}{vpn}", *rows, f"{view.sent} messages sent, {view.lost} lost")


SYSLOG = keyword("syslog", "show syslog info", Command(_syslog))
