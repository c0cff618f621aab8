"""`get arp …` (screenos-cli §1.13)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import enabled, lines
from nsemu.cli.types import INTERFACE, IP
from nsemu.device.views.neighbors import ArpView, arp_views
from nsemu.wire.address import format_ipv4

_HEADER = "            IP           Mac          VR/Interface  State   Age  Retry  PakQue  Sess_cnt"
_RULE = "-" * 89
_CAPACITY = 1024


def _table(context: Context, arguments: Arguments) -> str:
    wanted = arguments.get("interface")
    if wanted is not None:
        require(context.device.config.interfaces, wanted, "interface")
    address = arguments.get("address")
    views = [view for view in arp_views(context.device, wanted) if address in {None, view.address}]
    rows = (_row(view) for view in views)
    always = enabled(context.device.state.neighbors.settings.always_on_dest)
    return lines(f"usage: {len(views)}/{_CAPACITY} miss: 0", f"always-on-dest: {always}", _RULE, _HEADER, _RULE, *rows)


def _row(view: ArpView) -> str:
    where = f"{view.vrouter}/{view.short_interface}"
    state = "STS" if view.static else "VLD" if view.resolved else "PND"
    return (
        f"{format_ipv4(view.address):>14}  {view.mac.hex()}  {where:<20}{state:>7}{view.age:>6}{view.retries:>7}"
        f"{view.queued:>8}{view.sessions:>6}"
    )


_INTERFACE = keyword(
    "interface", "show ARP entries of an interface", argument("interface", INTERFACE, "interface name", Command(_table))
)
ARP = keyword(
    "arp",
    "show ARP entries",
    choice(
        Command(_table),
        keyword("all", "show all ARP entries", Command(_table)),
        _INTERFACE,
        argument("address", IP, "IP address", Command(_table)),
    ),
)
