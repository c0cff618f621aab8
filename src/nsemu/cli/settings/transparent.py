"""Transparent mode: `set interface vlan1 …`, `set zone … manage`, and what does not go together with layer 2 zones.

Vol. 5, "Transparent Mode VPN" (B227 to B232, B274).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import Arguments, Node, Row, Setting, choice, flag, keyword, optional
from nsemu.cli.settings.checks import refuse_if_used, require
from nsemu.config.bridge import VLAN1, bridged_interfaces, is_layer2, is_transparent
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.config.interface import ALL_MANAGEMENT, BridgeSettings, Interface, ManagementService, UnknownMac
from nsemu.config.zone import Zone, ZoneKind
from nsemu.wire.address import Prefix

# --- what does not go together


def check_binding(editor: Editor, interface: Interface, zone: Zone) -> None:
    """An interface joins a layer 2 zone when no other has an address and no VPN is bound to a tunnel interface."""
    if zone.kind is not ZoneKind.LAYER2 or is_transparent(editor):
        return
    routed = [
        f"interface {record.name} (unset interface {record.name} ip first)"
        for record in editor.interfaces.values()
        if record.name not in {VLAN1, interface.name} and (record.address is not None or record.unnumbered is not None)
        if editor.zones[record.zone].kind is not ZoneKind.FUNCTION
    ]
    if routed:
        raise ConfigError(
            f"interface {interface.name} cannot be in layer 2 zone {zone.name} beside the address of {routed[0]}"
        )
    bound = [f'vpn "{vpn.name}"' for vpn in editor.vpns.values() if vpn.bind_interface is not None]
    refuse_if_used(f"route-based VPN, not possible with layer 2 zone {zone.name}, which", bound)


def check_address(editor: Editor, interface: Interface) -> None:
    """An interface has an address of its own outside layer 2 zones, and beside them `vlan1` and MGT alone have one."""
    if is_layer2(editor, interface.zone):
        raise ConfigError(
            f"interface {interface.name} is in layer 2 zone {interface.zone} and can have no IP address "
            f"(set interface {VLAN1} ip)"
        )
    if interface.name == VLAN1 or editor.zones[interface.zone].kind is ZoneKind.FUNCTION:
        return
    bridged = bridged_interfaces(editor)
    if bridged:
        raise ConfigError(
            f"interface {interface.name} can have no IP address beside interface {bridged[0]} in layer 2 zone "
            f"{editor.interfaces[bridged[0]].zone} (set interface {VLAN1} ip)"
        )


def drop_routes(editor: Editor, old: Interface, address: Prefix | None) -> None:
    """`vlan1` moves to another subnet: the routes through the one it leaves are deleted (B231)."""
    if old.name != VLAN1 or old.address is None:
        return
    if address is not None and address.network == old.address.network:
        return
    for key in [key for key in editor.routes if key.interface == VLAN1]:
        editor.routes.remove(key)


def check_policy_based(editor: Editor, vpn: str, outgoing: str) -> None:
    """In transparent mode a VPN is not bound to a tunnel interface (B229); `outgoing` is its outgoing interface."""
    if is_transparent(editor) or (outgoing and outgoing not in editor.interfaces):
        raise ConfigError(
            f"vpn {vpn} cannot be bound to an interface in transparent mode (a policy-based VPN expected)"
        )


def check_route_mode(editor: Editor, what: str) -> None:
    """Refuse what transparent mode has not (B274)."""
    if is_transparent(editor):
        raise ConfigError(f"{what} is not available in transparent mode")


# --- the settings of vlan1


def _vlan1(editor: Editor, arguments: Arguments) -> Interface:
    interface = require(editor.interfaces, arguments["interface"], "interface")
    if interface.name != VLAN1:
        raise ConfigError(f"interface {interface.name} has no such setting (interface {VLAN1} expected)")
    return interface


def _change(editor: Editor, arguments: Arguments, **fields: Any) -> None:
    interface = _vlan1(editor, arguments)
    editor.interfaces.put(VLAN1, replace(interface, bridge=replace(interface.bridge, **fields)))


_DEFAULT = BridgeSettings()


def _switch(field: str) -> Setting:
    """A switch of `vlan1`, printed when it is not as on a factory device."""

    def rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
        value = getattr(config.interfaces[scope["interface"]].bridge, field)
        if scope["interface"] == VLAN1 and value is not getattr(_DEFAULT, field):
            yield Row(scope, unset=not value)

    return Setting(
        f"interface {field.replace('_', '-')}",
        lambda editor, arguments: _change(editor, arguments, **{field: True}),
        lambda editor, arguments: _change(editor, arguments, **{field: False}),
        rows,
    )


def _set_broadcast(editor: Editor, arguments: Arguments) -> None:
    way: UnknownMac = arguments["way"]
    _change(editor, arguments, unknown_mac=way, trace_route=arguments.get("trace_route", False))


def _unset_broadcast(editor: Editor, arguments: Arguments) -> None:
    if arguments.get("trace_route", False):
        _change(editor, arguments, trace_route=False)
    else:
        _change(editor, arguments, unknown_mac=UnknownMac.FLOOD, trace_route=False)


def _broadcast_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    settings = config.interfaces[scope["interface"]].bridge
    if scope["interface"] == VLAN1 and settings.unknown_mac is UnknownMac.ARP:
        row = {**scope, "way": UnknownMac.ARP}
        yield Row({**row, "trace_route": True} if settings.trace_route else row)


BYPASS_NON_IP = _switch("bypass_non_ip")
BYPASS_NON_IP_ALL = _switch("bypass_non_ip_all")
BYPASS_OTHERS_IPSEC = _switch("bypass_others_ipsec")
VLAN_TRUNK = _switch("vlan_trunk")
BROADCAST = Setting("interface broadcast", _set_broadcast, _unset_broadcast, _broadcast_rows)
VLAN1_ITEMS = (BYPASS_NON_IP, BYPASS_NON_IP_ALL, BYPASS_OTHERS_IPSEC, VLAN_TRUNK, BROADCAST)

INTERFACE_NODES: tuple[Node, ...] = (
    keyword("bypass-others-ipsec", "let IPsec of others pass", BYPASS_OTHERS_IPSEC),
    keyword("bypass-non-ip", "let what is not IP pass", BYPASS_NON_IP),
    keyword("bypass-non-ip-all", "let multicasts that are not IP pass", BYPASS_NON_IP_ALL),
    keyword("vlan", "VLAN tags", keyword("trunk", "let frames with VLAN tags pass", VLAN_TRUNK)),
    keyword(
        "broadcast",
        "unknown destinations",
        choice(
            keyword("flood", "flood frames", BROADCAST, binds=("way", UnknownMac.FLOOD)),
            keyword(
                "arp",
                "ask with ARP",
                optional(flag("trace-route", "ask routers too", "trace_route")),
                BROADCAST,
                binds=("way", UnknownMac.ARP),
            ),
        ),
    ),
)

# --- management from a zone


def _layer2(editor: Editor, arguments: Arguments) -> Zone:
    zone = require(editor.zones, arguments["zone"], "zone")
    if zone.kind is not ZoneKind.LAYER2:
        raise ConfigError(f"zone {zone.name} has no manage setting (a layer 2 security zone expected)")
    return zone


def _manage(on: bool) -> Callable[[Editor, Arguments], None]:
    def change(editor: Editor, arguments: Arguments) -> None:
        zone = _layer2(editor, arguments)
        service: ManagementService | None = arguments.get("service")
        if service is None:
            services = zone.services | ALL_MANAGEMENT if on else frozenset[ManagementService]()
        else:
            services = zone.services | {service} if on else zone.services - {service}
        default = replace(zone, manage=None).services
        editor.zones.put(zone.name, replace(zone, manage=None if services == default else services))

    return change


def _manage_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    zone = config.zones[scope["zone"]]
    if zone.kind is not ZoneKind.LAYER2:
        return
    default = replace(zone, manage=None).services
    for service in ManagementService:
        if (service in zone.services) != (service in default):
            yield Row({"zone": zone.name, "service": service}, unset=service not in zone.services)


ZONE_MANAGE = Setting("zone manage", _manage(True), _manage(False), _manage_rows)
_HELP = {
    ManagementService.PING: "answer pings",
    ManagementService.TELNET: "Telnet",
    ManagementService.SSH: "SSH",
    ManagementService.SNMP: "SNMP",
    ManagementService.WEB: "Web",
    ManagementService.SSL: "Web over SSL",
    ManagementService.IDENT_RESET: "reset IDENT requests",
}
ZONE_NODE = keyword(
    "manage",
    "management of a layer 2 zone",
    optional(choice(*(flag(service.value, text, "service", service) for service, text in _HELP.items()))),
    ZONE_MANAGE,
)
