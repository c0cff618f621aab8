"""`get ntp` (screenos-cli §1.18)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, keyword
from nsemu.cli.show.layout import dated, lines
from nsemu.config.kept import owned_lines
from nsemu.device.views.services import ntp_view


def _ntp(context: Context, _arguments: Arguments) -> str:
    view = ntp_view(context.device)
    settings = view.settings
    primary, *backups = view.servers
    adjustment = f"{settings.adjustment} second(s)" if settings.adjustment else "no limit"
    alone = any(rest == "no-ha-sync" for rest, _line in owned_lines(context.device.config.kept, None, "ntp"))
    return lines(
        f"NTP is {'Enabled' if settings.enabled else 'Disabled'}",
        f"Primary server: {primary or '0.0.0.0'} ",
        *(f"Backup{number} server: {server or '0.0.0.0'} " for number, server in enumerate(backups, 1)),
        f"Authentication Mode: {settings.authentication.value.capitalize()}",
        f"Max Allowed Adjustment: {adjustment}",
        f"Request Interval: {settings.interval} minute(s).",
        f"Sync NTP time to peer: {'Disabled' if alone else 'Enabled'}",
        f"Update Status: {'Asking' if view.asking else 'Idle'} ",
        f"Last Update at: {dated(view.updated) if view.updated is not None else 'never'}",
    )


NTP = keyword("ntp", "show NTP info", Command(_ntp))
