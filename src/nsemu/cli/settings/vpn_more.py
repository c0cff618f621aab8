"""`set vpn NAME monitor …`, `set vpn-group …`, `set vpnmonitor …`: kept without effect (Vol. 5, chapter 7)."""

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
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.settings.kept import Shelf, ip, kept_object, number
from nsemu.cli.types import INTERFACE, VPN
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
GROUP = Shelf("vpn-group", ("vpn-group", "vpn_group"))
_GROUP_ITSELF = GROUP.setting("vpn-group id")
_MEMBER = GROUP.setting("vpn-group vpn", ("vpn",), uses={"vpn": "vpn"})
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
    keyword(
        "vpn-group",
        "redundant VPNs",
        keyword(
            "id",
            "ID of the group",
            number("vpn_group", 1, 65535, "ID"),
            choice(
                sequence(
                    keyword("vpn", "a member", argument("vpn", VPN, "VPN name")),
                    when_set(
                        optional(
                            keyword("weight", "the highest carries the traffic", number("weight", 1, 255, "weight"))
                        )
                    ),
                    _MEMBER,
                ),
                when_set(_GROUP_ITSELF),
                when_unset(kept_object("vpn-group", "vpn_group")),
            ),
        ),
    ),
)
