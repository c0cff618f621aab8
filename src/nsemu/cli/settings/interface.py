"""`set interface …`: zone, address, mode, management, MTU, link; makes tunnel and loopback interfaces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from nsemu.cli.grammar import Arguments, Row, Setting
from nsemu.cli.settings.checks import check_capacity, refuse_if_used, require, vrouter_of
from nsemu.cli.settings.transparent import check_address, check_binding, drop_routes
from nsemu.config.bridge import is_layer2
from nsemu.config.device import DeviceConfig, default_mode
from nsemu.config.editor import Editor
from nsemu.config.errors import CapacityError, ConfigError, DuplicateError
from nsemu.config.interface import (
    ALL_MANAGEMENT,
    Interface,
    InterfaceKind,
    InterfaceMode,
    ManagementService,
    management_services,
)
from nsemu.config.references import services_of_interface, users_of_interface
from nsemu.config.zone import Zone, ZoneKind
from nsemu.wire.address import Prefix, format_ipv4

UNBOUND = "Null"
_CREATED = re.compile(r"(tunnel|loopback)\.(0|[1-9]\d{0,3})", re.ASCII)
_SUBINTERFACE = re.compile(r"([^.]+)\.[1-9]\d{0,3}", re.ASCII)
_GROUP = re.compile(r"bgroup[0-3]|serial0/0", re.ASCII)


def find(editor: Editor, name: str) -> Interface:
    """The interface; a tunnel or loopback interface that is named for the first time is made. Raises ConfigError."""
    if name in editor.interfaces:
        return editor.interfaces[name]
    match = _CREATED.fullmatch(name)
    if match is None:
        return _part(editor, name)
    kind = InterfaceKind(match.group(1))
    check_capacity(
        [record for record in editor.interfaces.values() if record.kind is kind],
        editor.platform.capacity.tunnel_interfaces,
        f"{kind.value} interfaces",
    )
    if int(match.group(2)) >= editor.platform.capacity.tunnel_interfaces:
        raise CapacityError(
            f"interface {name} does not exist (0 to {editor.platform.capacity.tunnel_interfaces - 1} on this platform)"
        )
    interface = Interface(name, kind)
    editor.interfaces.put(name, interface)
    return interface


def _part(editor: Editor, name: str) -> Interface:
    """An interface with a VLAN tag on another one, or a group of ports where the platform has them; made when named."""
    match = _SUBINTERFACE.fullmatch(name)
    parent = editor.interfaces.get(match.group(1)) if match is not None else None
    of_platform = editor.platform.name.startswith("ssg") and _GROUP.fullmatch(name) is not None
    if not of_platform and (parent is None or parent.kind is not InterfaceKind.ETHERNET):
        return require(editor.interfaces, name, "interface")
    interface = Interface(name, InterfaceKind.ETHERNET)
    editor.interfaces.put(name, interface)
    return interface


def is_made(config: DeviceConfig | Editor, interface: Interface) -> bool:
    """Whether the admin made the interface: it is not one that the device has from the start."""
    return interface.kind not in {InterfaceKind.NULL, InterfaceKind.VLAN} and (
        interface.name not in config.platform.interfaces
    )


def _put(editor: Editor, interface: Interface) -> None:
    editor.interfaces.put(interface.name, interface)


def configurable(editor: Editor, arguments: Arguments) -> Interface:
    """The interface that a line is about, made when it is named for the first time. Raises ConfigError."""
    interface = find(editor, arguments["interface"])
    if interface.kind is InterfaceKind.NULL:
        raise ConfigError("interface null cannot be configured")
    return interface


def _existing(editor: Editor, arguments: Arguments) -> Interface:
    require(editor.interfaces, arguments["interface"], "interface")
    return configurable(editor, arguments)


# --- the interface itself


def _remove(editor: Editor, arguments: Arguments) -> None:
    interface = _existing(editor, arguments)
    if not is_made(editor, interface):
        raise ConfigError(f"interface {interface.name} cannot be removed (a tunnel or loopback interface expected)")
    refuse_if_used(f"interface {interface.name}", users_of_interface(editor, interface.name))
    editor.interfaces.remove(interface.name)


def _routes(editor: Editor, name: str) -> Iterator[str]:
    yield from (f"route {key.prefix} in {key.vrouter}" for key in editor.routes if key.interface == name)


# --- zone


def _set_zone(editor: Editor, arguments: Arguments) -> None:
    interface = configurable(editor, arguments)
    zone = require(editor.zones, arguments["zone"], "zone")
    if interface.zone == zone.name:
        return
    if interface.port_group is not None and zone.name != UNBOUND:
        raise ConfigError(
            f"interface {interface.name} is a port of {interface.port_group} "
            f"(unset interface {interface.port_group} port {interface.name} first)"
        )
    _check_kind(interface, zone)
    _check_idle(editor, interface, zone.name)
    check_binding(editor, interface, zone)
    _put(editor, replace(interface, zone=zone.name, mode=default_mode(zone.name), manage=None, loopback_group=None))


def _check_kind(interface: Interface, zone: Zone) -> None:
    allowed = {ZoneKind.NULL, ZoneKind.LAYER3}
    if interface.kind is InterfaceKind.ETHERNET:
        allowed.add(ZoneKind.LAYER2)
    if interface.kind is InterfaceKind.TUNNEL:
        allowed.add(ZoneKind.TUNNEL)
    if interface.kind is InterfaceKind.VLAN:
        allowed = {ZoneKind.FUNCTION} if zone.name == "VLAN" else set()
    is_management = zone.name in {"MGT", "HA"} and interface.kind is InterfaceKind.ETHERNET
    if (zone.kind not in allowed and not is_management) or zone.name == "Global":
        raise ConfigError(
            f"interface {interface.name} cannot be in zone {zone.name} (a layer 3 security zone expected)"
        )


def _check_idle(editor: Editor, interface: Interface, to: str) -> None:
    """An interface leaves its zone without address (Vol. 5's examples unset both, the address first)."""
    if interface.zone == UNBOUND:
        return
    if interface.address is not None or interface.unnumbered is not None:
        raise ConfigError(
            f"interface {interface.name} has an IP address and cannot move from zone {interface.zone} to {to} "
            f"(unset interface {interface.name} ip first)"
        )
    if to == UNBOUND or editor.zones[to].vrouter != vrouter_of(editor, interface):
        refuse_if_used(f"interface {interface.name}", list(_routes(editor, interface.name)))


def _unset_zone(editor: Editor, arguments: Arguments) -> None:
    interface = _existing(editor, arguments)
    if interface.kind is InterfaceKind.VLAN:
        raise ConfigError(f"interface {interface.name} cannot leave its zone")
    _check_idle(editor, interface, UNBOUND)
    _put(editor, replace(interface, zone=UNBOUND, mode=default_mode(UNBOUND), manage=None, loopback_group=None))


def _zone_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    interface = config.interfaces[scope["interface"]]
    if interface.kind in {InterfaceKind.NULL, InterfaceKind.VLAN} or interface.tag:
        return
    by_factory = {name for name, _zone in config.platform.bindings}
    if interface.zone != UNBOUND or is_made(config, interface) or interface.name in by_factory:
        yield Row({"interface": interface.name, "zone": interface.zone})


# --- address


def _set_address(editor: Editor, arguments: Arguments) -> None:
    interface = configurable(editor, arguments)
    address: Prefix = arguments["address"] if "address" in arguments else Prefix(arguments["host"], arguments["mask"])
    if interface.zone == UNBOUND:
        raise ConfigError(f"interface {interface.name} is in no zone (set interface {interface.name} zone first)")
    check_address(editor, interface)
    if address != interface.address:
        refuse_if_used(f"address of interface {interface.name}", services_of_interface(editor, interface.name))
    check_host(address)
    check_overlap(editor, interface, address)
    if any(address.overlaps(other) for other in interface.secondary):
        raise DuplicateError(f"IP address {address} overlaps with a secondary one of interface {interface.name}")
    manage_ip = interface.manage_ip if interface.manage_ip is not None and interface.manage_ip in address else None
    if manage_ip == address.address:
        manage_ip = None
    drop_routes(editor, interface, address)
    _put(editor, replace(interface, address=address, unnumbered=None, manage_ip=manage_ip))


def check_host(address: Prefix) -> None:
    """Refuse what cannot be the address of an interface. Raises ConfigError."""
    first = address.address >> 24
    if address.address == 0 or first == 127 or first >= 224:
        raise ConfigError(f"invalid IP address {address} (a unicast host address expected)")
    if address.length == 0:
        raise ConfigError(f"invalid netmask in {address} (a length from 1 to 32 expected)")
    if address.length < 31 and address.address in {address.network.address, address.broadcast}:
        raise ConfigError(f"invalid IP address {address} (a host address of {address.network} expected)")


def check_overlap(editor: Editor, interface: Interface, address: Prefix) -> None:
    """Refuse an address in a network of another interface of the virtual router. Raises DuplicateError."""
    vrouter = vrouter_of(editor, interface)
    for other in editor.interfaces.values():
        if other.name == interface.name or other.address is None or vrouter_of(editor, other) != vrouter:
            continue
        for taken in other.prefixes:
            if taken.overlaps(address):
                raise DuplicateError(f"IP address {address} overlaps with {taken} of interface {other.name}")


def _set_unnumbered(editor: Editor, arguments: Arguments) -> None:
    interface = configurable(editor, arguments)
    lender = require(editor.interfaces, arguments["lender"], "interface")
    if interface.kind is not InterfaceKind.TUNNEL:
        raise ConfigError(f"interface {interface.name} cannot be unnumbered (a tunnel interface expected)")
    if lender.kind not in {InterfaceKind.ETHERNET, InterfaceKind.LOOPBACK}:
        raise ConfigError(f"interface {lender.name} cannot lend its address (ethernet or loopback expected)")
    if interface.zone == UNBOUND:
        raise ConfigError(f"interface {interface.name} is in no zone (set interface {interface.name} zone first)")
    refuse_if_used(f"address of interface {interface.name}", services_of_interface(editor, interface.name))
    _put(editor, replace(interface, address=None, unnumbered=lender.name, manage_ip=None))


def _unset_address(editor: Editor, arguments: Arguments) -> None:
    interface = _existing(editor, arguments)
    if interface.secondary:
        raise ConfigError(
            f"interface {interface.name} has secondary IP address {interface.secondary[0]} "
            f"(unset interface {interface.name} ip {interface.secondary[0]} secondary first)"
        )
    given = arguments.get("address")
    if given is not None and given != interface.address:
        raise ConfigError(f"interface {interface.name} has no IP address {given}")
    if interface.address is not None:
        refuse_if_used(f"address of interface {interface.name}", services_of_interface(editor, interface.name))
    drop_routes(editor, interface, None)
    _put(editor, replace(interface, address=None, unnumbered=None, manage_ip=None))


def _address_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    interface = config.interfaces[scope["interface"]]
    if interface.address is not None:
        yield Row({"interface": interface.name, "address": interface.address})


def _unnumbered_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    interface = config.interfaces[scope["interface"]]
    if interface.unnumbered is not None:
        yield Row({"interface": interface.name, "lender": interface.unnumbered})


# --- mode


def _set_mode(editor: Editor, arguments: Arguments) -> None:
    interface = configurable(editor, arguments)
    if arguments["mode"] is InterfaceMode.NAT and interface.kind is InterfaceKind.VLAN:
        raise ConfigError(f"interface {interface.name} cannot be in NAT mode")
    _put(editor, replace(interface, mode=arguments["mode"]))


def _unset_mode(editor: Editor, arguments: Arguments) -> None:
    interface = _existing(editor, arguments)
    _put(editor, replace(interface, mode=default_mode(interface.zone)))


def _mode_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    interface = config.interfaces[scope["interface"]]
    if interface.address is not None or interface.mode is not default_mode(interface.zone):
        yield Row({"interface": interface.name, "mode": interface.mode})


# --- management


def _set_manage(editor: Editor, arguments: Arguments) -> None:
    _change_management(editor, arguments, on=True)


def _unset_manage(editor: Editor, arguments: Arguments) -> None:
    _change_management(editor, arguments, on=False)


def _change_management(editor: Editor, arguments: Arguments, *, on: bool) -> None:
    interface = configurable(editor, arguments) if on else _existing(editor, arguments)
    service: ManagementService | None = arguments.get("service")
    if is_layer2(editor, interface.zone):
        raise ConfigError(
            f"interface {interface.name} is in layer 2 zone {interface.zone} (set zone {interface.zone} manage)"
        )
    now = management_services(interface)
    if service is None:
        services = now | ALL_MANAGEMENT if on else frozenset[ManagementService]()
    else:
        services = now | {service} if on else now - {service}
    by_zone = management_services(replace(interface, manage=None))
    _put(editor, replace(interface, manage=None if services == by_zone else services))


def _manage_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    interface = config.interfaces[scope["interface"]]
    by_zone = management_services(replace(interface, manage=None))
    services = management_services(interface)
    for service in ManagementService:
        if (service in services) != (service in by_zone):
            yield Row({"interface": interface.name, "service": service}, unset=service not in services)


def _set_manage_ip(editor: Editor, arguments: Arguments) -> None:
    interface = configurable(editor, arguments)
    address: int = arguments["address"]
    if interface.address is None:
        raise ConfigError(f"interface {interface.name} has no IP address (set interface {interface.name} ip first)")
    if address not in interface.address or address == interface.address.address:
        raise ConfigError(
            f"invalid manage IP {format_ipv4(address)} (another address of {interface.address.network} expected)"
        )
    _put(editor, replace(interface, manage_ip=address))


def _unset_manage_ip(editor: Editor, arguments: Arguments) -> None:
    _put(editor, replace(_existing(editor, arguments), manage_ip=None))


def _manage_ip_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    interface = config.interfaces[scope["interface"]]
    if interface.manage_ip is not None:
        yield Row({"interface": interface.name, "address": interface.manage_ip})


def _set_manageable(editor: Editor, arguments: Arguments) -> None:
    _put(editor, replace(configurable(editor, arguments), manageable=True))


def _unset_manageable(editor: Editor, arguments: Arguments) -> None:
    _put(editor, replace(_existing(editor, arguments), manageable=False))


def _manageable_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    interface = config.interfaces[scope["interface"]]
    if interface.address is not None or not interface.manageable:
        yield Row({"interface": interface.name}, unset=not interface.manageable)


# --- the rest


def _set_mtu(editor: Editor, arguments: Arguments) -> None:
    _put(editor, replace(configurable(editor, arguments), mtu=arguments["mtu"]))


def _unset_mtu(editor: Editor, arguments: Arguments) -> None:
    _put(editor, replace(_existing(editor, arguments), mtu=0))


def _mtu_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    interface = config.interfaces[scope["interface"]]
    if interface.mtu:
        yield Row({"interface": interface.name, "mtu": interface.mtu})


def _set_link_down(editor: Editor, arguments: Arguments) -> None:
    interface = configurable(editor, arguments)
    if interface.kind is not InterfaceKind.ETHERNET:
        raise ConfigError(f"interface {interface.name} has no physical link (an ethernet interface expected)")
    _put(editor, replace(interface, link_down=True))


def _unset_link_down(editor: Editor, arguments: Arguments) -> None:
    _put(editor, replace(_existing(editor, arguments), link_down=False))


def _link_down_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    if config.interfaces[scope["interface"]].link_down:
        yield Row(scope)


def _set_description(editor: Editor, arguments: Arguments) -> None:
    _put(editor, replace(configurable(editor, arguments), description=arguments["description"]))


def _unset_description(editor: Editor, arguments: Arguments) -> None:
    _put(editor, replace(_existing(editor, arguments), description=""))


def _description_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    interface = config.interfaces[scope["interface"]]
    if interface.description:
        yield Row({"interface": interface.name, "description": interface.description})


def interface_scopes(config: DeviceConfig) -> Iterator[Arguments]:
    """One scope an interface; sub-interfaces stand behind theirs, by number, whenever they were made."""
    parts: dict[str | None, list[str]] = {}
    for record in config.interfaces.values():
        parts.setdefault(record.parent, []).append(record.name)
    for name in parts.get(None, ()):
        for listed in (name, *sorted(parts.get(name, ()), key=lambda part: int(part.rpartition(".")[2]))):
            yield {"interface": listed}


QUOTED = frozenset({"interface"})
INTERFACE_OBJECT = Setting("interface", None, _remove)
INTERFACE_ZONE = Setting("interface zone", _set_zone, _unset_zone, _zone_rows, QUOTED)
INTERFACE_IP = Setting("interface ip", _set_address, _unset_address, _address_rows)
INTERFACE_UNNUMBERED = Setting("interface ip unnumbered", _set_unnumbered, None, _unnumbered_rows)
INTERFACE_MODE = Setting("interface mode", _set_mode, _unset_mode, _mode_rows)
INTERFACE_MANAGEABLE = Setting("interface ip manageable", _set_manageable, _unset_manageable, _manageable_rows)
INTERFACE_MANAGE = Setting("interface manage", _set_manage, _unset_manage, _manage_rows)
INTERFACE_MANAGE_IP = Setting("interface manage-ip", _set_manage_ip, _unset_manage_ip, _manage_ip_rows)
INTERFACE_MTU = Setting("interface mtu", _set_mtu, _unset_mtu, _mtu_rows)
INTERFACE_LINK_DOWN = Setting("interface phy link-down", _set_link_down, _unset_link_down, _link_down_rows)
INTERFACE_DESCRIPTION = Setting("interface description", _set_description, _unset_description, _description_rows)
