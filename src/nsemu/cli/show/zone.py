"""`get zone …` (screenos-cli §1.4)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import cut, enabled, lines, yes_no
from nsemu.cli.show.screen import ZONE_SCREEN
from nsemu.cli.types import ZONE
from nsemu.config.zone import ZoneKind
from nsemu.device.views.interfaces import ZoneView, zone_view, zone_views

_RULE = "-" * 72
_HEADER = f"  ID {'Name':<32} {'Type':<7} {'Attr':<7} {'VR':<11} {'Default-IF':<12} {'VSYS':<10}"
_TYPES = {
    ZoneKind.NULL: "Null",
    ZoneKind.LAYER3: "Security(L3)",
    ZoneKind.LAYER2: "Security(L2)",
    ZoneKind.FUNCTION: "Function",
    ZoneKind.TUNNEL: "Tunnel",
}


def _table(context: Context, _arguments: Arguments) -> str:
    views = zone_views(context.device)
    # The captured device counts all security zones, V1-Null among them.
    configurable = sum(view.zone.kind in {ZoneKind.LAYER2, ZoneKind.LAYER3} for view in views)
    return lines(
        f"Total {len(views)} zones created in vsys Root - {configurable} are policy configurable.",
        f"Total policy configurable zones for Root is {configurable}.",
        _RULE,
        _HEADER,
        *(_row(view) for view in views),
        _RULE,
    )


def _row(view: ZoneView) -> str:
    zone = view.zone
    attribute = "Shared" if zone.shared else ""
    return (
        f"{zone.id:>4} {cut(zone.name, 32)} {zone.kind.value:<7} {attribute:<6} "
        f"{cut(zone.vrouter, 12)} {cut(view.default_interface, 12)} {'Root':<20}"
    )


def _one(context: Context, arguments: Arguments) -> str:
    name = arguments["zone"]
    require(context.device.config.zones, name, "zone")
    view = zone_view(context.device, name)
    assert view is not None  # every configured zone has a view
    zone = view.zone
    tunnels = [f"Tunnel zone carried by {zone.carrier}"] if zone.carrier is not None else []
    designated = f". Designated ifp:{view.default_interface}" if view.interfaces else ""
    return lines(
        f"Zone name: {zone.name}, id: {zone.id}, type: {_TYPES[zone.kind]}, vsys: Root, vrouter:{zone.vrouter}",
        f"Intrazone block: {'On' if zone.block else 'Off'}, attrib: {'Shared' if zone.shared else 'Non-shared'}",
        f"TCP non SYN send reset: {'On' if zone.tcp_rst else 'Off'}",
        "IP/TCP reassembly for ALG on traffic from/to this zone: No",
        f"Asymmetric vpn: {enabled(False).capitalize()}",
        f"Policy Configurable: {yes_no(zone.policy_configurable)}",
        *tunnels,
        f"Interfaces bound:{len(view.interfaces)}{designated}",
        *(f"interface {interface}" for interface in view.interfaces),
        "DHCP relay disabled",
    )


ZONE_NODE = keyword(
    "zone",
    "show zone info",
    choice(
        Command(_table),
        keyword("all", "show all zones", Command(_table)),
        argument("zone", ZONE, "zone name", choice(Command(_one), ZONE_SCREEN)),
    ),
)
