"""`set vpn NAME monitor …`, `set vpnmonitor …`: kept without effect (Vol. 5, chapter 7)."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Arguments,
    Row,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    when_set,
)
from nsemu.cli.settings.kept import Shelf, ip, number
from nsemu.cli.types import INTERFACE
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError

OF_VPN = Shelf("vpn", ("vpn", "vpn"))


def _monitored(editor: Editor, arguments: Arguments) -> None:
    if arguments.get("rekey") and editor.vpns[arguments["vpn"]].manual is not None:  # B327
        raise ConfigError(f"vpn {arguments['vpn']} has manual keys and cannot have monitor rekey")


VPN_NODES = (
    OF_VPN.line(
        "monitor",
        "watch the tunnel with pings",
        optional(
            keyword(
                "source-interface",
                "interface whose address the pings have",
                argument("source", INTERFACE, "interface name"),
                optional(keyword("destination-ip", "address that answers", ip("target"))),
            )
        ),
        any_order(
            flag("optimized", "traffic counts as an answer"),
            flag("rekey", "negotiate at once and again when it is down"),
        ),
        uses={"source": "interface"},
        check=_monitored,
    ),
    OF_VPN.line("dscp-mark", "mark packets of the tunnel", number("dscp", 0, 63, "value")),
)

MONITOR = Shelf("vpnmonitor")
_SECONDS = number("seconds", 1, 3600, "seconds")
_INTERVAL = MONITOR.setting("vpnmonitor interval", default=Row({"seconds": 10}))
NODES = (
    keyword(
        "vpnmonitor",
        "how VPNs are watched",
        choice(
            keyword("interval", "seconds between pings", when_set(_SECONDS), _INTERVAL),
            keyword("frequency", "seconds between pings", when_set(_SECONDS), _INTERVAL),  # E105
            MONITOR.line(
                "threshold",
                "pings without answer before a tunnel is down",
                number("count", 1, 255, "pings"),
                default=Row({"count": 10}),
            ),
        ),
    ),
)
