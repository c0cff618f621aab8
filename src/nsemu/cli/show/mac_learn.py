"""`get mac-learn` and `clear mac-learn`: the MAC addresses learned in transparent mode. No capture is known."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import cut, lines
from nsemu.cli.types import INTERFACE
from nsemu.device.views.bridge import forget_macs, mac_views
from nsemu.runtime.mac_table import AGEING, CAPACITY
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import format_mac_dotted

_RULE = "-" * 50


def _table(context: Context, arguments: Arguments) -> str:
    wanted = arguments.get("interface")
    if wanted is not None:
        require(context.device.config.interfaces, wanted, "interface")
    views = mac_views(context.device, wanted)
    return lines(
        f"usage: {len(views)}/{CAPACITY}, aging time {AGEING // SECOND} seconds",
        _RULE,
        f"{'MAC':<16}{'Interface':<15}{'Zone':<12}Age",
        _RULE,
        *(f"{format_mac_dotted(v.mac):<16}{cut(v.interface, 14)} {cut(v.zone, 11)} {v.age}" for v in views),
    )


def _clear(context: Context, _arguments: Arguments) -> str:
    forget_macs(context.device)
    return ""


MAC_LEARN = keyword(
    "mac-learn",
    "show learned MAC addresses",
    choice(Command(_table), argument("interface", INTERFACE, "interface name", Command(_table))),
)
CLEAR_MAC_LEARN = keyword("mac-learn", "clear learned MAC addresses", Command(_clear, privileged=True))
