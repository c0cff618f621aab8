"""`get proxy-id`, `get pbr`, `get firewall`, `get ip tftp`, `get ipsec`, `get timer`.

No capture shows these layouts (docs/fidelity.md).
"""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, choice, keyword
from nsemu.cli.settings import pbr
from nsemu.cli.settings.ike_more import IPSEC_ITEMS
from nsemu.cli.settings.layout import Each, block
from nsemu.cli.settings.vrouter import ENTER_VROUTER, vrouter_scopes
from nsemu.cli.show.kept import config_lines, written
from nsemu.cli.show.l2tp import L2TP
from nsemu.cli.show.layout import cut, lines
from nsemu.device.views.ipsec import tunnel_views
from nsemu.device.views.resources import task_views


def _proxies(context: Context, _arguments: Arguments) -> str:
    rows = (
        f"{view.id:08x} {cut(view.vpn, 20)} {view.local_network!s:<20}{view.remote_network!s:<20}"
        f"{view.selector_protocol}/{view.selector_port}"
        for view in tunnel_views(context.device)
    )
    return lines(f"{'HEX ID':<8} {'VPN':<20} {'Local':<20}{'Remote':<20}Proto/Port", *rows)


def _pbr(context: Context, _arguments: Arguments) -> str:
    return lines(*(line.removeprefix("  ") for line in config_lines(context, _PBR)))


def _firewall(context: Context, _arguments: Arguments) -> str:
    """What is logged of traffic to the device; there is no way to turn it off."""
    return lines(
        "Log of packets to the device that are dropped: ON", f"Entries: {len(context.device.self_log.entries)}"
    )


def _tftp(context: Context, _arguments: Arguments) -> str:
    system = context.device.config.system
    return lines(f"TFTP retry: {system.tftp_retry}", f"TFTP timeout: {system.tftp_timeout} seconds")


def _timers(context: Context, _arguments: Arguments) -> str:
    rows = (
        f"{view.name:<12}{view.next_timer:>8}s" for view in task_views(context.device) if view.next_timer is not None
    )
    return lines(f"{'Task':<12}{'Next':>9}", *rows)


_PBR = Each(vrouter_scopes, (block(ENTER_VROUTER, *pbr.ITEMS),))
_PBR_COMMAND = Command(_pbr)
NODES: tuple[Node, ...] = (
    L2TP,
    keyword("firewall", "show firewall protection information", Command(_firewall)),
    keyword("ip", "get ip parameters", keyword("tftp", "show TFTP settings", Command(_tftp))),
    keyword(
        "ipsec",
        "get ipsec information",
        keyword("access-session", "show access sessions", written("Access of IPsec sessions", *IPSEC_ITEMS)),
    ),
    keyword(
        "pbr",
        "show policy-based routing",
        choice(_PBR_COMMAND, *(keyword(word, f"show {word}", _PBR_COMMAND) for word in ("configuration", "policy"))),
    ),
    keyword("proxy-id", "show proxy IDs", Command(_proxies)),
    keyword("timer", "show timer info", Command(_timers)),
)
